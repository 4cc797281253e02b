//! The store of a stopped host: looked into, and its quarantined keys repaired. The next start does as the records say.

use super::offline::{self, Looked, Scan};
use super::protocol::{Answer, Request};
use crate::embedded::{CheckpointRecord, Store};
use anyhow::Context;
use weir_core::action_state::StateKey;
use weir_core::checkpoint::Entry;
use weir_core::event::PartitionId;
use weir_core::key::Key;
use weir_core::operator::{Repair, repair_state};
use weir_core::partition::partition_of;
use weir_core::store::log::{ActionStateLog, Position};
use weir_core::store::{ActionStateStore, Rebuild};

/// A store that no host runs on.
pub struct StoppedStore {
    store: Store,
    partitions: u32,
    record: Option<CheckpointRecord>,
    record_bytes_max: usize,
}

impl StoppedStore {
    /// Looks into an open store.
    pub fn new(store: Store, partitions: u32, record_bytes_max: usize) -> anyhow::Result<Self> {
        let record = store.read_checkpoint()?;
        Ok(Self { store, partitions, record, record_bytes_max })
    }

    /// Answers as a host that runs would.
    pub fn answer(&self, request: &Request) -> anyhow::Result<Answer> {
        match request {
            Request::Repair(request) => {
                let state = request.state.to_state_key().context("the repair names no action state")?;
                self.repair(&state, request.repairs, request.repair.into())
            }
            request => offline::answer(self, request),
        }
    }

    fn repair(&self, state: &StateKey, repairs: u32, repair: Repair) -> anyhow::Result<Answer> {
        let partition = partition_of(state.key.as_bytes(), self.partitions);
        let mut states = self.rebuild(partition)?;
        if let Err(refused) = repair_state(&mut states, state, repairs, repair) {
            return Ok(Answer::Refused { message: refused.to_string() });
        }
        let mut log = self.store.log([partition])?;
        log.append(&mut states.take_appends())?;
        log.sync()?;
        Ok(Answer::Repaired)
    }
}

impl Looked for StoppedStore {
    fn partitions(&self) -> u32 {
        self.partitions
    }

    fn partitions_of(&self, key: &Key) -> Vec<PartitionId> {
        vec![partition_of(key.as_bytes(), self.partitions)]
    }

    fn name_of(&self, _: PartitionId) -> Option<u32> {
        None
    }

    fn keys(&self, after: Option<&Key>, limit: usize) -> anyhow::Result<Vec<(PartitionId, Key)>> {
        let found = self.store.keys(&[], after, limit.saturating_add(1))?.into_iter();
        Ok(found.map(|(key, _)| (partition_of(key.as_bytes(), self.partitions), key)).collect())
    }

    fn load_header(&self, _: PartitionId, key: &Key) -> anyhow::Result<Option<Vec<u8>>> {
        Ok(self.store.load_header(key)?)
    }

    fn load_key(&self, _: PartitionId, key: &Key) -> anyhow::Result<Vec<Entry>> {
        Ok(self.store.load_key(key)?.unwrap_or_default())
    }

    fn rebuild(&self, partition: PartitionId) -> anyhow::Result<ActionStateStore> {
        let log = self.store.log([partition])?;
        let end = log.end(partition)?;
        let from = self.record.as_ref().and_then(|record| record.recovery_marker(partition)).unwrap_or(Position(0));
        let mut scan = Scan::new(self, partition, Rebuild::new(partition, end, self.record_bytes_max));
        log.scan(partition, from, end, &mut |position, name, value| scan.take(position, name, value))?;
        scan.finish()
    }
}
