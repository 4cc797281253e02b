//! Looking into the store of a stopped host, and repairing its quarantined keys: the next start does as the records say.

use super::look;
use super::protocol::{Answer, KeyDetail, KeyHeader, QuarantinedKey, Request, StateSummary};
use crate::embedded::{CheckpointRecord, Store, StoreLog};
use anyhow::Context;
use weir_core::action_state::{ActionState, Decision, StateKey};
use weir_core::checkpoint::{EntrySpace, Header};
use weir_core::event::{PartitionId, SequenceNumber};
use weir_core::key::Key;
use weir_core::operator::{QuarantineReport, repair_state, report_of_entries};
use weir_core::partition::partition_of;
use weir_core::store::log::{ActionStateLog, Position};
use weir_core::store::{ActionStateStore, Rebuild};

/// A store that no host runs on.
pub struct OfflineStore {
    store: Store,
    partitions: u32,
    record: Option<CheckpointRecord>,
    record_bytes_max: usize,
}

impl OfflineStore {
    /// Looks into an open store.
    pub fn new(store: Store, partitions: u32, record_bytes_max: usize) -> anyhow::Result<Self> {
        let record = store.read_checkpoint()?;
        Ok(Self { store, partitions, record, record_bytes_max })
    }

    /// Answers as a host that runs would.
    pub fn answer(&self, request: &Request) -> anyhow::Result<Answer> {
        match request.clone() {
            Request::Keys { after, limit } => self.keys(look::key_of(after)?, limit),
            Request::Key { key } => self.key(&key.to_key().context("the key is not percent-encoded")?),
            Request::States { after, limit } => Ok(look::states_page(self.states()?, look::key_of(after)?, limit)),
            Request::Quarantine => Ok(Answer::Quarantine { keys: self.quarantined()? }),
            Request::Repair(request) => {
                let state = request.state.to_state_key().context("the repair names no action state")?;
                self.repair(&state, request.repairs, request.repair.into())
            }
        }
    }

    fn keys(&self, after: Option<Key>, limit: usize) -> anyhow::Result<Answer> {
        let mut found = self.store.keys(&[], after.as_ref(), limit.saturating_add(1))?;
        let more = found.len() > limit;
        found.truncate(limit);
        let header = |(key, _): (Key, Vec<u8>)| {
            let entries = self.store.load_key(&key)?.unwrap_or_default();
            anyhow::Ok(KeyHeader::from(&report_of_entries(&key, entries)?))
        };
        Ok(Answer::Keys { keys: found.into_iter().map(header).collect::<Result<_, _>>()?, more })
    }

    fn key(&self, key: &Key) -> anyhow::Result<Answer> {
        let Some(entries) = self.store.load_key(key)? else { return Ok(Answer::UnknownKey) };
        let report = report_of_entries(key, entries)?;
        let (_, states) = self.rebuild(partition_of(key.as_bytes(), self.partitions))?;
        let states: Vec<StateSummary> =
            states.states_of(key).into_iter().map(|(name, state)| StateSummary::new(&name, &state)).collect();
        let quarantine = self.quarantined()?.into_iter().find(|found| found.name.to_key().as_ref() == Some(key));
        Ok(Answer::Key(Box::new(KeyDetail::new(&report, states, quarantine))))
    }

    fn states(&self) -> anyhow::Result<look::States> {
        let mut all = look::States::new();
        for partition in (0..self.partitions).map(PartitionId) {
            let (_, states) = self.rebuild(partition)?;
            for key in states.keys() {
                all.extend(states.states_of(key));
            }
        }
        Ok(all)
    }

    fn quarantined(&self) -> anyhow::Result<Vec<QuarantinedKey>> {
        let quarantines = |state: &ActionState| matches!(state.decision(), Some(Decision::Quarantine | Decision::Stop));
        let mut found = Vec::new();
        for (name, state) in self.states()?.into_iter().filter(|(_, state)| quarantines(state)) {
            let entries = self.store.load_key(&name.key)?.unwrap_or_default();
            let pending = entries.iter().filter(|entry| entry.space == EntrySpace::Pending).count();
            let failed = state.failed.clone().context("a decision stands with its failure")?;
            let (attempts, repairs) = (failed.attempts, failed.repairs);
            let action = state.action.as_str().to_owned();
            found.push(QuarantineReport { state: name, action, failure: failed.failure, attempts, repairs, pending });
        }
        found.sort_by(|a, b| a.state.cmp(&b.state));
        Ok(found.iter().map(QuarantinedKey::from).collect())
    }

    fn repair(&self, state: &StateKey, repairs: u32, repair: weir_core::operator::Repair) -> anyhow::Result<Answer> {
        let (mut log, mut states) = self.rebuild(partition_of(state.key.as_bytes(), self.partitions))?;
        if let Err(refused) = repair_state(&mut states, state, repairs, repair) {
            return Ok(Answer::Refused { message: refused.to_string() });
        }
        log.append(&mut states.take_appends())?;
        log.sync()?;
        Ok(Answer::Repaired)
    }

    fn rebuild(&self, partition: PartitionId) -> anyhow::Result<(StoreLog, ActionStateStore)> {
        let log = self.store.log([partition])?;
        let end = log.end(partition)?;
        let from = self.record.as_ref().and_then(|record| record.recovery_marker(partition)).unwrap_or(Position(0));
        let mut rebuild = Rebuild::new(partition, end, self.record_bytes_max);
        let mut failed = None;
        log.scan(partition, from, end, &mut |position, name, value| {
            let taken = rebuild.on_scanned(position, name, value, |key| {
                self.completed_below(key).unwrap_or_else(|error| {
                    failed.get_or_insert(error);
                    SequenceNumber(0)
                })
            });
            if let Err(error) = taken {
                tracing::warn!("action-state log, partition {partition}, position {}: {error}", position.0);
            }
        })?;
        match failed {
            Some(error) => Err(error),
            None => Ok((log, rebuild.finish())),
        }
    }

    fn completed_below(&self, key: &Key) -> anyhow::Result<SequenceNumber> {
        let entries = self.store.load_key(key)?.unwrap_or_default();
        let header = entries.iter().find(|entry| entry.space == EntrySpace::Header);
        match header.and_then(|header| header.value.as_deref()) {
            None => Ok(SequenceNumber(0)),
            Some(bytes) => Ok(Header::decode(bytes)?.completed()),
        }
    }
}
