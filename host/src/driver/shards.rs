//! The ways to the shards.

use super::checkpoint::ShardCheckpoint;
use super::observe::{Observation, RepairRequest, ShardObservation};
use crate::source::Batch;
use tokio::sync::{mpsc, oneshot};
use weir_core::event::PartitionId;

/// Batches that wait for one shard, at most.
pub const BATCHES_MAX: usize = 4;
/// Orders that wait for one shard, at most.
pub const ORDERS_MAX: usize = 64;
/// What one shard may have told the coordinator while that listens to nobody, at most: it waits for every shard when it
/// takes a checkpoint or drains, so a shard must never wait to be heard. One of each, and `CheckpointWanted` again after
/// the checkpoint.
pub const ENDS_MAX: usize = 5;

/// What a shard is asked apart from events.
#[derive(Debug)]
pub enum ShardControl {
    /// Take a checkpoint and answer with it.
    Checkpoint(oneshot::Sender<ShardCheckpoint>),
    /// The checkpoint last taken is durable, with all that was appended before.
    CheckpointCompleted,
    /// The checkpoint last taken was not written: nothing of it counts.
    CheckpointAborted,
    /// Start no new effect; answer when nothing runs any more [S6].
    Drain(oneshot::Sender<()>),
    /// Cut off what still runs.
    CutOff,
    /// Answer with what people ask for.
    Observe(Observation, oneshot::Sender<ShardObservation>),
    /// Repair a quarantined key, and answer when that is durable.
    Repair(RepairRequest, oneshot::Sender<Result<(), String>>),
    /// End.
    Stop,
}

/// How a shard ended, or that it has nothing left to do.
#[derive(Debug)]
pub enum ShardEnd {
    /// The source is at its end and no key is running.
    Idle(usize),
    /// An action's policy says to stop the host: told once, for whichever came first.
    PolicyStop(String),
    /// It buffers so many outputs that a checkpoint is wanted now.
    CheckpointWanted,
    /// It failed.
    Failed(anyhow::Error),
}

/// The ways to all shards. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Shards {
    /// For events, by shard.
    pub batches: Vec<mpsc::Sender<Batch>>,
    /// For orders, by shard.
    pub orders: Vec<mpsc::Sender<ShardControl>>,
}

impl Shards {
    /// The shard that owns a partition.
    pub fn owner(&self, partition: PartitionId) -> usize {
        partition.0 as usize % self.orders.len()
    }

    /// One empty batch for each shard.
    pub fn empty_batches(&self) -> Vec<Batch> {
        vec![Batch::default(); self.batches.len()]
    }

    /// Hands each shard its batch, waiting where a shard is behind; false if a shard is gone.
    pub fn hand_over(&self, batches: &mut [Batch]) -> bool {
        let mut all = true;
        for (sender, batch) in self.batches.iter().zip(batches) {
            all &= sender.blocking_send(std::mem::take(batch)).is_ok();
        }
        all
    }
}
