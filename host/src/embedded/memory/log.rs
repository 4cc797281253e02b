//! The action-state log in memory.

use crate::embedded::error::StoreError;
use crate::embedded::tickets::{AppendMark, Tickets};
use std::collections::VecDeque;
use std::sync::Arc;
use weir_core::event::PartitionId;
use weir_core::store::log::{Acknowledged, ActionStateLog, Append, AppendKind, EachRecord, LogKey, Position};

/// A log of its owner alone, durable as long as it lives. Removed records at its front are let go.
#[derive(Debug, Default)]
pub struct MemoryLog {
    tickets: Tickets,
    partitions: Vec<PartitionRecords>,
}

/// *Invariant:* the first record, where there is one, is not removed; it stands at `first`.
#[derive(Debug, Default)]
struct PartitionRecords {
    first: u64,
    records: VecDeque<Option<(LogKey, Arc<[u8]>)>>,
}

impl PartitionRecords {
    fn end(&self) -> Position {
        Position(self.first + self.records.len() as u64)
    }

    fn remove(&mut self, position: Position) {
        let index = position.0.checked_sub(self.first);
        if let Some(record) = index.and_then(|index| self.records.get_mut(index as usize)) {
            *record = None;
        }
        while let Some(None) = self.records.front() {
            self.records.pop_front();
            self.first += 1;
        }
    }
}

impl MemoryLog {
    /// How far the log is appended.
    pub fn mark(&self) -> AppendMark {
        self.tickets.mark()
    }

    /// What is acknowledged up to this mark.
    pub fn acknowledged_up_to(&mut self, mark: AppendMark) -> Vec<Acknowledged> {
        self.tickets.acknowledge(mark)
    }
}

impl ActionStateLog for MemoryLog {
    type Error = StoreError;

    fn append(&mut self, appends: &mut Vec<Append>) -> Result<(), StoreError> {
        for append in appends.drain(..) {
            let index = append.partition.0 as usize;
            if self.partitions.len() <= index {
                self.partitions.resize_with(index + 1, PartitionRecords::default);
            }
            let of_partition = &mut self.partitions[index];
            self.tickets.push(append.partition, append.ticket, of_partition.end());
            match append.what {
                AppendKind::Record(value) => of_partition.records.push_back(Some((append.key, value))),
                AppendKind::Tombstone(places) => {
                    for place in places {
                        of_partition.remove(self.tickets.position_of(append.partition, place));
                    }
                }
            }
        }
        Ok(())
    }

    fn sync(&mut self) -> Result<Vec<Acknowledged>, StoreError> {
        let mark = self.mark();
        Ok(self.acknowledged_up_to(mark))
    }

    fn scan(
        &self,
        partition: PartitionId,
        from: Position,
        to: Position,
        each: &mut EachRecord<'_>,
    ) -> Result<(), StoreError> {
        let Some(of_partition) = self.partitions.get(partition.0 as usize) else {
            return Ok(());
        };
        for position in from.0.max(of_partition.first)..to.0.min(of_partition.end().0) {
            if let Some((key, value)) = &of_partition.records[(position - of_partition.first) as usize] {
                each(Position(position), &key.to_bytes(), Some(value));
            }
        }
        Ok(())
    }

    fn end(&self, partition: PartitionId) -> Result<Position, StoreError> {
        Ok(self.partitions.get(partition.0 as usize).map_or(Position(0), PartitionRecords::end))
    }
}
