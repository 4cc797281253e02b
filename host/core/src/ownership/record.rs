//! The checkpoint record of a partition: who owns it, and how far it is. The truth, for the source offset too [S31].

use super::Epoch;
use crate::json::write_string;
use crate::store::log::Position;
use serde::Deserialize;
use std::fmt::Write;

const VERSION: u32 = 1;

/// What a changelog says of its partition beside the entries of its keys.
///
/// Lifecycle: written by each takeover with the new owner's epoch, by each checkpoint, and by the last one with
/// `released`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionRecord {
    /// The owner's epoch.
    pub epoch: Epoch,
    /// The transactional id of the owner's producer: new for each start of a shard.
    pub transactional_id: String,
    /// How long after the sending of a checkpoint the owner may begin effects, milliseconds.
    pub lease_ms: u64,
    /// Whether the owner gave the partition up, and makes no effect for it any more.
    pub released: bool,
    /// Where the source goes on.
    pub source_offset: u64,
    /// Where a rebuild starts [S23].
    pub recovery_marker: Position,
    /// The epoch of the last fence before the records of any state not pruned: what a lower one wrote behind the marker is of no use.
    pub marker_epoch: Epoch,
    /// How many partitions the source has [S20].
    pub partitions: u32,
}

/// A checkpoint record that can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("decode checkpoint record: {0}")]
pub struct PartitionRecordError(String);

impl PartitionRecord {
    /// The record as bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut text = format!("{{\"version\":{VERSION},\"ownerEpoch\":{},\"transactionalId\":", self.epoch);
        write_string(&self.transactional_id, &mut text);
        let Self { lease_ms, released, source_offset, marker_epoch, partitions, .. } = self;
        write!(
            text,
            ",\"leaseMs\":{lease_ms},\"released\":{released},\"sourceOffset\":{source_offset},\"recoveryMarker\":{},\
             \"markerEpoch\":{marker_epoch},\"partitions\":{partitions}}}",
            self.recovery_marker.0
        )
        .expect("strings take all");
        text.into_bytes()
    }

    /// The record in these bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, PartitionRecordError> {
        let stored: Stored = serde_json::from_slice(bytes).map_err(|error| PartitionRecordError(error.to_string()))?;
        if stored.version > VERSION {
            let version = stored.version;
            let error = format!("version {version} is newer than {VERSION}: upgrade to the Weir that wrote it");
            return Err(PartitionRecordError(error));
        }
        Ok(Self {
            epoch: Epoch(stored.owner_epoch),
            transactional_id: stored.transactional_id,
            lease_ms: stored.lease_ms,
            released: stored.released,
            source_offset: stored.source_offset,
            recovery_marker: Position(stored.recovery_marker),
            marker_epoch: Epoch(stored.marker_epoch),
            partitions: stored.partitions,
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stored {
    version: u32,
    owner_epoch: u32,
    transactional_id: String,
    lease_ms: u64,
    released: bool,
    source_offset: u64,
    recovery_marker: u64,
    marker_epoch: u32,
    partitions: u32,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        // [S31]
        #[test]
        fn record_reads_back(
            epochs: (u32, u32),
            transactional_id: String,
            lease_ms: u64,
            released: bool,
            places: (u64, u64),
            partitions: u32,
        ) {
            let record = PartitionRecord {
                epoch: Epoch(epochs.0),
                transactional_id,
                lease_ms,
                released,
                source_offset: places.0,
                recovery_marker: Position(places.1),
                marker_epoch: Epoch(epochs.1),
                partitions,
            };
            prop_assert_eq!(PartitionRecord::decode(&record.encode()), Ok(record));
        }

        #[test]
        fn no_bytes_make_reading_panic(bytes: Vec<u8>) {
            let _ = PartitionRecord::decode(&bytes);
        }
    }

    #[test]
    fn record_of_a_newer_version_says_what_to_do() {
        let newer = br#"{"version":2,"ownerEpoch":1,"transactionalId":"","leaseMs":1,"released":true,"sourceOffset":0,"recoveryMarker":0,"markerEpoch":0,"partitions":1}"#;
        assert!(PartitionRecord::decode(newer).unwrap_err().to_string().contains("upgrade"));
        assert!(PartitionRecord::decode(b"{}").is_err());
    }
}
