//! Kafka under Weir: the log, the changelog, the source and the transaction of a shard, and the topics they stand on.
//!
//! The only crate that knows rdkafka. It knows neither wasmtime nor the manifest: what it is told is in
//! [`KafkaSettings`].

mod again;
mod batch;
pub mod changelog;
pub mod client;
mod committer;
pub mod connect;
pub mod control;
mod deliveries;
pub mod error;
mod group;
mod log;
mod output;
pub mod properties;
mod put;
mod reader;
pub mod settings;
pub mod topics;
mod transaction;
mod waker;

pub use client::{Clients, Isolation, RecordSizes};
pub use committer::{CommitError, Committed, Committer, PartitionPart, StartingCommitter, Transaction};
pub use control::{ControlAnswers, ControlError, ControlListener, ControlRequest};
pub use error::SetupError;
pub use group::{GroupError, GroupEvent, GroupMember, Membership, SourceRecord};
pub use log::{KafkaLog, KafkaLogError};
pub use reader::{EachOffset, ReadError, Reader};
pub use settings::{KafkaSettings, Start};
pub use topics::{Topic, Topics, ensure};
pub use transaction::end_producer;
pub use waker::Waker;
