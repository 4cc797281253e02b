//! The action-state log of some partitions.
//!
//! One entry for each record: name = partition (4 bytes, big endian), position (8 bytes, big endian); value = length of
//! the record's key (4 bytes, big endian), that key, the record's value. A tombstone removes such entries. Beside them,
//! under [`END_PREFIX`] and the partition: the end of a partition whose last record was removed.

use super::EmbeddedStore;
use super::checkpoint;
use super::error::StoreError;
use super::tickets::{AppendMark, Tickets};
use fjall::Slice;
use std::collections::HashMap;
use weir_core::event::PartitionId;
use weir_core::store::log::{Acknowledged, ActionStateLog, Append, AppendKind, EachRecord, Position};

/// A sync is asked for after so many bytes, though nobody waits for it: fjall syncs the journal under its lock whenever it
/// flushes a memtable, and every append waits then, so little is to be left to sync.
const BYTES_BETWEEN_SYNCS: usize = 8 << 20;

const END_PREFIX: [u8; 4] = [0xff; 4];

/// The log of some partitions: one owner, a shard. Positions are given at the append.
pub struct EmbeddedLog {
    store: EmbeddedStore,
    tickets: Tickets,
    partitions: HashMap<PartitionId, PartitionEnd>,
    calls: u64,
    bytes_unsynced: usize,
    buffer: Vec<u8>,
}

/// The end of a partition, and where it was when the append call in progress began.
#[derive(Clone, Copy)]
struct PartitionEnd {
    end: Position,
    call: u64,
    end_before_call: Position,
}

/// What one append call writes, gathered so that a record that is removed in the same call is not written at all: fjall
/// gives all items of a batch one number, so it could not tell which of two writes of a name is the later.
#[derive(Default)]
struct Staged {
    records: Vec<Option<([u8; 12], Slice)>>,
    indexes: HashMap<[u8; 12], usize>,
    removals: Vec<[u8; 12]>,
    ends: Vec<PartitionId>,
}

impl EmbeddedLog {
    pub(super) fn open(
        store: EmbeddedStore,
        partitions: impl IntoIterator<Item = PartitionId>,
    ) -> Result<Self, StoreError> {
        let record = checkpoint::read(store.disk())?;
        let mut log = Self {
            store,
            tickets: Tickets::default(),
            partitions: HashMap::new(),
            calls: 0,
            bytes_unsynced: 0,
            buffer: Vec::new(),
        };
        for partition in partitions {
            let marker = record.as_ref().and_then(|record| record.recovery_marker(partition));
            let end = log.read_end(partition, marker.unwrap_or(Position(0)))?;
            log.partitions.insert(partition, PartitionEnd { end, call: 0, end_before_call: end });
        }
        Ok(log)
    }

    /// The end that stands in the store: after the last record, the end noted with a removal, or the marker.
    fn read_end(&self, partition: PartitionId, marker: Position) -> Result<Position, StoreError> {
        let disk = self.store.disk();
        let failed = |error: &fjall::Error| disk.poison.read_failed(error);
        let noted = disk.log.get(end_name(partition)).map_err(|error| failed(&error))?;
        let noted = noted.and_then(|bytes| <[u8; 8]>::try_from(&bytes[..]).ok()).map_or(0, u64::from_be_bytes);
        let known = Position(noted.max(marker.0));
        let last = disk.log.range(name_of(partition, known)..=name_of(partition, Position(u64::MAX))).next_back();
        match last.map(|last| last.key()).transpose().map_err(|error| failed(&error))? {
            None => Ok(known),
            Some(name) => Ok(Position(position_of(&name).0 + 1)),
        }
    }

    /// How far the log is appended. Taken before a sync is asked for, it tells afterwards what that sync made durable.
    pub fn mark(&self) -> AppendMark {
        self.tickets.mark()
    }

    /// What is acknowledged by a finished sync that was asked for after this mark was taken.
    pub fn acknowledged_up_to(&mut self, mark: AppendMark) -> Vec<Acknowledged> {
        self.tickets.acknowledge(mark)
    }

    fn stage(&mut self, append: Append, staged: &mut Staged) {
        let partition = append.partition;
        let of_partition =
            self.partitions.get_mut(&partition).unwrap_or_else(|| panic!("log does not own partition {partition}"));
        if of_partition.call != self.calls {
            (of_partition.call, of_partition.end_before_call) = (self.calls, of_partition.end);
        }
        let end = &mut of_partition.end;
        self.tickets.push(partition, append.ticket, *end);
        match append.what {
            AppendKind::Record(value) => {
                staged.records.push(Some((
                    name_of(partition, *end),
                    encode_record(|buffer| append.key.write_to(buffer), &value, &mut self.buffer),
                )));
                end.0 += 1;
            }
            AppendKind::Tombstone(places) => {
                for place in places {
                    let position = self.tickets.position_of(partition, place);
                    if position.0 + 1 == end.0 && !staged.ends.contains(&partition) {
                        staged.ends.push(partition);
                    }
                    let name = name_of(partition, position);
                    match position < of_partition.end_before_call {
                        true => staged.removals.push(name),
                        false => staged.forget(&name),
                    }
                }
            }
        }
    }
}

