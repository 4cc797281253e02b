//! The checkpoint: changed entries, offsets and markers, durable as one [S22].

use super::EmbeddedStore;
use super::disk::{BEAT, Disk, NAME_BYTES_MAX};
use super::error::StoreError;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use weir_core::checkpoint::Entry;
use weir_core::event::PartitionId;
use weir_core::store::log::Position;

const VERSION: u32 = 1;
const RECORD_NAME: &str = "checkpoint";

/// What becomes durable together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Checkpoint {
    /// The entries that changed since the last one.
    pub entries: Vec<Entry>,
    /// All else: it replaces the last one's.
    pub record: CheckpointRecord,
}

/// What a checkpoint says beside the entries: how far it goes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CheckpointRecord {
    /// How far each partition is.
    pub partitions: Vec<PartitionProgress>,
    /// Events of the inbox before this number are consumed, and forgotten.
    pub inbox_consumed_to: u64,
    /// Small values of source and sinks, by name: what was consumed, how long the sink's file is.
    pub values: BTreeMap<String, serde_json::Value>,
}

/// How far a checkpoint goes in one partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionProgress {
    /// Which partition.
    pub partition: u32,
    /// The position in the source after the last event taken.
    pub source_offset: u64,
    /// The position in the action-state log where a rebuild starts [S23].
    pub recovery_marker: u64,
}

/// The record as it is stored: JSON, with the version of its format.
#[derive(Serialize, Deserialize)]
struct Stored<T> {
    version: u32,
    #[serde(flatten)]
    record: T,
}

impl CheckpointRecord {
    /// Where a rebuild of this partition starts; none where no checkpoint knows it.
    pub fn recovery_marker(&self, partition: PartitionId) -> Option<Position> {
        self.progress(partition).map(|progress| Position(progress.recovery_marker))
    }

    /// How far this partition is; none where no checkpoint knows it.
    pub fn progress(&self, partition: PartitionId) -> Option<&PartitionProgress> {
        // Partitions stand in their order as a rule, so the first look is mostly the last.
        let guess = self.partitions.get(partition.0 as usize).filter(|progress| progress.partition == partition.0);
        guess.or_else(|| self.partitions.iter().find(|progress| progress.partition == partition.0))
    }

    fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(&Stored { version: VERSION, record: self }).expect("a record has only JSON in it")
    }

    fn decode(bytes: &[u8]) -> Result<Self, String> {
        let stored: Stored<serde_json::Value> = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if stored.version > VERSION {
            return Err(format!("version {} is newer than {VERSION}", stored.version));
        }
        serde_json::from_value(stored.record).map_err(|error| error.to_string())
    }
}

/// The record of the last checkpoint; none before the first.
pub(super) fn read(disk: &Disk) -> Result<Option<CheckpointRecord>, StoreError> {
    let bytes = disk.meta.get(RECORD_NAME).map_err(|error| disk.poison.read_failed(&error))?;
    let record = bytes.map(|bytes| CheckpointRecord::decode(&bytes)).transpose();
    record.map_err(|error| disk.poison.damaged(format!("checkpoint record is malformed ({error})")))
}

impl EmbeddedStore {
    /// Writes a checkpoint as one batch, and waits until it is durable.
    pub fn commit_checkpoint(&self, checkpoint: Checkpoint) -> Result<(), StoreError> {
        let disk = self.disk();
        let mut batch = disk.batch(checkpoint.entries.len() + 16);
        for entry in checkpoint.entries {
            if entry.key.len() > NAME_BYTES_MAX {
                let cause = format!(
                    "name of a {:?} entry has {} bytes, more than {NAME_BYTES_MAX}",
                    entry.space,
                    entry.key.len()
                );
                return Err(disk.poison.set(cause.into()));
            }
            let keyspace = disk.entries(entry.space);
            match entry.value {
                Some(value) => batch.insert(keyspace, entry.key, value),
                None => batch.remove(keyspace, entry.key),
            }
        }
        for keyspace in disk.beaten() {
            batch.insert(keyspace, BEAT, []);
        }
        batch.insert(&disk.meta, RECORD_NAME, checkpoint.record.encode());
        self.shared.inbox.consume(checkpoint.record.inbox_consumed_to, batch, disk)?;
        self.sync()
    }

    /// What the last checkpoint says of offsets and markers; none before the first.
    pub fn read_checkpoint(&self) -> Result<Option<CheckpointRecord>, StoreError> {
        read(self.disk())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn example() -> CheckpointRecord {
        CheckpointRecord {
            partitions: vec![
                PartitionProgress { partition: 0, source_offset: 17, recovery_marker: 3 },
                PartitionProgress { partition: 5, source_offset: u64::MAX, recovery_marker: 0 },
            ],
            inbox_consumed_to: 9,
            values: BTreeMap::from([("sink".to_owned(), serde_json::json!({ "length": 1234 }))]),
        }
    }

    // [S22]
    #[test]
    fn checkpoint_record_is_as_the_fixture_shows() {
        let fixture = include_bytes!("../../../tests/fixtures/store-checkpoint.json").trim_ascii_end();
        assert_eq!(String::from_utf8_lossy(&example().encode()), String::from_utf8_lossy(fixture));
        assert_eq!(CheckpointRecord::decode(fixture), Ok(example()));
    }

    #[test]
    fn checkpoint_record_of_a_later_version_is_refused_by_its_version() {
        let error = CheckpointRecord::decode(br#"{"version":2,"shards":[]}"#).unwrap_err();
        assert_eq!(error, "version 2 is newer than 1");
    }

    #[test]
    fn progress_is_found_in_any_order() {
        let record = example();
        assert_eq!(record.recovery_marker(PartitionId(0)), Some(Position(3)));
        assert_eq!(record.recovery_marker(PartitionId(5)), Some(Position(0)));
        assert_eq!(record.recovery_marker(PartitionId(1)), None);
    }

    proptest! {
        #[test]
        fn checkpoint_record_reads_back(
            partitions in proptest::collection::vec((any::<u32>(), any::<u64>(), any::<u64>()), 0..5),
            inbox_consumed_to: u64,
            values in proptest::collection::btree_map("[a-z]{0,3}", any::<String>(), 0..3),
        ) {
            let partitions = partitions
                .into_iter()
                .map(|(partition, source_offset, recovery_marker)| PartitionProgress {
                    partition, source_offset, recovery_marker,
                })
                .collect();
            let values = values.into_iter().map(|(name, value)| (name, value.into())).collect();
            let record = CheckpointRecord { partitions, inbox_consumed_to, values };
            prop_assert_eq!(CheckpointRecord::decode(&record.encode()), Ok(record));
        }
    }
}
