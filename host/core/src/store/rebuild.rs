//! Refilling the action states from the recovery marker [S25].

use super::log::{Position, RecordPlace};
use super::owner::Owner;
use super::states::Record;
use super::{ActionStateStore, Entry, inner};
use crate::action_state::{ActionState, CallResults, DecodeError, RecordKey, RecordKind, StateKeyError, decode};
use crate::event::{PartitionId, SequenceNumber};
use crate::key::Key;
use crate::ownership::{Epoch, FenceKey};
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
    /// It stands before the fence of its owner.
    #[error("an owner of epoch {epoch} wrote it, whose fence is not before it (the last one is of epoch {fence})")]
    BeforeItsFence {
        /// The epoch in its name.
        epoch: Epoch,
        /// The last epoch that has begun there.
        fence: Epoch,
    },
    /// It does not say who wrote it.
    #[error("its name does not say who wrote it, and this partition moves between hosts")]
    WithoutWriter,
    /// It says who wrote it.
    #[error("its name says who wrote it, and this partition has one owner for ever")]
    WithWriter,
}

/// Reads the records of one partition into a store.
///
/// Lifecycle: made; `on_scanned` for all from the marker to the captured end, in order; `finish`.
#[derive(Debug)]
pub struct Rebuild {
    store: ActionStateStore,
    /// States at or below the checkpoint's completed line: their tombstones are written at the end.
    /// What came late goes with them.
    stale: BTreeMap<RecordKey, Vec<RecordPlace>>,
    /// Fences behind a later owner's.
    late_fences: Vec<Epoch>,
}

impl Rebuild {
    /// Begins a rebuild of a partition whose log ends there, and which has one owner for ever.
    pub fn new(partition: PartitionId, end: Position, record_bytes_max: usize) -> Self {
        Self::of(None, partition, end, record_bytes_max)
    }

    /// Begins a rebuild of a partition that moves between hosts, for the owner of this epoch, from a marker before which
    /// the epoch `floor` had begun. Its own fence is the last record that it reads.
    pub fn of_owner(
        epoch: Epoch,
        floor: Epoch,
        partition: PartitionId,
        end: Position,
        record_bytes_max: usize,
    ) -> Self {
        Self::of(Some(Owner::new(epoch, floor)), partition, end, record_bytes_max)
    }

    fn of(owner: Option<Owner>, partition: PartitionId, end: Position, record_bytes_max: usize) -> Self {
        let store = ActionStateStore::of(owner, partition, end, record_bytes_max);
        Self { store, stale: BTreeMap::new(), late_fences: Vec::new() }
    }

    /// Takes what a log gives when it is read: a record, or a tombstone, which has no value.
    pub fn on_scanned(
        &mut self,
        position: Position,
        key: &[u8],
        value: Option<&[u8]>,
        completed_below: impl FnOnce(&Key) -> SequenceNumber,
    ) -> Result<(), RebuildError> {
        match value {
            Some(value) => self.on_record(position, key, value, completed_below),
            None => {
                self.on_tombstone(key);
                Ok(())
            }
        }
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
        if let Some(owner) = &mut self.store.owner
            && let Some(fence) = FenceKey::parse(key)
        {
            if !owner.fences.on_fence(position, fence.0) {
                self.late_fences.push(fence.0);
            }
            return Ok(());
        }
        let record = RecordKey::parse(key)?;
        let is_late = self.is_late(&record)?;
        if is_late || record.state.sequence_number < completed_below(&record.state.key) {
            self.store.live.add(position);
            self.stale.entry(record).or_default().push(RecordPlace::At(position));
            return Ok(());
        }
        let part = decode(&record, value)?;
        self.store.live.add(position);
        let (_, states) = self.store.keys.get_or_insert(&record.state.key);
        let unasked = &mut self.store.unasked;
        let has_foreign_times = self.store.owner.is_some();
        let entry = states.states.get_or_insert_with(inner(&record.state), || {
            *unasked += 1;
            let started = ActionState::started(part.action.clone(), part.started_at_ms);
            Entry { has_foreign_times, ..Entry::new(started.into(), false) }
        });
        let (kind, writer) = (record.kind, record.writer);
        entry.records.push(Record { kind, writer, place: RecordPlace::At(position) });
        let state = Arc::make_mut(entry.state_mut());
        merge(state, part, kind);
        if !state.dropped_input.is_empty() {
            self.store.with_dropped_input.entry_ref(&record.state.key).or_default().insert(inner(&record.state));
        }
        Ok(())
    }

    /// Takes one tombstone of a log that gives records which a later one removes. What it removes no longer counts as a
    /// record; what it recorded, others stand for, or the whole state is gone.
    pub fn on_tombstone(&mut self, key: &[u8]) {
        let Ok(record) = RecordKey::parse(key) else { return };
        if let Some(places) = self.stale.remove(&record) {
            for place in places {
                self.store.forget_place(place);
            }
            return;
        }
        let Some(of_key) = self.store.keys.get_mut(&record.state.key) else { return };
        let name = inner(&record.state);
        let Some(entry) = of_key.states.get_mut(&name) else { return };
        let Some(at) =
            entry.records.iter().position(|known| (known.kind, known.writer) == (record.kind, record.writer))
        else {
            return;
        };
        let place = entry.records.remove(at).place;
        if entry.records.is_empty()
            && let Some(entry) = of_key.states.remove(&name)
        {
            self.store.forget_state(&record.state, entry);
            self.store.forget_key_if_done(&record.state.key);
        }
        self.store.forget_place(place);
    }

    /// Ends the rebuild. The tombstones that a crash left unwritten, and those of what came late, are among the store's
    /// appends.
    pub fn finish(mut self) -> ActionStateStore {
        for (RecordKey { state, kind, writer }, places) in std::mem::take(&mut self.stale) {
            let records = places.into_iter().map(|place| Record { kind, writer, place }).collect();
            self.store.append_tombstones(&state, records);
        }
        for epoch in self.late_fences {
            self.store.outgoing.append_fence_tombstone(epoch);
        }
        self.store
    }

    /// Whether an owner wrote it behind the fence of a later one [S32].
    fn is_late(&self, record: &RecordKey) -> Result<bool, RebuildError> {
        match (&self.store.owner, record.writer) {
            (None, None) => Ok(false),
            (Some(owner), Some(writer)) if writer.epoch <= owner.fences.epoch() => {
                Ok(writer.epoch < owner.fences.epoch())
            }
            (Some(owner), Some(writer)) => {
                Err(RebuildError::BeforeItsFence { epoch: writer.epoch, fence: owner.fences.epoch() })
            }
            (Some(_), None) => Err(RebuildError::WithoutWriter),
            (None, Some(_)) => Err(RebuildError::WithWriter),
        }
    }
}

/// Adds what one record holds to what earlier records held.
fn merge(state: &mut ActionState, part: ActionState, kind: RecordKind) {
    match kind {
        RecordKind::State => {
            let calls = if part.completed { CallResults::default() } else { std::mem::take(&mut state.call_results) };
            *state = ActionState { call_results: calls, ..part };
        }
        RecordKind::CallDropped(position) => drop(state.call_results.remove(position)),
        RecordKind::CallResult(_) => state.call_results.extend(part.call_results),
        RecordKind::CallPending(position) => {
            let known = state.call_results.get(position);
            if known.is_none_or(|known| known.is_pending()) {
                state.call_results.extend(part.call_results);
            }
        }
    }
}
