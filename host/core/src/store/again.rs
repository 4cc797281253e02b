//! States that are older than the process: put again so that the marker moves on, or marked as done.

use super::log::RecordPlace;
use super::states::Entry;
use super::{ActionStateStore, inner};
use crate::action_state::{RecordKey, RecordKind, StateKey, encode_call_result, encode_state};
use crate::event::SequenceNumber;
use crate::id::{ActionId, EventId};
use crate::key::Key;
use hashbrown::HashSet;

impl ActionStateStore {
    /// Puts all records of a state again, and the old ones get tombstones: it no longer holds the marker back [S23].
    pub fn put_again(&mut self, key: &StateKey) {
        let Some(entry) = self.keys.get_mut(&key.key).and_then(|states| states.states.get_mut(&inner(key))) else {
            return;
        };
        let old = std::mem::take(&mut entry.records);
        let state = entry.state.clone();
        let mut again = Vec::new();
        for (position, result) in &state.call_results {
            let kind = match result.is_pending() {
                true => RecordKind::CallPending(*position),
                false => RecordKind::CallResult(*position),
            };
            again.push((kind, encode_call_result(&state.action, state.started_at_ms, result)));
        }
        if old.iter().any(|(kind, _)| *kind == RecordKind::State) {
            again.push((RecordKind::State, encode_state(&state)));
        }
        for (kind, value) in again {
            let ticket = self.append(RecordKey { state: key.clone(), kind }, value);
            let states = self.keys.get_mut(&key.key).expect("the key was just found");
            let entry = states.states.get_mut(&inner(key)).expect("the state was just found");
            entry.records.push((kind, RecordPlace::Unacknowledged(ticket)));
        }
        self.append_tombstones(key, old);
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

    /// A run goes on from a checkpoint in which `done` of its tasks were done, beside those `queued`: the states of those
    /// that were done will not be asked for again. They are those of its input event, and of events that one of them
    /// emitted, unless they are queued. Where these are more, a deploy or a crash left some that no task asked for: then
    /// the oldest are taken.
    pub fn mark_done(
        &mut self,
        key: &Key,
        run: SequenceNumber,
        input: EventId,
        done: u64,
        queued: &HashSet<(EventId, ActionId)>,
    ) {
        let Some(states) = self.keys.get_mut(key).filter(|_| self.unasked > 0) else { return };
        let mut reached: Vec<(EventId, ActionId)> = Vec::new();
        let of_input = states.states.of_run(run).map(|((_, event, action), _)| (*event, *action));
        reached.extend(of_input.filter(|name| name.0 == input && !queued.contains(name)));
        let mut next = 0;
        while let Some((event, action)) = reached.get(next).copied() {
            next += 1;
            let Some(entry) = states.states.get(&(run, event, action)) else { continue };
            let emitted = entry.state.output_events.iter();
            let children = emitted
                .flat_map(|emitted| emitted.matched_actions.iter().map(|action| (emitted.event.id, action.id())));
            reached.extend(children.filter(|name| !queued.contains(name)));
        }
        let reached: HashSet<_> = reached.into_iter().collect();
        let of_run =
            states.states.of_run_mut(run).filter(|((_, event, action), _)| reached.contains(&(*event, *action)));
        let mut oldest: Vec<_> = of_run.map(|(_, entry)| (entry.age(), entry)).collect();
        oldest.sort_unstable_by_key(|(age, _)| *age);
        for (_, entry) in oldest.into_iter().take(done as usize) {
            if !entry.asked {
                entry.asked = true;
                self.unasked -= 1;
            }
        }
    }
}
