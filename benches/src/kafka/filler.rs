//! State topics with much in them, written by the host's own operators, log and committer, with an action in place of a
//! guest.

use super::PARTITIONS;
use super::host::Application;
use crate::job::payload;
use crate::keyed::{plan, tally};
use anyhow::{Context, bail};
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};
use weir_core::checkpoint::Entry;
use weir_core::event::{Event, InputEvent, KIND_INPUT, PartitionId, SourcePosition};
use weir_core::id::EventId;
use weir_core::json::Json;
use weir_core::key::Key;
use weir_core::limits::OperatorLimits;
use weir_core::operator::{Command, Operator, OperatorStart};
use weir_core::ownership::{Epoch, FenceKey, PartitionRecord};
use weir_core::partition::partition_of;
use weir_core::store::Rebuild;
use weir_core::store::log::{ActionStateLog, Append, Position};
use weir_kafka::{
    Committer, GroupEvent, GroupMember, KafkaLog, KafkaSettings, Membership, PartitionPart, RecordSizes, Transaction,
};
use weir_tests::kafka::Cluster;

/// Records on their way at most: below what the producer's queue holds.
const IN_FLIGHT_MAX: usize = 50_000;
/// How long the group may take to give this its partitions.
const PATIENCE: Duration = Duration::from_secs(60);
/// The epoch of all that is written here.
const EPOCH: Epoch = Epoch(1);

/// The owner of all partitions of an application whose source is empty.
pub struct Filler {
    member: GroupMember,
    membership: Membership,
    committer: Committer,
    log: KafkaLog,
    operators: Vec<Operator>,
    appends: Vec<Append>,
}

impl Filler {
    /// Takes the partitions of an application over that has never run.
    pub fn start(cluster: &Cluster, application: &Application<'_>, source: &str) -> anyhow::Result<Self> {
        let name = &application.name;
        let mut settings = KafkaSettings::new(name, cluster.bootstrap(), source);
        settings.sink_topic = Some(application.sink.to_string());
        let settings = Arc::new(settings);
        let topics = weir_kafka::ensure(&settings)?;
        let bytes_max = topics.action_state.record_bytes_max;
        let member = GroupMember::join(&settings)?;
        let membership = take_up(&member)?;
        let sizes = RecordSizes { least: bytes_max, most: bytes_max };
        let committer = Committer::start(settings.clone(), name, sizes)?.blocking_recv()??;
        let mut log = KafkaLog::new(settings.clone(), bytes_max)?;
        let mut operators = Vec::new();
        let (plan, limits) = (Arc::new(plan()?), Arc::new(OperatorLimits::default()));
        for partition in (0..PARTITIONS).map(PartitionId) {
            log.begin_ownership(partition, EPOCH);
            log.write_fence(partition)?;
            log.sync()?;
            let (_, fence) = log.take_fences().pop().context("a fence is not acknowledged")?;
            let end = Position(fence.0 + 1);
            let mut rebuild = Rebuild::of_owner(EPOCH, Epoch::default(), partition, end, limits.record_bytes_max);
            let (name, value) = (FenceKey(EPOCH).to_bytes(), FenceKey(EPOCH).value());
            rebuild.on_scanned(fence, &name, Some(&value), |_| weir_core::event::SequenceNumber(0))?;
            let (plan, limits, store) = (plan.clone(), limits.clone(), rebuild.finish());
            operators.push(Operator::new(OperatorStart { plan, limits, store, partition }));
        }
        Ok(Self { member, membership, committer, log, operators, appends: Vec::new() })
    }

    /// One event that completes for each of these keys.
    pub fn feed(&mut self, numbers: Range<u64>, keys: u64) -> anyhow::Result<()> {
        for number in numbers {
            let text = payload(number, keys);
            let key = Key::new(format!("key-{number}"));
            let at = partition_of(key.as_bytes(), PARTITIONS).0 as usize;
            let id = EventId::of_input("kafka", &number.to_be_bytes(), text.as_bytes());
            let event = Event { id, kind: KIND_INPUT.into(), payload: Json::from_checked(text) };
            let headers = Arc::from([]);
            let input = InputEvent { key, event, position: SourcePosition(0), timestamp_ms: None, headers };
            self.operators[at].on_input_event(input, 1);
            self.pump(at)?;
        }
        self.acknowledge()
    }

