//! Refilling the action states from the recovery marker [S25].

use super::log::{Position, RecordPlace};
use super::{ActionStateStore, Entry, inner};
use crate::action_state::{ActionState, CallResults, DecodeError, RecordKey, RecordKind, StateKeyError, decode};
use crate::event::{PartitionId, SequenceNumber};
use crate::key::Key;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A record that a rebuild can't read [S27].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RebuildError {
    /// Its name.
    #[error(transparent)]
    Key(#[from] StateKeyError),
    /// Its value.
    #[error(transparent)]
    Value(#[from] DecodeError),
}

/// Reads the records of one partition into a store.
///
/// Lifecycle: made; `on_record` for each record from the marker to the captured end, in order; `finish`.
#[derive(Debug)]
pub struct Rebuild {
    store: ActionStateStore,
    /// States at or below the checkpoint's completed line: their tombstones are written at the end.
    stale: BTreeMap<RecordKey, Vec<RecordPlace>>,
}

impl Rebuild {
    /// Begins a rebuild of a partition whose log ends there.
    pub fn new(partition: PartitionId, end: Position, record_bytes_max: usize) -> Self {
        Self { store: ActionStateStore::new(partition, end, record_bytes_max), stale: BTreeMap::new() }
    }

    /// Takes one record. `completed_below` tells, for a key, below which sequence number its runs are completed in the
    /// checkpoint.
    pub fn on_record(
        &mut self,
        position: Position,
        key: &[u8],
        value: &[u8],
        completed_below: impl FnOnce(&Key) -> SequenceNumber,
    ) -> Result<(), RebuildError> {
        let record = RecordKey::parse(key)?;
        let part = decode(&record, value)?;
        self.store.live.add(position);
        if record.state.sequence_number < completed_below(&record.state.key) {
            self.stale.entry(record).or_default().push(RecordPlace::At(position));
            return Ok(());
        }
        let states = self.store.keys.entry_ref(&record.state.key).or_default();
        let unasked = &mut self.store.unasked;
        let entry = states.states.get_or_insert_with(inner(&record.state), || {
            *unasked += 1;
            Entry::new(ActionState::started(part.action.clone(), part.started_at_ms), false)
        });
        entry.records.push((record.kind, RecordPlace::At(position)));
        merge(Arc::make_mut(&mut entry.state), part, record.kind);
        if !entry.state.dropped_input.is_empty() {
            self.store.with_dropped_input.entry_ref(&record.state.key).or_default().insert(inner(&record.state));
        }
        Ok(())
    }

    /// Ends the rebuild. The tombstones that a crash left unwritten are among the store's appends.
    pub fn finish(mut self) -> ActionStateStore {
        for (record, places) in std::mem::take(&mut self.stale) {
            let records = places.into_iter().map(|place| (record.kind, place)).collect();
            self.store.append_tombstones(&record.state, records);
        }
        self.store
    }
}

/// Adds what one record holds to what earlier records held.
fn merge(state: &mut ActionState, part: ActionState, kind: RecordKind) {
    match kind {
        RecordKind::State => {
            let calls = if part.completed { CallResults::default() } else { std::mem::take(&mut state.call_results) };
            *state = ActionState { call_results: calls, ..part };
        }
        RecordKind::CallResult(_) => state.call_results.extend(part.call_results),
        RecordKind::CallPending(position) => {
            let known = state.call_results.get(position);
            if known.is_none_or(|known| known.is_pending()) {
                state.call_results.extend(part.call_results);
            }
        }
    }
}
