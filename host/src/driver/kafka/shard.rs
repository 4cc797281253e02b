//! A shard on Kafka: a member of the group with a log, a committer and a scratch of its own, on one thread, in one loop.
//!
//! Where an event waits: at the broker; in the client's queue, bounded by its settings; then where the executor says; its
//! outputs in the outbox of its partition until the checkpoint is committed. A full one makes the shard read no more.

use super::backend::KafkaBackend;
use super::checkpoint::Commit;
use super::lease::{LeaseGate, ShardLease};
use super::pace::Pace;
use super::partition::{Owned, Partition, Stage};
use super::set_aside::SetAside;
use super::takeover::{NumberedFact, TakeoverWork};
use super::{KafkaShardStart, ShardOutcome};
use crate::clock::now_ms;
use crate::driver::executor::{Executor, InvocationsStart};
use crate::driver::shards::{ShardControl, ShardEnd};
use crate::settings::OnBadEvent;
use crate::source::RecordParts;
use anyhow::{Context, anyhow};
use hashbrown::{HashMap, HashSet};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use weir_core::event::PartitionId;
use weir_core::key::Key;
use weir_core::operator::Operator;
use weir_kafka::{Committer, ControlListener, GroupMember, KafkaLog, Membership, Waker};

/// Bytes of outputs and dead letters that wait for a checkpoint, from which on no more events are taken.
const BUFFERED_BYTES_MAX: usize = 16 << 20;
/// Appends since the last checkpoint, from which on no more events are taken.
const APPENDS_UNCHECKPOINTED_MAX: usize = 256 << 10;
/// Records on their way to the log, from which on no more events are taken: below what the producer's queue holds.
const IN_FLIGHT_MAX: usize = 50_000;
/// Events that are taken before the rest is looked after.
const TAKE_MAX: usize = 64;
/// The same, bytes.
const TAKE_BYTES_MAX: usize = 1 << 20;
/// How long a shard that has given all up waits for its last tombstones. Without them the next owner writes them.
const LAST_TOMBSTONES_MAX: Duration = Duration::from_secs(5);
/// How often the loop runs at least.
const TICK: Duration = Duration::from_millis(20);

/// A shard that runs.
pub(super) struct KafkaShard<'a> {
    pub(super) start: &'a mut KafkaShardStart,
    pub(super) executor: Executor<KafkaBackend>,
    pub(super) member: GroupMember,
    pub(super) committer: Committer,
    pub(super) control: ControlListener,
    waker: Waker,
    pub(super) membership: Option<Membership>,
    pub(super) transactional_id: String,
    pub(super) lease: Arc<ShardLease>,
    pub(super) partitions: BTreeMap<PartitionId, Partition>,
    pub(super) work: TakeoverWork,
    pub(super) facts: mpsc::UnboundedReceiver<NumberedFact>,
    pub(super) numbers: u64,
    /// What the group wants back at once, and which of it is not given up yet.
    pub(super) revocation: Option<(Vec<PartitionId>, HashSet<PartitionId>)>,
    pub(super) commit: Option<Commit>,
    pub(super) committed_at: Instant,
    /// Whether outputs go to the committer before their checkpoint.
    pub(super) puts_ahead: bool,
    pub(super) pace: Pace,
    /// When the first of the checkpoints began that were aborted one after another.
    pub(super) aborted_since: Option<Instant>,
    told_policy_stop: bool,
    /// It is to end, once nothing is owned any more.
    pub(super) leaving: Option<Option<oneshot::Sender<()>>>,
    /// Since when nothing is owned any more.
    released_at: Option<Instant>,
    pub(super) is_lost: bool,
}

impl<'a> KafkaShard<'a> {
    /// A shard that has joined the group, with a committer of this transactional id.
    pub(super) fn join(
        start: &'a mut KafkaShardStart,
        transactional_id: String,
        committer: Committer,
    ) -> anyhow::Result<Self> {
        let kafka = start.kafka.clone();
        let log = KafkaLog::new(kafka.clone(), start.action_state_bytes_max)?;
        let lease = ShardLease::new(kafka.lease_ms);
        let control = ControlListener::start(kafka.clone()).context("start a thread")?;
        let waker = Waker::new().context("make a pipe")?;
        log.watch(&waker);
        let invocations = InvocationsStart {
            invoker: start.host.gated_invoker(Arc::new(LeaseGate(lease.clone()))),
            actions: start.actions.clone(),
            max: start.invocations_max,
        };
        let backend = KafkaBackend {
            log,
            scratches: HashMap::new(),
            outboxes: HashMap::new(),
            spare_outputs: Vec::new(),
            dead_letter_bytes_max: start.dead_letter_bytes_max,
        };
        let member = GroupMember::join(&kafka)?;
        member.watch(&waker);
        let (sender, facts) = mpsc::unbounded_channel();
        let puts_ahead = super::checkpoint::puts_ahead(start.interval, kafka.transaction_timeout());
        let work = TakeoverWork { facts: sender, ..start.takeover_work() };
        Ok(Self {
            start,
            executor: Executor::new(backend, Vec::new(), invocations),
            member,
            committer,
            control,
            waker,
            membership: None,
            transactional_id,
            lease,
            partitions: BTreeMap::new(),
            work,
            facts,
            numbers: 0,
            revocation: None,
            commit: None,
            committed_at: Instant::now(),
            puts_ahead,
            pace: Pace::new(0, Duration::ZERO, Instant::now()),
            aborted_since: None,
            told_policy_stop: false,
            leaving: None,
            released_at: None,
            is_lost: false,
        })
    }

