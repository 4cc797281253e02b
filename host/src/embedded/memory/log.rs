//! The action-state log in memory.

use crate::embedded::error::StoreError;
use crate::embedded::tickets::{AppendMark, Tickets};
use std::collections::VecDeque;
use std::sync::Arc;
use weir_core::event::PartitionId;
use weir_core::store::log::{Acknowledged, ActionStateLog, Append, AppendKind, EachRecord, LogKey, Position};

/// A log of its owner alone, durable as long as it lives. Removed records at its front are let go.
#[derive(Debug)]
pub struct MemoryLog {
    tickets: Tickets,
    partitions: Vec<PartitionRecords>,
    keeps: bool,
}

impl Default for MemoryLog {
    fn default() -> Self {
        Self { tickets: Tickets::default(), partitions: Vec::new(), keeps: true }
    }
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
    /// A log that acknowledges records and keeps none: of a store in memory, which lives and ends with its operators, no
    /// state is ever rebuilt.
    pub fn never_read() -> Self {
        Self { keeps: false, ..Self::default() }
    }

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
                AppendKind::Record(_) if !self.keeps => of_partition.first += 1,
                AppendKind::Tombstone(_) if !self.keeps => {}
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

#[cfg(test)]
mod tests {
    use super::*;
    use weir_core::ownership::{Epoch, FenceKey};
    use weir_core::store::log::{RecordPlaces, Ticket};

    #[test]
    fn a_log_that_is_never_read_acknowledges_as_one_that_is() {
        let append = |ticket, what| Append {
            partition: PartitionId(0),
            ticket: Ticket(ticket),
            key: LogKey::Fence(FenceKey(Epoch(1))),
            what,
        };
        let appends = || {
            let record = || AppendKind::Record(Arc::from(*b"v"));
            vec![
                append(0, record()),
                append(1, record()),
                append(2, AppendKind::Tombstone(RecordPlaces::default())),
                append(3, record()),
            ]
        };
        let (mut read, mut never_read) = (MemoryLog::default(), MemoryLog::never_read());
        read.append(&mut appends()).unwrap();
        never_read.append(&mut appends()).unwrap();
        assert_eq!(never_read.sync().unwrap(), read.sync().unwrap());
        assert_eq!(never_read.end(PartitionId(0)).unwrap(), Position(3));
        assert!(never_read.partitions[0].records.is_empty(), "it keeps nothing");
    }
}
