//! Recovery of a shard: restore, rebuild, seek, then the same walk as ever [S25].

use crate::clock::now_ms;
use crate::embedded::{CheckpointRecord, Store, StoreLog};
use anyhow::{Context, anyhow};
use hashbrown::HashMap;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use weir_core::checkpoint::Header;
use weir_core::event::{PartitionId, SequenceNumber};
use weir_core::key::Key;
use weir_core::limits::OperatorLimits;
use weir_core::operator::{Operator, OperatorStart};
use weir_core::partition::partition_of;
use weir_core::plan::Plan;
use weir_core::store::log::{ActionStateLog, Position};
use weir_core::store::{ActionStateStore, Rebuild};

/// What to do with records that can't be decoded [S27].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetAsideRecords {
    /// Stop.
    No,
    /// Write them to this file and go on.
    To(PathBuf),
}

/// What recovery needs.
pub(crate) struct Recovery<'a> {
    pub(crate) store: &'a Store,
    pub(crate) record: Option<&'a CheckpointRecord>,
    pub(crate) plan: &'a Arc<Plan>,
    pub(crate) limits: &'a Arc<OperatorLimits>,
    pub(crate) partitions: u32,
    pub(crate) set_aside: &'a SetAsideRecords,
}

impl Recovery<'_> {
    /// The operators of these partitions, with their busy keys started, and where their source goes on.
    pub(crate) fn recover(
        &self,
        partitions: &[PartitionId],
        log: &StoreLog,
        busy: &[Key],
    ) -> anyhow::Result<(Vec<Operator>, Vec<u64>)> {
        let mut operators = Vec::with_capacity(partitions.len());
        let mut offsets = Vec::with_capacity(partitions.len());
        let mut headers = HashMap::new();
        for &partition in partitions {
            let store = self.rebuild(partition, log, &mut headers)?;
            let (plan, limits) = (self.plan.clone(), self.limits.clone());
            operators.push(Operator::new(OperatorStart { plan, limits, store, partition }));
            let progress = self.record.and_then(|record| record.progress(partition));
            offsets.push(progress.map_or(0, |progress| progress.source_offset));
        }
        let at: HashMap<PartitionId, usize> = partitions.iter().enumerate().map(|(at, p)| (*p, at)).collect();
        for key in busy {
            if let Some(&at) = at.get(&partition_of(key.as_bytes(), self.partitions)) {
                let entries = self.store.load_key(key)?.unwrap_or_default();
                operators[at].on_key_loaded(key, entries, now_ms()).context("read keyed state")?;
            }
        }
        Ok((operators, offsets))
    }

    fn rebuild(
        &self,
        partition: PartitionId,
        log: &StoreLog,
        headers: &mut HashMap<Key, SequenceNumber>,
    ) -> anyhow::Result<ActionStateStore> {
        let end = log.end(partition)?;
        let from = self.record.and_then(|record| record.recovery_marker(partition)).unwrap_or(Position(0));
        let mut rebuild = Rebuild::new(partition, end, self.limits.record_bytes_max);
        let mut failed = None;
        log.scan(partition, from, end, &mut |position, name, value| {
            if failed.is_some() {
                return;
            }
            let taken =
                rebuild.on_scanned(position, name, value, |key| self.completed_below(key, headers, &mut failed));
            if let Err(error) = taken {
                let place = format!("action-state log, partition {partition}, position {}", position.0);
                let record = Undecodable { place, partition, position, name, value };
                failed = set_aside(self.set_aside, &record, &error.to_string()).err();
            }
        })?;
        match failed {
            Some(error) => Err(error),
            None => Ok(rebuild.finish()),
        }
    }

    /// Below which sequence number the runs of a key are completed, by the checkpoint.
    fn completed_below(
        &self,
        key: &Key,
        headers: &mut HashMap<Key, SequenceNumber>,
        failed: &mut Option<anyhow::Error>,
    ) -> SequenceNumber {
        if let Some(known) = headers.get(key) {
            return *known;
        }
        let below = self.header(key).unwrap_or_else(|error| {
            failed.get_or_insert(error);
            SequenceNumber(0)
        });
        headers.insert(key.clone(), below);
        below
    }

    fn header(&self, key: &Key) -> anyhow::Result<SequenceNumber> {
        match self.store.load_header(key)? {
            None => Ok(SequenceNumber(0)),
            Some(bytes) => Ok(Header::decode(&bytes)?.completed()),
        }
    }
}