    /// Runs until it is told to stop, loses its partitions, or fails.
    pub(super) async fn run(&mut self) -> anyhow::Result<ShardOutcome> {
        loop {
            self.executor.settle().await?;
            self.prune();
            self.executor.flush_appends()?;
            self.take_acknowledged()?;
            self.on_group_events()?;
            if self.is_lost {
                self.lease.give_up();
                let owned = self.partitions.iter_mut().filter_map(|(at, entry)| Some((*at, entry.owned()?.epoch)));
                owned.for_each(|(partition, epoch)| self.start.counts.source_offsets.remove(partition, epoch));
                if self.leaving.is_none() {
                    return Ok(ShardOutcome::Lost);
                }
                // What is not its own any more can't be given up.
                tracing::warn!("the shard ends without a last checkpoint: the next owner waits for its lease");
                return Ok(ShardOutcome::Left);
            }
            self.advance_partitions()?;
            self.advance_commit()?;
            self.put_ahead();
            self.tell().await;
            if self.leaving.is_some() && self.partitions.is_empty() && self.last_tombstones_are_out() {
                if let Some(Some(reply)) = self.leaving.take() {
                    let _ = reply.send(());
                }
                return Ok(ShardOutcome::Left);
            }
            let taken = self.take_records().await?;
            if self.wait(taken > 0).await? {
                return Ok(ShardOutcome::Stopped);
            }
        }
    }

    /// Whether all that was put has arrived, or is not waited for any longer.
    fn last_tombstones_are_out(&mut self) -> bool {
        let since = *self.released_at.get_or_insert_with(Instant::now);
        self.executor.backend.log.in_flight() == 0 || since.elapsed() > LAST_TOMBSTONES_MAX
    }

    /// Waits for something to do, or only looks; whether it is told to stop at once.
    async fn wait(&mut self, only_look: bool) -> anyhow::Result<bool> {
        let tick = async {
            match only_look {
                true => tokio::task::yield_now().await,
                false => tokio::time::sleep(TICK).await,
            }
        };
        tokio::select! {
            biased;
            order = self.start.orders.recv() => match order {
                None | Some(ShardControl::Stop) => return Ok(true),
                Some(order) => self.on_order(order)?,
            },
            // Rare, and before the work, of which there may always be some: the lease hangs on it.
            committed = super::checkpoint::committed(&mut self.commit) => self.on_committed(committed)?,
            Some(fact) = self.facts.recv() => self.on_takeover_fact(fact)?,
            Some(request) = self.control.next() => self.on_control_request(request),
            work = self.executor.next_work() => self.executor.on_work(work)?,
            () = self.lease.asked.notified() => {}
            woken = self.waker.woken() => woken.context("wait for Kafka")?,
            () = tick => {}
        }
        Ok(false)
    }

    /// What became durable in the log.
    fn take_acknowledged(&mut self) -> anyhow::Result<()> {
        let durable = self.executor.backend.log.poll()?;
        self.executor.acknowledge(durable);
        for (partition, position) in self.executor.backend.log.take_fences() {
            self.on_fence(partition, position)?;
        }
        Ok(())
    }

