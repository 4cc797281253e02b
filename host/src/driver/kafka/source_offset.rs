//! Where a partition of the source goes on [S31].

use super::takeover::{Restoring, TakeoverWork};
use anyhow::bail;
use weir_core::event::PartitionId;
use weir_kafka::{Reader, Start};

impl TakeoverWork {
    /// Where the source goes on: the checkpoint record says it, and the group's offset is its echo [S31].
    pub(super) fn source_offset(&self, restoring: &Restoring, partition: PartitionId) -> anyhow::Result<u64> {
        let source = &self.kafka.source_topic;
        let group = restoring.reader.group_offset(source, partition)?;
        let changelog = self.kafka.keyed_state_topic();
        match (&restoring.record, group) {
            (Some(record), _) if record.partitions != self.partitions => bail!(
                "{source} has {} partitions, and had {} when the checkpoint in {changelog} was taken: keys would change \
                 their partitions: take the number back, or begin a new application on a new topic",
                self.partitions,
                record.partitions
            ),
            (Some(record), Some(offset)) if offset != record.source_offset => bail!(
                "{source}: the checkpoint in {changelog} goes on at offset {}, and the group {} at {offset}: somebody \
                 changed one of them; set the group's offset to the checkpoint's",
                record.source_offset,
                self.kafka.group()
            ),
            (Some(record), None) => {
                tracing::warn!("{source}, partition {partition}: the group's offset is gone, the checkpoint's counts");
                self.not_deleted(restoring, partition, record.source_offset)
            }
            (Some(record), Some(_)) => self.not_deleted(restoring, partition, record.source_offset),
            (None, Some(offset)) => bail!(
                "{source}: the group {} goes on at offset {offset}, and {changelog} has no checkpoint: was it deleted? \
                 Delete the group's offsets to begin anew",
                self.kafka.group()
            ),
            (None, None) => {
                let (low, high) = Reader::of_source(&self.kafka)?.watermarks(partition)?;
                Ok(match self.kafka.start {
                    Start::Earliest => low,
                    Start::Latest => high,
                })
            }
        }
    }

    /// The offset, if what stands there, or will, was not deleted before it was read: by its topic's retention, while no
    /// host ran or all were behind.
    fn not_deleted(&self, restoring: &Restoring, partition: PartitionId, offset: u64) -> anyhow::Result<u64> {
        let source = &self.kafka.source_topic;
        let low = restoring.reader.low_of(source, partition)?;
        if low <= offset {
            return Ok(offset);
        }
        let gone = low - offset;
        if self.skip_deleted_input {
            tracing::warn!(
                "{source}, partition {partition}: {gone} records were deleted before they were read: skipped"
            );
            return Ok(low);
        }
        bail!(
            "{source}, partition {partition}: the checkpoint goes on at offset {offset}, and the topic begins at {low}: \
             {gone} records were deleted before they were read, raise its retention.ms; start with --skip-deleted-input \
             to go on without them"
        )
    }
}
