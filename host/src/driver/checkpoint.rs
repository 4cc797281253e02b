//! A shard's part in a checkpoint.

use crate::embedded::AppendMark;
use crate::source::Progress;
use weir_core::checkpoint::Entry;
use weir_core::event::PartitionId;
use weir_core::store::log::Position;

/// What one shard adds to a checkpoint.
#[derive(Debug, Default)]
pub struct ShardCheckpoint {
    /// Entries that changed.
    pub entries: Vec<Entry>,
    /// For each of its partitions: where its source goes on, and its recovery marker.
    pub partitions: Vec<(PartitionId, u64, Position)>,
    /// How far the reader was.
    pub progress: Progress,
    /// Lines for the sink, and how many.
    pub outputs: String,
    /// How many lines these are.
    pub output_count: u64,
    /// Lines for the dead letters.
    pub dead_letters: String,
    /// Whether anything differs from the last checkpoint.
    pub changed: bool,
}

/// A checkpoint that a shard has taken and that is neither durable nor aborted.
#[derive(Debug)]
pub(super) struct TakenCheckpoint {
    /// The operators that have changes in it, and their names for it.
    pub(super) operators: Vec<(usize, u64)>,
    /// How far the log was appended.
    pub(super) mark: AppendMark,
    /// What goes back to the buffers if it is aborted.
    pub(super) outputs: String,
    pub(super) output_count: u64,
    pub(super) dead_letters: String,
}
