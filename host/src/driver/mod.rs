//! The driver: shards run operators and invocations, a coordinator takes checkpoints over all of them.
//!
//! *Invariant:* a shard shares nothing with another but the store's handle; facts reach an operator only from its
//! shard's loop, and what an operator wants done is done there, in order.

mod bounds;
mod checkpoint;
mod coordinator;
mod doors;
mod executor;
mod invocations;
#[cfg(feature = "kafka")]
mod kafka;
mod observe;
mod port;
mod recover;
mod report;
mod shard;
mod shards;
mod timers;
mod unheard;

pub use coordinator::{CheckpointCounts, Coordinator, CoordinatorStart, Outcome, Sinks, value_names};
#[cfg(feature = "kafka")]
pub use kafka::{KafkaShardStart, run_kafka_shard};
pub use observe::{Observation, RepairRequest, ShardObservation, add as add_counters};
pub use port::ActionTable;
pub(crate) use recover::Recovery;
pub use recover::SetAsideRecords;
pub use shard::{Shard, ShardStart};
pub use shards::{BATCHES_MAX, ENDS_MAX, ORDERS_MAX, ShardControl, ShardEnd, Shards};