    fn pump(&mut self, at: usize) -> anyhow::Result<()> {
        while self.operators[at].has_work() {
            self.operators[at].take_appends_into(&mut self.appends);
            for command in self.operators[at].take_commands() {
                match command {
                    Command::Load(key) => {
                        self.operators[at].on_key_loaded(&key, Vec::new(), 1).context("begin a key")?;
                    }
                    Command::Invoke(invocation) => {
                        let key = invocation.task().key.clone();
                        self.operators[at].on_invocation_ended(&key, tally(*invocation)?, 1);
                    }
                    _ => {}
                }
            }
        }
        if self.log.in_flight() > IN_FLIGHT_MAX {
            self.acknowledge()?;
        }
        Ok(self.log.append(&mut self.appends)?)
    }

    /// All that was appended becomes durable.
    fn acknowledge(&mut self) -> anyhow::Result<()> {
        self.log.append(&mut self.appends)?;
        for acknowledged in self.log.sync()? {
            self.operators[acknowledged.partition.0 as usize].on_acknowledged(acknowledged);
        }
        Ok(())
    }

    /// Commits a checkpoint of what has changed, after which nothing is left in the log.
    pub fn checkpoint(&mut self) -> anyhow::Result<()> {
        let mut transaction = Vec::new();
        let mut taken = Vec::new();
        for (at, operator) in self.operators.iter_mut().enumerate() {
            let part = operator.begin_checkpoint();
            let record = record(part.marker, part.marker_epoch, false);
            transaction.push(part_of(operator.partition(), record, part.entries));
            taken.push((at, part.id));
        }
        self.commit(transaction)?;
        for (at, id) in taken {
            self.operators[at].on_checkpoint_completed(id);
            self.pump(at)?;
        }
        self.acknowledge()
    }

    /// Gives all up, so that the next owner need not wait. Where no checkpoint was taken, all is left to its rebuild.
    pub fn release(mut self) -> anyhow::Result<()> {
        let mut transaction = Vec::new();
        for operator in &mut self.operators {
            let marker = operator.store().recovery_marker();
            let record = record(marker, operator.store().marker_epoch(marker), true);
            transaction.push(part_of(operator.partition(), record, Vec::new()));
        }
        self.commit(transaction)?;
        drop(self.member);
        Ok(())
    }

    fn commit(&self, transaction: Transaction) -> anyhow::Result<()> {
        let committed = self.committer.commit(transaction, self.membership.clone());
        // What the group tells meanwhile is nothing: this is its only member.
        let _ = self.member.poll()?;
        committed.blocking_recv().context("the committer is gone")?.1?;
        Ok(())
    }
}

fn part_of(partition: PartitionId, record: PartitionRecord, entries: Vec<Entry>) -> PartitionPart {
    PartitionPart { partition, record, entries, outputs: Vec::new(), dead_letters: Vec::new() }
}

fn record(recovery_marker: Position, marker_epoch: Epoch, released: bool) -> PartitionRecord {
    PartitionRecord {
        epoch: EPOCH,
        transactional_id: "bench".to_owned(),
        lease_ms: weir_kafka::settings::LEASE_MS,
        released,
        source_offset: 0,
        recovery_marker,
        marker_epoch,
        partitions: PARTITIONS,
    }
}

fn take_up(member: &GroupMember) -> anyhow::Result<Membership> {
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        let _ = member.poll()?;
        for event in member.take_events()? {
            if let GroupEvent::Assigned(_) = event {
                return Ok(member.take_up()?);
            }
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    bail!("the group gave no partitions")
}
