//! What a store knows of owners, where its partition moves between hosts [S32].
//!
//! *Invariant:* a tombstone goes only to what no later owner may need: states below the completed line of a committed
//! checkpoint, and records that others stand for, once a checkpoint is committed after these. For an owner that is none
//! any more may write tombstones behind its successor's fence, and the cleaner obeys them; but it commits nothing.

use super::log::{Position, RecordPlace, Ticket};
use super::states::{Record, Records};
use super::{ActionStateStore, inner};
use crate::action_state::{CallResults, CallStatus, RecordKind, StateKey, encode_call_dropped};
use crate::ownership::{Epoch, Fences};
use std::sync::Arc;

/// The owner of a partition's store.
#[derive(Clone, Debug)]
pub(super) struct Owner {
    /// Its epoch.
    pub(super) epoch: Epoch,
    /// Where epochs began.
    pub(super) fences: Fences,
    /// Records that others stand for: they get their tombstones when these are of no further use for certain. Until then
    /// they hold the marker back.
    doomed: Vec<(StateKey, Record)>,
    /// So many of them the last checkpoint that was taken covers.
    sealed: usize,
}

impl Owner {
    pub(super) fn new(epoch: Epoch, floor: Epoch) -> Self {
        Self { epoch, fences: Fences::from_floor(floor), doomed: Vec::new(), sealed: 0 }
    }

    /// An append of a doomed record is durable: whether there is one with this ticket.
    pub(super) fn on_acknowledged(&mut self, ticket: Ticket, position: Position) -> bool {
        let waiting = RecordPlace::Unacknowledged(ticket);
        let doomed = self.doomed.iter_mut().find(|(_, record)| record.place == waiting);
        doomed.map(|(_, record)| record.place = RecordPlace::At(position)).is_some()
    }
}

impl ActionStateStore {
    /// The epoch of the last fence before a position, where the partition moves between hosts: what a checkpoint says when
    /// no state has a record before that position.
    pub fn marker_epoch(&self, marker: Position) -> Epoch {
        self.owner.as_ref().map_or(Epoch::default(), |owner| owner.fences.floor_at(marker))
    }

    /// The marker that a checkpoint writes: where a rebuild starts. A fence that has no tombstone yet holds it back, though
    /// no state does.
    pub(crate) fn marker_to_write(&self) -> Position {
        let marker = self.recovery_marker();
        let fence = self.owner.as_ref().and_then(|owner| owner.fences.first_standing());
        fence.map_or(marker, |fence| fence.min(marker))
    }

    /// The owner's epoch; 0 where a partition has one owner for ever.
    pub fn epoch(&self) -> Epoch {
        self.owner.as_ref().map_or(Epoch::default(), |owner| owner.epoch)
    }

    /// Puts what is pending of a state's calls into times of this host's clock; answers what is recorded of them. Clocks of
    /// hosts are not synchronised: of what an older owner left pending it is known only that its effect began before this
    /// owner's fence, and how long it may take.
    pub(crate) fn calls_on_this_clock(&mut self, key: &StateKey, now_ms: u64, effect_ms_max: u64) -> CallResults {
        let states = self.keys.get_mut(&key.key);
        let Some(entry) = states.and_then(|states| states.states.get_mut(&inner(key))) else {
            return CallResults::default();
        };
        if std::mem::take(&mut entry.has_foreign_times) {
            let effect_ends_at_ms = now_ms.saturating_add(effect_ms_max);
            for call in Arc::make_mut(entry.state_mut()).call_results.values_mut().filter(|call| call.is_pending()) {
                call.status = CallStatus::Pending { effect_ends_at_ms };
            }
        }
        entry.state_mut().call_results.clone()
    }

    /// A checkpoint is taken: it will be durable only after all that is appended by now.
    pub(crate) fn on_checkpoint_taken(&mut self) {
        if let Some(owner) = &mut self.owner {
            owner.sealed = owner.doomed.len();
        }
    }

    /// The checkpoint is durable that was taken when the recovery marker was this.
    pub(crate) fn on_checkpoint_durable(&mut self, marker: Position) {
        let Some(owner) = &mut self.owner else { return };
        let doomed: Vec<_> = owner.doomed.drain(..std::mem::take(&mut owner.sealed)).collect();
        for epoch in owner.fences.take_passed(marker) {
            self.outgoing.append_fence_tombstone(epoch);
        }
        for (state, record) in doomed {
            self.append_tombstones(&state, Records::from([record]));
        }
    }

    /// Other records stand for these from now on.
    pub(super) fn supersede(&mut self, key: &StateKey, records: Records) {
        match &mut self.owner {
            Some(owner) => owner.doomed.extend(records.into_iter().map(|record| (key.clone(), record))),
            None => self.append_tombstones(key, records),
        }
    }

    /// Says in a record that what was recorded of a call no longer counts, where a tombstone would come too soon.
    pub(super) fn put_call_dropped(&mut self, key: &StateKey, position: u32) {
        if self.owner.is_none() {
            return;
        }
        let Some(slot) = self.keys.slot_of(&key.key) else { return };
        let of_key = self.keys.at(slot);
        let Some(entry) = of_key.states.get_mut(&inner(key)) else { return };
        let state = entry.state_mut();
        let value = encode_call_dropped(&state.action, state.started_at_ms);
        let kind = RecordKind::CallDropped(position);
        let record = self.outgoing.append(key, kind, value, slot, &mut of_key.last_ticket);
        entry.records.push(record);
    }
}
