//! The driver on Kafka: shards that share nothing, each a member of the group [S30].

mod backend;
mod begin;
mod checkpoint;
mod lease;
mod ownership;
mod pace;
mod partition;
mod repairs;
mod set_aside;
mod shard;
mod source_offset;
mod takeover;

use super::coordinator::CheckpointCounts;
use super::port::ActionTable;
use super::recover::SetAsideRecords;
use super::shards::{ShardControl, ShardEnd};
use crate::scratch::Scratch;
use crate::settings::OnBadEvent;
use crate::source::EventParser;
use begin::Begun;
use shard::KafkaShard;
use std::sync::Arc;
use std::time::Duration;
use takeover::{EndedProducers, TakeoverWork};
use tokio::sync::mpsc;
use weir_component::ComponentHost;
use weir_core::limits::OperatorLimits;
use weir_core::plan::Plan;
use weir_kafka::{KafkaSettings, RecordSizes};

/// What a shard is made from, each time that it joins the group.
pub struct KafkaShardStart {
    /// The application on Kafka.
    pub kafka: Arc<KafkaSettings>,
    /// Engines and compiled components.
    pub host: Arc<ComponentHost>,
    /// How actions are run.
    pub actions: Arc<ActionTable>,
    /// The plan of the application.
    pub plan: Arc<Plan>,
    /// What an operator may hold.
    pub limits: Arc<OperatorLimits>,
    /// Where keyed state is kept while it is owned.
    pub scratch: Scratch,
    /// Reads input events.
    pub parser: EventParser,
    /// What becomes of records that are no events.
    pub on_bad_event: OnBadEvent,
    /// Partitions of the source.
    pub partitions: u32,
    /// The largest record that the topic of action states takes, bytes.
    pub action_state_bytes_max: usize,
    /// What the topics of a checkpoint take.
    pub committed_sizes: RecordSizes,
    /// The largest record that the topic of dead letters takes, bytes.
    pub dead_letter_bytes_max: usize,
    /// How long a restore or a rebuild may take.
    pub reading_max: Duration,
    /// What becomes of action-state records that can't be decoded.
    pub set_aside: SetAsideRecords,
    /// Whether to go on without input events that were deleted before they were read.
    pub skip_deleted_input: bool,
    /// Invocations at once.
    pub invocations_max: usize,
    /// From one checkpoint to the next.
    pub interval: Duration,
    /// How long open calls may go on when a partition is given up.
    pub drain: Duration,
    /// Counts checkpoints, for metrics.
    pub counts: Arc<CheckpointCounts>,
    /// Orders.
    pub orders: mpsc::Receiver<ShardControl>,
    /// Where it tells how it ends.
    pub ends: mpsc::Sender<ShardEnd>,
}

/// How a shard's time in the group ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ShardOutcome {
    /// It gave all up and left.
    Left,
    /// It was told to stop at once.
    Stopped,
    /// Others may have its partitions.
    Lost,
}

impl KafkaShardStart {
    fn takeover_work(&self) -> TakeoverWork {
        TakeoverWork {
            kafka: self.kafka.clone(),
            scratch: self.scratch.clone(),
            partitions: self.partitions,
            record_bytes_max: self.limits.record_bytes_max,
            reading_max: self.reading_max,
            set_aside: self.set_aside.clone(),
            skip_deleted_input: self.skip_deleted_input,
            ended: Arc::new(EndedProducers::default()),
            facts: mpsc::unbounded_channel().0,
        }
    }
}

/// Runs a shard until it is told to stop, or fails. One that lost its partitions joins anew, with nothing of what it had.
pub async fn run_kafka_shard(mut start: KafkaShardStart) {
    let ends = start.ends.clone();
    loop {
        match run_as_member(&mut start).await {
            Ok(ShardOutcome::Lost) => tracing::warn!("the shard joins its group anew"),
            Ok(ShardOutcome::Left | ShardOutcome::Stopped) => return,
            Err(error) => {
                let _ = ends.send(ShardEnd::Failed(error)).await;
                return;
            }
        }
    }
}

/// From one joining of the group to the end of that membership.
async fn run_as_member(start: &mut KafkaShardStart) -> anyhow::Result<ShardOutcome> {
    match start.begin().await? {
        Begun::Committer(transactional_id, committer) => {
            KafkaShard::join(start, transactional_id, committer)?.run().await
        }
        Begun::Ended(outcome) => Ok(outcome),
    }
}
