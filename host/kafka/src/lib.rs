//! Kafka under Weir: the log, the changelog, the source and the transaction of a shard, and the topics they stand on.
//!
//! The only crate that knows rdkafka. It knows neither wasmtime nor the manifest: what it is told is in
//! [`KafkaSettings`].

pub mod changelog;
pub mod client;
mod committer;
mod group;
mod log;
mod output;
pub mod properties;
mod reader;
pub mod settings;
mod waker;

pub use client::{Clients, Isolation};
pub use committer::{CommitError, Committer, PartitionPart, Transaction, end_producer};
pub use group::{GroupError, GroupEvent, GroupMember, Membership, SourceRecord};
pub use log::{EPOCH_HEADER, KafkaLog, KafkaLogError};
pub use reader::{EachOffset, ReadError, Reader};
pub use settings::{KafkaSettings, Start};
pub use waker::Waker;

/// What a start has to know of the topics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prepared {
    /// Partitions of the source, and of the state topics.
    pub partitions: u32,
    /// The largest record that every topic takes, bytes.
    pub record_bytes_max: usize,
}

/// TEMPORARY.
pub fn prepare(settings: &KafkaSettings) -> Result<Prepared, ReadError> {
    Ok(Prepared { partitions: Reader::of_source(settings)?.partitions()?, record_bytes_max: 1_000_000 })
}
