//! States that are older than the process: put again so that the marker moves on, or marked as done.

use super::states::Entry;
use super::{ActionStateStore, inner};
use crate::action_state::{RecordKind, StateKey, encode_call_result, encode_state};
use crate::event::SequenceNumber;
use crate::id::{ActionId, EventId};
use crate::key::Key;
use hashbrown::HashSet;

impl ActionStateStore {
    /// Puts all records of a state again, and the old ones get tombstones, in their time: it no longer holds the marker
    /// back [S23].
    pub fn put_again(&mut self, key: &StateKey) {
        let Some(entry) = self.keys.get_mut(&key.key).and_then(|states| states.states.get_mut(&inner(key))) else {
            return;
        };
        let old = std::mem::take(&mut entry.records);
        let state = entry.state();
        let mut again = Vec::new();
        for (position, result) in state.call_results.iter() {
            let kind = match result.is_pending() {
                true => RecordKind::CallPending(position),
                false => RecordKind::CallResult(position),
            };
            again.push((kind, encode_call_result(&state.action, state.started_at_ms, result)));
        }
        if old.iter().any(|record| record.kind == RecordKind::State) {
            again.push((RecordKind::State, encode_state(&state)));
        }
        for (kind, value) in again {
            let (slot, of_key) = self.keys.get_or_insert(&key.key);
            let record = self.outgoing.append(key, kind, value, slot, &mut of_key.last_ticket);
            let entry = of_key.states.get_mut(&inner(key)).expect("the state was just found");
            entry.records.push(record);
        }
        self.supersede(key, old);
    }

    /// Puts all states of a key again, in their order, if one of them holds the marker back by more than so many
    /// records [S23].
    pub fn put_laggards_again(&mut self, key: &Key, lag_max: u64) {
        let Some(states) = self.keys.get(key) else { return };
        let lags = |entry: &Entry| match entry.age() {
            (false, position) => self.end.0.saturating_sub(position) > lag_max,
            (true, _) => false,
        };
        if !states.states.iter().any(|(_, entry)| lags(entry)) {
            return;
        }
        let mut ordered: Vec<_> = states.states.iter().map(|(name, entry)| (entry.age(), *name)).collect();
        ordered.sort_unstable();
        for (_, (sequence_number, event, action)) in ordered {
            self.put_again(&StateKey { key: key.clone(), sequence_number, event, action });
        }
    }

    /// A run goes on from a checkpoint that holds these tasks as `queued`: the states of those that were done will not be
    /// asked for again. They are the run's roots, and what the actions that were done caused, unless they are queued.
    pub fn mark_done(
        &mut self,
        key: &Key,
        run: SequenceNumber,
        roots: impl Iterator<Item = (EventId, ActionId)>,
        queued: &HashSet<(EventId, ActionId)>,
    ) {
        let Some(states) = self.keys.get_mut(key) else { return };
        let mut done: Vec<_> = roots.filter(|root| !queued.contains(root)).collect();
        let mut next = 0;
        while let Some((event, action)) = done.get(next).copied() {
            next += 1;
            let Some(entry) = states.states.get_mut(&(run, event, action)) else { continue };
            for emitted in &entry.state().output_events {
                let caused = emitted.matched_actions.iter().map(|action| (emitted.event.id, action.id()));
                done.extend(caused.filter(|task| !queued.contains(task)));
            }
            if !entry.asked {
                entry.asked = true;
                self.unasked -= 1;
            }
        }
    }
}