/// A record of the action-state log that can't be decoded.
pub(super) struct Undecodable<'a> {
    /// Where it stands, for people.
    pub(super) place: String,
    pub(super) partition: PartitionId,
    pub(super) position: Position,
    pub(super) name: &'a [u8],
    pub(super) value: Option<&'a [u8]>,
}

/// Puts a record that can't be decoded into a file, or says how to [S27].
pub(super) fn set_aside(to: &SetAsideRecords, record: &Undecodable<'_>, error: &str) -> anyhow::Result<()> {
    let place = &record.place;
    match to {
        SetAsideRecords::No => Err(anyhow!(
            "rebuild: {place}: {error}: start again with --set-aside-undecodable to put such records into a file and \
             go on; what they recorded is then made again"
        )),
        SetAsideRecords::To(path) => {
            tracing::warn!("rebuild: {place} is set aside to {}: {error}", path.display());
            let line = serde_json::json!({
                "partition": record.partition.0,
                "position": record.position.0,
                "error": error,
                "key": weir_core::base64::encode(record.name),
                "value": weir_core::base64::encode(record.value.unwrap_or_default()),
            });
            let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path)?;
            writeln!(file, "{line}").and_then(|()| file.sync_all()).context("set a record aside")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embedded::{EmbeddedStore, StoreSettings};
    use weir_core::action_state::{ActionState, RecordKey, RecordKind, StateKey, encode_state};
    use weir_core::event::ActionName;
    use weir_core::id::EventId;
    use weir_core::store::log::{Append, AppendKind, LogKey, Ticket};

    const PARTITION: PartitionId = PartitionId(3);

    fn state_key(sequence_number: u64) -> StateKey {
        let action = ActionName::new("count").unwrap().id();
        let event = EventId::of_input("file", b"0", b"{}");
        StateKey { key: Key::from("k"), sequence_number: SequenceNumber(sequence_number), event, action }
    }

    fn append(ticket: u64, number: u64, value: Vec<u8>) -> Append {
        let record = RecordKey { state: state_key(number), kind: RecordKind::State, writer: None };
        let key = LogKey::Record(record);
        Append { partition: PARTITION, ticket: Ticket(ticket), key, what: AppendKind::Record(value.into()) }
    }

    // [S27] [D14]
    #[test]
    fn a_record_that_can_not_be_decoded_stops_recovery_and_is_set_aside_where_people_say_so() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::Embedded(EmbeddedStore::open(directory.path(), "t", StoreSettings::default()).unwrap());
        let mut log = store.log([PARTITION]).unwrap();
        let started = ActionState::started(ActionName::new("count").unwrap(), 5);
        log.append(&mut vec![append(0, 0, encode_state(&started)), append(1, 1, b"{torn".to_vec())]).unwrap();
        log.append(&mut vec![append(2, 2, encode_state(&started))]).unwrap();

        let (plan, limits) = (Arc::new(Plan::new(Vec::new()).unwrap()), Arc::new(OperatorLimits::default()));
        let recover = |set_aside: &SetAsideRecords| {
            let (store, plan, limits) = (&store, &plan, &limits);
            let recovery = Recovery { store, record: None, plan, limits, partitions: 64, set_aside };
            recovery.recover(&[PARTITION], &log, &[])
        };
        let error = recover(&SetAsideRecords::No).unwrap_err().to_string();
        for words in ["partition 3", "position 1", "--set-aside-undecodable"] {
            assert!(error.contains(words), "{error}");
        }
        let aside = directory.path().join("undecodable.jsonl");
        let (operators, _) = recover(&SetAsideRecords::To(aside.clone())).unwrap();
        assert_eq!(operators[0].store().len(), 2, "the others are there");
        let line: serde_json::Value = serde_json::from_slice(&std::fs::read(aside).unwrap()).unwrap();
        assert_eq!((&line["partition"], &line["position"]), (&3.into(), &1.into()));
        assert_eq!(line["value"], weir_core::base64::encode(b"{torn"));
    }
}
