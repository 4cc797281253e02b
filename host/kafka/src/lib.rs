//! Kafka under Weir: the log, the changelog, the source and the transaction of a shard, and the topics they stand on.
//!
//! The only crate that knows rdkafka. It knows neither wasmtime nor the manifest: what it is told is in
//! [`KafkaSettings`].

pub mod client;
pub mod connect;
pub mod error;
pub mod properties;
pub mod settings;
pub mod topics;

pub use client::{Clients, Isolation};
pub use error::SetupError;
pub use settings::{KafkaSettings, Start};
pub use topics::{Topic, Topics, ensure};
