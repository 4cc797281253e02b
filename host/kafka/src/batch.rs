//! Appends that are handed to the producer together.

use crate::put::Record;
use std::collections::VecDeque;
use weir_core::store::log::{Append, AppendKind};

/// What a record has beside its value, generously: its name and what the format adds. So many bytes are few enough records
/// for one batch of the producer, too, which by default takes 10,000.
const RECORD_OVERHEAD_BYTES: usize = 200;

/// The first appends of those that wait: their names, one after another. Kept for its room.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    names: Vec<u8>,
    ends: Vec<usize>,
    bytes: usize,
}

impl Batch {
    /// Takes as many as come to about so many bytes.
    ///
    /// A record of more than half of what the producer takes goes alone: were it refused for its size, the producer would
    /// yet take those behind it.
    pub(crate) fn fill(&mut self, waiting: &VecDeque<Append>, bytes_max: usize, record_bytes_max: usize) {
        self.names.clear();
        self.ends.clear();
        self.bytes = 0;
        for append in waiting {
            let before = self.names.len();
            append.key.write_to(&mut self.names);
            let bytes = self.names.len() - before + value(append).map_or(0, <[u8]>::len);
            let alone = bytes + RECORD_OVERHEAD_BYTES > record_bytes_max / 2;
            if alone && !self.ends.is_empty() {
                self.names.truncate(before);
                return;
            }
            self.ends.push(self.names.len());
            self.bytes += bytes + RECORD_OVERHEAD_BYTES;
            if alone || self.bytes >= bytes_max {
                return;
            }
        }
    }

    /// Its bytes, about.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Its records; each one's delivery names its ticket and these bits.
    pub(crate) fn records<'a>(&'a self, waiting: &'a VecDeque<Append>, tag: u64) -> Vec<Record<'a>> {
        let starts = std::iter::once(&0).chain(&self.ends);
        let names = starts.zip(&self.ends).map(|(&from, &to)| &self.names[from..to]);
        let record = |(append, key): (&'a Append, _)| Record {
            key,
            value: value(append),
            tag: (tag | append.ticket.0) as usize,
        };
        waiting.iter().zip(names).map(record).collect()
    }
}

fn value(append: &Append) -> Option<&[u8]> {
    match &append.what {
        AppendKind::Record(value) => Some(value),
        AppendKind::Tombstone(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use weir_core::event::PartitionId;
    use weir_core::ownership::{Epoch, FenceKey};
    use weir_core::store::log::{LogKey, Ticket};

    fn append(number: u64, bytes: Option<usize>) -> Append {
        Append {
            partition: PartitionId(0),
            ticket: Ticket(number),
            key: LogKey::Fence(FenceKey(Epoch(number as u32))),
            what: bytes.map_or(AppendKind::Tombstone(Default::default()), |bytes| {
                AppendKind::Record(Arc::from(vec![b'x'; bytes]))
            }),
        }
    }

    /// The tickets of the batches that such appends go in.
    fn batches(values: &[Option<usize>], bytes_max: usize) -> Vec<Vec<u64>> {
        let mut waiting: VecDeque<Append> = (0..).zip(values).map(|(number, bytes)| append(number, *bytes)).collect();
        let (mut batch, mut batches) = (Batch::default(), Vec::new());
        while !waiting.is_empty() {
            batch.fill(&waiting, bytes_max, 10_000);
            let records = batch.records(&waiting, 7 << 48);
            for (record, append) in records.iter().zip(&waiting) {
                assert_eq!(record.key, append.key.to_bytes());
                assert_eq!(record.value, value(append));
                assert_eq!(record.tag as u64 >> 48, 7);
            }
            batches.push(records.iter().map(|record| record.tag as u64 & 0xffff).collect());
            let count = records.len();
            waiting.drain(..count);
        }
        batches
    }

    // [S26]
    #[test]
    fn all_appends_go_in_their_order_and_few_bytes_at_once() {
        let values = [Some(100), None, Some(0), Some(700), Some(100), None];
        assert_eq!(batches(&values, 1_000_000), [[0, 1, 2, 3, 4, 5].to_vec()]);
        assert_eq!(batches(&values, 1_000), [[0, 1, 2, 3].to_vec(), [4, 5].to_vec()]);
        assert_eq!(batches(&values, 1), [[0], [1], [2], [3], [4], [5]].map(|one| one.to_vec()));
    }

    // [S26]
    #[test]
    fn a_record_that_the_producer_might_refuse_for_its_size_goes_alone() {
        let values = [Some(100), Some(9_000), Some(20_000), None, Some(4_700)];
        assert_eq!(batches(&values, 1_000_000), [[0].to_vec(), [1].to_vec(), [2].to_vec(), [3, 4].to_vec()]);
    }
}
