//! One simulated host: a shard with its client of the group, its producers, and what it owns.

use super::broker::{Producer, Refused};
use super::changelog::TransactionIndex;
use super::group::{Mask, Metadata};
use super::topic::Sent;
use crate::keyed::{Batch, Checkpointed};
use crate::process::Process;
use std::collections::VecDeque;
use weir_core::action_state::{RecordKey, RecordKind, decode};
use weir_core::ownership::{Lease, PartitionRecord, Takeover, TakeoverStep};
use weir_core::store::Rebuild;
use weir_core::store::log::{Position, Ticket};

/// A host.
#[derive(Debug)]
pub struct Host {
    /// Which one.
    pub index: usize,
    /// The number of its start among all starts: what makes its transactional id new.
    pub life: u32,
    /// The release that it runs.
    pub release: usize,
    /// Whether its process is there.
    pub condition: Condition,
    /// Until when it does not reach the brokers.
    pub cut_off_until_ms: u64,
    /// Since when it was not reachable.
    pub unreachable_since_ms: Option<u64>,
    /// Its producer of transactions, once initialised.
    pub producer: Option<Producer>,
    /// Its member of the group.
    pub client: Client,
    /// The group's metadata as of the last rebalance that it has dealt with.
    pub metadata: Option<Metadata>,
    /// Whether the group refused that metadata.
    pub refused: bool,
    /// What it owns or takes over, by partition.
    pub tenures: Vec<Option<Box<Tenure>>>,
    /// The transaction in flight.
    pub transaction: Option<Transaction>,
    /// It was asked to stop.
    pub stopping: bool,
    /// How long it stays down when it has stopped.
    pub down_ms: u64,
}

/// Whether a host's process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// It does not, until then.
    Down(u64),
    /// It stands still, until then.
    Paused(u64),
    /// It runs.
    Running,
}

/// The client's side of the group. It goes on by itself; what it has to tell waits until the host looks.
#[derive(Clone, Debug, Default)]
pub struct Client {
    /// As what it is known to the group, as of now.
    pub metadata: Option<Metadata>,
    /// Its name, from its joining on.
    pub member: Option<u32>,
    /// What it owns, what it is to give up included.
    pub owned: Mask,
    /// What the host is to be told, in order.
    pub events: VecDeque<Event>,
    /// Partitions that the host is giving up.
    pub revoking: Mask,
}

/// What a client tells its host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// It was no member any more: these partitions may belong to others by now.
    Lost(Mask),
    /// A new generation.
    Rebalanced {
        /// Its metadata.
        metadata: Metadata,
        /// Partitions to be given up.
        revoked: Mask,
        /// Partitions to be taken over.
        assigned: Mask,
    },
}

/// A transaction of a host's producer.
#[derive(Debug)]
pub struct Transaction {
    /// Whether it commits the epoch of a takeover; else it is a checkpoint.
    pub is_takeover: bool,
    /// The group's metadata when it began.
    pub metadata: Metadata,
    /// What it writes, by partition.
    pub parts: Vec<Part>,
    /// How far it is.
    pub stage: Stage,
}

/// What a transaction writes for one partition.
#[derive(Debug)]
pub struct Part {
    /// The partition.
    pub partition: usize,
    /// Of a checkpoint, its name.
    pub checkpoint: u64,
    /// Its door.
    pub waits_for: Option<Ticket>,
    /// Keyed state, outputs.
    pub batch: Batch,
    /// The checkpoint record.
    pub record: PartitionRecord,
}

/// How far a transaction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It waits for its doors.
    Taken,
    /// What it writes is at the brokers.
    Written(TransactionIndex),
    /// The offsets too.
    OffsetsSent(TransactionIndex),
    /// Its end is on its way.
    Ending(TransactionIndex),
    /// Its end is answered.
    Answered(Result<(), Refused>),
}

/// What is on its way in a partition of the action-state topic.
#[derive(Clone, Debug)]
pub struct OnWire {
    /// What the brokers get.
    pub sent: Sent,
    /// Whether it is a record.
    pub is_record: bool,
}

/// What a host has to do with one partition, from its assignment on.
#[derive(Debug)]
pub struct Tenure {
    /// What is known of it outside: its number among all tenures.
    pub log: usize,
    /// How it becomes the owner.
    pub takeover: Takeover,
    /// What is to be done for that.
    pub doing: Doing,
    /// The right to make effects.
    pub lease: Lease,
    /// The scratch store: keyed state as of the last checkpoint.
    pub keyed: Checkpointed,
    /// What the changelog said before the last owner's producer was initialised: for one of the planted mistakes.
    pub early: Option<(Option<PartitionRecord>, Checkpointed)>,
    /// The core at work, once it owns the partition.
    pub process: Option<Box<Process>>,
    /// What is on its way to the action-state topic.
    pub wire: VecDeque<OnWire>,
    /// So many appends of the core were sent.
    pub sent: usize,
    /// Its rebuild read the action states before there.
    pub rebuilt_to: u64,
    /// It is to be given up.
    pub revoked: bool,
}

/// What a tenure does next.
#[derive(Debug)]
pub enum Doing {
    /// A step of the takeover.
    Step(TakeoverStep),
    /// The changelog is to be read up to there.
    Restoring(u64),
    /// Its transaction with the new epoch is in flight.
    Committing,
    /// The fence is on its way.
    FenceOnWire,
    /// The fence stands there, and is not acknowledged.
    FenceStands(Position),
    /// The action states are being read.
    Reading {
        /// What was read.
        rebuild: Box<Rebuild>,
        /// The next offset.
        next: u64,
        /// The offset after the last.
        to: u64,
        /// What the topic knows the reader by.
        reader: u32,
    },
    /// It acts.
    Acting,
}

impl OnWire {
    /// Whether it says that an action completed.
    pub fn is_completion(&self) -> bool {
        let record = RecordKey::parse(&self.sent.name).ok().filter(|record| record.kind == RecordKind::State);
        let state = record.and_then(|record| decode(&record, self.sent.value.as_deref()?).ok());
        state.is_some_and(|state| state.completed)
    }
}

impl Host {
    /// A host that is down, and starts at once.
    pub fn new(index: usize, partitions: usize) -> Self {
        Self {
            index,
            life: 0,
            release: 0,
            condition: Condition::Down(0),
            cut_off_until_ms: 0,
            unreachable_since_ms: None,
            producer: None,
            client: Client::default(),
            metadata: None,
            refused: false,
            tenures: (0..partitions).map(|_| None).collect(),
            transaction: None,
            stopping: false,
            down_ms: 0,
        }
    }

    /// The transactional id of its present start.
    pub fn transactional_id(&self) -> String {
        format!("shard-{}-{}", self.index, self.life)
    }

    /// Whether its process runs.
    pub fn runs(&self) -> bool {
        self.condition == Condition::Running
    }

    /// Whether it runs and reaches the brokers.
    pub fn is_connected(&self, now_ms: u64) -> bool {
        self.runs() && self.cut_off_until_ms <= now_ms
    }

    /// The tenures that act.
    pub fn acting(&self) -> impl Iterator<Item = (usize, &Tenure)> {
        let tenures = self.tenures.iter().enumerate();
        let tenures = tenures.filter_map(|(partition, tenure)| Some((partition, &**tenure.as_ref()?)));
        tenures.filter(|(_, tenure)| tenure.process.is_some())
    }
}
