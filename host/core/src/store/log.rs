//! The narrow log below the action-state store: append, scan, end.
//!
//! Memory, embedded store and Kafka each have one. One conformance suite holds them all.

use crate::action_state::RecordKey;
use crate::event::PartitionId;
use crate::ownership::FenceKey;
use std::sync::Arc;

/// Where a record stands in its partition's log. Grows, never comes again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position(pub u64);

/// Numbers the appends of one partition since the host started, without gaps: what an acknowledgement names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket(pub u64);

/// Where a record that a tombstone removes stands: known once its append is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordPlace {
    /// Acknowledged, or read by a rebuild.
    At(Position),
    /// Appended, not acknowledged.
    Unacknowledged(Ticket),
}

/// One append to a partition's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Append {
    /// The partition.
    pub partition: PartitionId,
    /// Its number.
    pub ticket: Ticket,
    /// The record's name.
    pub key: LogKey,
    /// What is put, or a tombstone.
    pub what: AppendKind,
}

/// The name of a record in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogKey {
    /// A record of an action state.
    Record(RecordKey),
    /// A fence: only in the log of a partition that moves between hosts.
    Fence(FenceKey),
}

impl std::fmt::Display for LogKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Record(record) => record.fmt(f),
            Self::Fence(fence) => write!(f, "fence@{}", fence.0),
        }
    }
}

impl LogKey {
    /// The name as bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.write_to(&mut bytes);
        bytes
    }

    /// Appends the name as bytes.
    pub fn write_to(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Record(record) => record.write_to(bytes),
            Self::Fence(fence) => bytes.extend(fence.to_bytes()),
        }
    }
}

/// A record, or the end of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AppendKind {
    /// A record of this value.
    Record(Arc<[u8]>),
    /// All records of this key are forgotten. They stand at these places; a log that compacts by key needs no places.
    Tombstone(RecordPlaces),
}

/// Where the records stand that one tombstone removes: most often one, which lies in place.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct RecordPlaces {
    first: Option<RecordPlace>,
    others: Vec<RecordPlace>,
}

impl FromIterator<RecordPlace> for RecordPlaces {
    fn from_iter<I: IntoIterator<Item = RecordPlace>>(places: I) -> Self {
        let mut places = places.into_iter();
        Self { first: places.next(), others: places.collect() }
    }
}

impl IntoIterator for RecordPlaces {
    type Item = RecordPlace;
    type IntoIter = std::iter::Chain<std::option::IntoIter<RecordPlace>, std::vec::IntoIter<RecordPlace>>;

    fn into_iter(self) -> Self::IntoIter {
        self.first.into_iter().chain(self.others)
    }
}

/// That an append is durable: it survives the loss of power.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acknowledged {
    /// The partition.
    pub partition: PartitionId,
    /// The append.
    pub ticket: Ticket,
    /// Where it stands. Of a tombstone: the end of the log at that time.
    pub position: Position,
}

/// Takes the position, key and value of a record; a tombstone has no value.
pub type EachRecord<'a> = dyn FnMut(Position, &[u8], Option<&[u8]>) + 'a;

/// A partitioned log of records. Appends of one partition become durable in their order, none left out.
pub trait ActionStateLog {
    /// What can go wrong. Every failure of `append` and `sync` is final: the log is not to be used again [S26].
    type Error: std::error::Error + Send + Sync + 'static;

    /// Takes appends, in order, without waiting until they are durable. Leaves the vector empty, for its room.
    fn append(&mut self, appends: &mut Vec<Append>) -> Result<(), Self::Error>;

    /// Makes all that was appended durable, and tells what has become so since the last call, in the order of the
    /// appends of each partition.
    fn sync(&mut self) -> Result<Vec<Acknowledged>, Self::Error>;

    /// Calls `each` with position, key and value of the records from one position up to before another, in their order.
    /// Records that a tombstone removed may be left out, and that tombstone with them.
    fn scan(
        &self,
        partition: PartitionId,
        from: Position,
        to: Position,
        each: &mut EachRecord<'_>,
    ) -> Result<(), Self::Error>;

    /// The position after the last record; never less than it was.
    fn end(&self, partition: PartitionId) -> Result<Position, Self::Error>;
}