    /// Takes records of the source while there is room; how many.
    async fn take_records(&mut self) -> anyhow::Result<usize> {
        let takes = self.takes_events();
        self.pause_or_resume()?;
        let (mut taken, mut bytes) = (0, 0);
        while taken < TAKE_MAX && bytes < TAKE_BYTES_MAX && takes {
            let now = now_ms();
            let Some(record) = self.member.poll()? else { break };
            let partition = record.partition();
            taken += 1;
            bytes += record.value().map_or(0, <[u8]>::len);
            let Some(Partition { stage: Stage::Running(owned), .. }) = self.partitions.get_mut(&partition) else {
                continue;
            };
            if record.offset() < owned.next_offset || owned.paused {
                continue;
            }
            let position = record.offset();
            owned.next_offset = position + 1;
            let parts = RecordParts {
                partition: partition.0,
                offset: position,
                key: record.key(),
                value: record.value(),
                timestamp_ms: record.timestamp_ms(),
                headers: record.headers(),
            };
            match self.start.parser.parse_record(parts) {
                Ok(input) => {
                    let at = self.executor.operator_at(partition).expect("a running partition has an operator");
                    self.executor.on_input(at, input, now).await?;
                }
                Err(bad) => {
                    let place = format!("{}, partition {partition}, offset {position}", self.start.kafka.source_topic);
                    if self.start.on_bad_event == OnBadEvent::Stop {
                        return Err(anyhow!(
                            "{place}: record {bad}: mend it, or set source.on_bad_event to \"set-aside\""
                        ));
                    }
                    let topic = &self.start.kafka.source_topic;
                    let letter =
                        SetAside { topic, partition, position, bad: &bad, key: record.key(), value: record.value() };
                    let (key, letter) = letter.fitting_into(self.start.dead_letter_bytes_max);
                    let outbox = self.executor.backend.outboxes.entry(partition).or_default();
                    outbox.push_dead_letter(key, letter);
                    tracing::warn!("{place}: record {bad}: set aside");
                }
            }
            if self.executor.invocations.is_full() {
                break;
            }
        }
        Ok(taken)
    }

    /// Back-pressure: whether more events may be taken.
    fn takes_events(&self) -> bool {
        self.leaving.is_none()
            && !self.executor.invocations.is_full()
            && self.executor.has_room()
            && !self.executor.uncheckpointed.are_too_many(APPENDS_UNCHECKPOINTED_MAX)
            && self.executor.backend.buffered_bytes() < BUFFERED_BYTES_MAX
            && self.executor.backend.log.in_flight() < IN_FLIGHT_MAX
    }

    /// A partition with a full quarantined key is paused alone.
    fn pause_or_resume(&mut self) -> anyhow::Result<()> {
        for (partition, entry) in &mut self.partitions {
            let Stage::Running(owned) = &mut entry.stage else { continue };
            let at = self.executor.operator_at(*partition).expect("a running partition has an operator");
            let pause = self.executor.operators[at].is_full();
            if pause && !owned.paused {
                self.member.pause(&[*partition])?;
            } else if !pause && owned.paused {
                self.member.start(*partition, owned.next_offset)?;
            }
            owned.paused = pause;
        }
        Ok(())
    }

    async fn tell(&mut self) {
        if let Some(what) = &self.executor.policy_stop
            && !self.told_policy_stop
        {
            self.told_policy_stop = true;
            let _ = self.start.ends.send(ShardEnd::PolicyStop(what.clone())).await;
        }
    }

    fn on_order(&mut self, order: ShardControl) -> anyhow::Result<()> {
        match order {
            ShardControl::Drain(reply) => {
                self.leaving = Some(Some(reply));
                let all: Vec<PartitionId> = self.partitions.keys().copied().collect();
                all.into_iter().try_for_each(|partition| self.revoke(partition))
            }
            ShardControl::CutOff => {
                let all: Vec<PartitionId> = self.executor.operators.iter().map(Operator::partition).collect();
                all.into_iter().for_each(|partition| self.executor.cut_off(partition));
                Ok(())
            }
            ShardControl::Observe(what, reply) => {
                let _ = reply.send(self.executor.observe(what)?);
                Ok(())
            }
            ShardControl::Repair(request, reply) => {
                self.executor.on_repair(request, reply);
                Ok(())
            }
            ShardControl::Checkpoint(_) | ShardControl::CheckpointCompleted | ShardControl::CheckpointAborted => {
                unreachable!("a shard on Kafka takes its checkpoints by itself")
            }
            ShardControl::Stop => unreachable!("the loop ends with it"),
        }
    }

    /// The operator of a partition that was taken over begins, and reading with it.
    pub(super) fn act(
        &mut self,
        partition: PartitionId,
        operator: Operator,
        busy: Vec<Key>,
        owned: Owned,
    ) -> anyhow::Result<()> {
        let at = self.executor.add(operator);
        for key in busy {
            let entries = self.executor.backend.scratches[&partition].load_key(&key)?;
            self.executor.operators[at].on_key_loaded(&key, entries, now_ms()).context("read keyed state")?;
        }
        self.member.start(partition, owned.next_offset)?;
        let entry = self.partitions.get_mut(&partition).expect("it was just taken over");
        entry.stage = Stage::Running(owned);
        self.start.counts.source_offsets.set(partition, owned.epoch, owned.committed_offset);
        self.control.follow(partition);
        Ok(())
    }
}
