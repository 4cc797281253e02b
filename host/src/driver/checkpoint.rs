//! A shard's part in a checkpoint.

use super::Shard;
use super::bounds::Uncheckpointed;
use super::shard::BUFFERED_BYTES_MAX;
use crate::embedded::AppendMark;
use crate::source::Progress;
use std::sync::Arc;
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
    pub outputs: Arc<String>,
    /// How many lines these are.
    pub output_count: u64,
    /// Lines for the dead letters.
    pub dead_letters: String,
    /// Whether anything differs from the last checkpoint.
    pub changed: bool,
    /// Whether the source is at its end and no key is running.
    pub idle: bool,
}

/// A checkpoint that a shard has taken and that is neither durable nor aborted.
#[derive(Debug)]
pub(super) struct TakenCheckpoint {
    /// The operators that have changes in it, and their names for it.
    pub(super) operators: Vec<(usize, u64)>,
    /// How far the log was appended.
    pub(super) mark: AppendMark,
    /// What goes back to the buffers if it is aborted.
    pub(super) outputs: Arc<String>,
    pub(super) output_count: u64,
    pub(super) dead_letters: String,
    /// Appends that it makes an end of.
    uncheckpointed: Uncheckpointed,
}

impl Shard {
    /// Takes a checkpoint of all operators. What is to be done without waiting is done before.
    pub(super) fn take_checkpoint(&mut self) -> anyhow::Result<ShardCheckpoint> {
        let mut checkpoint = ShardCheckpoint { progress: self.progress, ..ShardCheckpoint::default() };
        let mut operators = Vec::new();
        let executor = &mut self.executor;
        for (at, operator) in executor.operators.iter_mut().enumerate() {
            let mut marker = None;
            if operator.has_changes() {
                let part = operator.begin_checkpoint();
                operators.push((at, part.id));
                checkpoint.entries.extend(part.entries);
                marker = Some(part.marker);
            }
            let marker = marker.unwrap_or_else(|| operator.store().recovery_marker());
            let offset = self.offsets[at].max(self.progress.offset);
            checkpoint.partitions.push((operator.partition(), offset, marker));
            // Nothing but appends can have come up: outputs of what is not in the checkpoint are not to be, either.
            operator.take_appends_into(&mut executor.appends);
        }
        // All that the checkpoint rests on is in the store's journal before it.
        executor.flush_appends()?;
        let backend = &mut executor.backend;
        let spare = std::mem::take(&mut backend.spare_outputs);
        checkpoint.outputs = Arc::new(std::mem::replace(&mut backend.outputs, spare));
        checkpoint.output_count = std::mem::take(&mut backend.output_count);
        checkpoint.dead_letters = std::mem::take(&mut backend.dead_letters);
        checkpoint.changed = !operators.is_empty()
            || !checkpoint.outputs.is_empty()
            || !checkpoint.dead_letters.is_empty()
            || self.checkpointed_progress != self.progress;
        self.checkpointed_progress = self.progress;
        checkpoint.idle = self.at_end && executor.is_idle();
        self.told_idle &= checkpoint.idle;
        self.taken = Some(TakenCheckpoint {
            operators,
            mark: executor.backend.log.mark(),
            outputs: checkpoint.outputs.clone(),
            output_count: checkpoint.output_count,
            dead_letters: checkpoint.dead_letters.clone(),
            uncheckpointed: std::mem::take(&mut executor.uncheckpointed),
        });
        Ok(checkpoint)
    }

    pub(super) fn on_checkpoint_completed(&mut self) {
        let Some(taken) = self.taken.take() else { return };
        self.acknowledge(taken.mark);
        for (at, id) in taken.operators {
            self.executor.operators[at].on_checkpoint_completed(id);
            self.executor.touched.push(at);
        }
        self.told_full = false;
        if let Ok(mut lines) = Arc::try_unwrap(taken.outputs)
            && lines.capacity() <= BUFFERED_BYTES_MAX
        {
            lines.clear();
            self.executor.backend.spare_outputs = lines;
        }
    }

    pub(super) fn on_checkpoint_aborted(&mut self) {
        let Some(taken) = self.taken.take() else { return };
        for (at, id) in taken.operators {
            self.executor.operators[at].on_checkpoint_aborted(id);
        }
        let backend = &mut self.executor.backend;
        backend.outputs.insert_str(0, &taken.outputs);
        backend.output_count += taken.output_count;
        backend.dead_letters.insert_str(0, &taken.dead_letters);
        self.executor.uncheckpointed += taken.uncheckpointed;
        self.told_full = false;
    }
}