impl Staged {
    /// Drops a record that is not written yet.
    fn forget(&mut self, name: &[u8; 12]) {
        for index in self.indexes.len()..self.records.len() {
            let (name, _) = self.records[index].as_ref().expect("a record is forgotten only once it has an index");
            self.indexes.insert(*name, index);
        }
        if let Some(&index) = self.indexes.get(name) {
            self.records[index] = None;
        }
    }
}

impl ActionStateLog for EmbeddedLog {
    type Error = StoreError;

    fn append(&mut self, appends: &mut Vec<Append>) -> Result<(), StoreError> {
        self.store.disk().poison.check()?;
        self.calls += 1;
        let mut staged = Staged { records: Vec::with_capacity(appends.len()), ..Staged::default() };
        for append in appends.drain(..) {
            self.stage(append, &mut staged);
        }
        let disk = self.store.disk();
        let mut batch = disk.batch(staged.records.len() + staged.removals.len() + staged.ends.len());
        for (name, value) in staged.records.into_iter().flatten() {
            self.bytes_unsynced += value.len();
            batch.insert(&disk.log, name, value);
        }
        for name in staged.removals {
            // A name is written once, so the light removal is safe: it vanishes together with the record.
            batch.remove_weak(&disk.log, name);
        }
        for partition in staged.ends {
            batch.insert(&disk.log, end_name(partition), self.partitions[&partition].end.0.to_be_bytes());
        }
        disk.commit(batch)?;
        if self.bytes_unsynced > BYTES_BETWEEN_SYNCS {
            self.bytes_unsynced = 0;
            self.store.request_sync(drop);
        }
        Ok(())
    }

    fn sync(&mut self) -> Result<Vec<Acknowledged>, StoreError> {
        let mark = self.mark();
        self.store.sync()?;
        Ok(self.acknowledged_up_to(mark))
    }

    fn scan(
        &self,
        partition: PartitionId,
        from: Position,
        to: Position,
        each: &mut EachRecord<'_>,
    ) -> Result<(), StoreError> {
        if from >= to {
            return Ok(());
        }
        let poison = &self.store.disk().poison;
        for item in self.store.disk().log.range(name_of(partition, from)..name_of(partition, to)) {
            let (name, bytes) = item.into_inner().map_err(|error| poison.read_failed(&error))?;
            let position = position_of(&name);
            let (key, value) = decode_record(&bytes).ok_or_else(|| {
                poison.damaged(format!("record {} of partition {partition} is malformed", position.0))
            })?;
            each(position, key, Some(value));
        }
        Ok(())
    }

    fn end(&self, partition: PartitionId) -> Result<Position, StoreError> {
        Ok(self.partitions[&partition].end)
    }
}

fn name_of(partition: PartitionId, position: Position) -> [u8; 12] {
    let mut name = [0; 12];
    name[..4].copy_from_slice(&partition.0.to_be_bytes());
    name[4..].copy_from_slice(&position.0.to_be_bytes());
    name
}

fn position_of(name: &[u8]) -> Position {
    let bytes = name.last_chunk::<8>().expect("names in the log have 12 bytes");
    Position(u64::from_be_bytes(*bytes))
}

fn end_name(partition: PartitionId) -> [u8; 8] {
    let mut name = [0xff; 8];
    name[..4].copy_from_slice(&END_PREFIX);
    name[4..].copy_from_slice(&partition.0.to_be_bytes());
    name
}

/// The record as it is stored, by way of a buffer: it is copied once, into its last place.
fn encode_record(write_key: impl FnOnce(&mut Vec<u8>), value: &[u8], buffer: &mut Vec<u8>) -> Slice {
    buffer.clear();
    buffer.extend_from_slice(&[0; 4]);
    write_key(buffer);
    let length = (buffer.len() - 4) as u32;
    buffer[..4].copy_from_slice(&length.to_be_bytes());
    buffer.extend_from_slice(value);
    Slice::from(&buffer[..])
}

fn decode_record(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(u32::from_be_bytes(*length) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn record_is_as_the_fixture_shows() {
        let fixture = include_bytes!("../../../tests/fixtures/store-log-record.bin");
        let write_key = |buffer: &mut Vec<u8>| buffer.extend(b"key");
        assert_eq!(&encode_record(write_key, b"value", &mut vec![])[..], fixture);
        assert_eq!(decode_record(fixture), Some((&b"key"[..], &b"value"[..])));
        assert_eq!(decode_record(&fixture[..6]), None);
        assert_eq!(decode_record(&[]), None);
    }
}
