//! The action-state store: put, get, prune, rebuild, recovery marker.
//!
//! One index over a narrow [`log`]: facts go in, appends come out, positions come back with acknowledgements.
//! No operation looks at all keys or all states [D2] [D4].

mod again;
mod encode;
mod key_index;
pub mod log;
mod outgoing;
mod owner;
mod positions;
mod rebuild;
mod states;

pub use encode::RecordTooLarge;
pub use rebuild::{Rebuild, RebuildError};

use crate::action_state::{ActionState, CallPut, DroppedInput, RecordKey, RecordKind, StateKey, encode_call_result};
use crate::event::{PartitionId, SequenceNumber};
use crate::key::Key;
use encode::encode;
use hashbrown::{HashMap, HashSet};
use key_index::KeyIndex;
use log::{Acknowledged, Append, Position, RecordPlace, Ticket};
use outgoing::{Outgoing, Unacknowledged};
use owner::Owner;
use positions::LivePositions;
use states::{Entry, Inner, Kept, Record, Records};
use std::sync::Arc;

/// The action states of one partition.
///
/// Lifecycle: made empty, or by a [`Rebuild`]; then puts and gets; appends are taken out and handed to the log in
/// order; acknowledgements come back in order.
///
/// *Invariant:* the recovery marker is never after the oldest record of a state that is not pruned [S23].
#[derive(Clone, Debug)]
pub struct ActionStateStore {
    record_bytes_max: usize,
    keys: KeyIndex,
    live: LivePositions,
    outgoing: Outgoing,
    /// The end of what is acknowledged.
    end: Position,
    /// States that a rebuild brought and no task has asked for.
    unasked: usize,
    /// States of keys that dropped input: few, so that the others are not looked through for each event.
    with_dropped_input: HashMap<Key, HashSet<Inner>>,
    /// Of a partition that moves between hosts.
    owner: Option<Owner>,
    /// Empty between two puts: kept for its room.
    text: String,
}

impl ActionStateStore {
    /// No states; the log ends there. The partition has one owner for ever.
    pub fn new(partition: PartitionId, end: Position, record_bytes_max: usize) -> Self {
        Self::of(None, partition, end, record_bytes_max)
    }

    fn of(owner: Option<Owner>, partition: PartitionId, end: Position, record_bytes_max: usize) -> Self {
        Self {
            record_bytes_max,
            keys: KeyIndex::default(),
            live: LivePositions::default(),
            outgoing: Outgoing::new(partition, owner.as_ref().map(|owner| owner.epoch)),
            end,
            unasked: 0,
            with_dropped_input: HashMap::new(),
            owner,
            text: String::new(),
        }
    }

    /// The state of this name. A task asks for it: it is no orphan.
    pub fn get(&mut self, key: &StateKey) -> Option<&Arc<ActionState>> {
        let entry = self.keys.get_mut(&key.key)?.states.get_mut(&inner(key))?;
        if !entry.asked {
            entry.asked = true;
            self.unasked -= 1;
        }
        Some(entry.state_mut())
    }

    /// Puts a state: start, failed attempt, decision or completion, whole but for call results. What was recorded of
    /// calls stays, until the action completed. A completed state leaves room for a decision.
    pub fn put(&mut self, key: &StateKey, mut state: ActionState) -> Result<(), RecordTooLarge> {
        let value = encode(key, &state, self.record_bytes_max, &mut self.text)?;
        if !state.dropped_input.is_empty() {
            self.with_dropped_input.entry_ref(&key.key).or_default().insert(inner(key));
        }
        state.call_results.clear();
        let (slot, of_key) = self.keys.get_or_insert(&key.key);
        let record = self.outgoing.append(key, RecordKind::State, value, slot, &mut of_key.last_ticket);
        let states = &mut of_key.states;
        let entry = match states.get_mut(&inner(key)) {
            Some(entry) => {
                if !state.completed {
                    state.call_results = std::mem::take(&mut Arc::make_mut(entry.state_mut()).call_results);
                }
                entry.kept = state.into();
                entry
            }
            None => states.get_or_insert_with(inner(key), || Entry::new(state.into(), true)),
        };
        entry.records.push(record);
        Ok(())
    }

    /// Puts the state of an action that completed and is now to be applied. `inherit` adds what stays of the state known
    /// before. Hardly one is asked for again before it is pruned, so only its record is kept, and what the action made is
    /// let go while it is at hand; but the state of a key that dropped input is.
    pub fn put_completed(
        &mut self,
        key: &StateKey,
        state: &mut ActionState,
        inherit: impl FnOnce(&ActionState, &mut ActionState),
    ) -> Result<(), RecordTooLarge> {
        let (slot, of_key) = self.keys.get_or_insert(&key.key);
        if let Some(known) = of_key.states.get_mut(&inner(key)) {
            inherit(known.state_mut(), state);
        }
        if !state.dropped_input.is_empty() {
            return self.put(key, state.clone());
        }
        let value = match encode(key, state, self.record_bytes_max, &mut self.text) {
            Ok(value) => value,
            Err(too_large) => {
                self.forget_key_if_done(&key.key);
                return Err(too_large);
            }
        };
        let record = self.outgoing.append(key, RecordKind::State, value.clone(), slot, &mut of_key.last_ticket);
        let entry = of_key.states.get_or_insert_with(inner(key), || Entry::new(Kept::Record(value.clone()), true));
        entry.kept = Kept::Record(value);
        entry.records.push(record);
        Ok(())
    }

    /// Puts, or drops, records of an action's calls, in order. `start` is the state to begin with where none is.
    pub fn put_calls(&mut self, key: &StateKey, start: impl Fn() -> ActionState, puts: Vec<CallPut>) {
        for put in puts {
            match put {
                CallPut::Start if self.holds(key) => {}
                CallPut::Start => self.put(key, start()).expect("a state of which nothing is known but the start fits"),
                CallPut::Put(position, result) => {
                    let kind = match result.is_pending() {
                        true => RecordKind::CallPending(position),
                        false => RecordKind::CallResult(position),
                    };
                    let (slot, of_key) = self.keys.get_or_insert(&key.key);
                    let entry = of_key.states.get_or_insert_with(inner(key), || Entry::new(start().into(), true));
                    let state = Arc::make_mut(entry.state_mut());
                    let value = encode_call_result(&state.action, state.started_at_ms, &result);
                    state.call_results.insert(position, result);
                    let record = self.outgoing.append(key, kind, value, slot, &mut of_key.last_ticket);
                    entry.records.push(record);
                }
                CallPut::Drop(position) => self.drop_call(key, position),
            }
        }
    }

    /// Whether anything is recorded of a state.
    fn holds(&self, key: &StateKey) -> bool {
        self.keys.get(&key.key).is_some_and(|states| states.states.get(&inner(key)).is_some())
    }

    /// Drops all records of one call, by tombstones; what they drop is said in a record first, where these must wait.
    pub fn drop_call(&mut self, key: &StateKey, position: u32) {
        let Some(states) = self.keys.get_mut(&key.key) else { return };
        let Some(entry) = states.states.get_mut(&inner(key)) else { return };
        Arc::make_mut(entry.state_mut()).call_results.remove(position);
        let of_call = [RecordKind::CallResult, RecordKind::CallPending, RecordKind::CallDropped].map(|of| of(position));
        let records = std::mem::take(&mut entry.records).into_iter();
        let (dropped, kept) = records.partition::<Records, _>(|record| of_call.contains(&record.kind));
        entry.records = kept;
        if !dropped.is_empty() {
            self.put_call_dropped(key, position);
            self.supersede(key, dropped);
        }
    }

    /// Forgets the states of a key below a sequence number, by tombstones [S24].
    pub fn prune(&mut self, key: &Key, below: SequenceNumber) {
        let Some(states) = self.keys.get_mut(key) else { return };
        for ((sequence_number, event, action), entry) in states.states.take_below(below) {
            let state = StateKey { key: key.clone(), sequence_number, event, action };
            self.forget_state(&state, *entry);
        }
        self.forget_key_if_done(key);
    }

    /// Forgets one state, by tombstones.
    pub fn drop_state(&mut self, key: &StateKey) {
        let Some(states) = self.keys.get_mut(&key.key) else { return };
        let Some(entry) = states.states.remove(&inner(key)) else { return };
        self.forget_state(key, entry);
        self.forget_key_if_done(&key.key);
    }

    /// What goes with a state that was taken out of the index. Its key goes once for all of them.
    fn forget_state(&mut self, key: &StateKey, entry: Entry) {
        if !entry.asked {
            self.unasked -= 1;
        }
        if entry.whole().is_some_and(|state| !state.dropped_input.is_empty())
            && let Some(names) = self.with_dropped_input.get_mut(&key.key)
        {
            names.remove(&inner(key));
            if names.is_empty() {
                self.with_dropped_input.remove(&key.key);
            }
        }
        self.append_tombstones(key, entry.records);
    }

    /// The first state of a run that no task of this process has asked for [S14].
    pub fn unasked(&self, key: &Key, sequence_number: SequenceNumber) -> Option<(StateKey, Arc<ActionState>)> {
        if self.unasked == 0 {
            return None;
        }
        let mut of_run = self.keys.get(key)?.states.of_run(sequence_number);
        let ((_, event, action), entry) = of_run.find(|(_, entry)| !entry.asked)?;
        let state = StateKey { key: key.clone(), sequence_number, event: *event, action: *action };
        Some((state, entry.state()))
    }

    /// All states of a key, for people to look at.
    pub fn states_of(&self, key: &Key) -> Vec<(StateKey, Arc<ActionState>)> {
        let Some(states) = self.keys.get(key) else { return Vec::new() };
        let named = states.states.iter().map(|((sequence_number, event, action), entry)| {
            let (sequence_number, event, action) = (*sequence_number, *event, *action);
            (StateKey { key: key.clone(), sequence_number, event, action }, entry.state())
        });
        named.collect()
    }

    /// The keys that have states, for people to look at.
    pub fn keys(&self) -> impl Iterator<Item = &Key> {
        self.keys.iter().map(|of_key| &of_key.key)
    }

    /// The input events of this key that became dead letters because its queue was full [S29].
    pub fn dropped_input(&self, key: &Key) -> impl Iterator<Item = &DroppedInput> {
        let of_key = self
            .with_dropped_input
            .get(key)
            .map(|names| (names, &self.keys.get(key).expect("a key with dropped input has states").states));
        of_key
            .into_iter()
            .flat_map(|(names, states)| names.iter().filter_map(|name| states.get(name)))
            .filter_map(Entry::whole)
            .flat_map(|state| &state.dropped_input)
    }

    /// Where a rebuild must start: the oldest record of any state not pruned; with none, the end [S23].
    pub fn recovery_marker(&self) -> Position {
        self.live.oldest().unwrap_or(self.end)
    }

    /// So many records a rebuild would read at most, those left out that are not acknowledged: no state holds the marker
    /// back by more.
    pub fn marker_lag(&self) -> u64 {
        self.end.0.saturating_sub(self.recovery_marker().0)
    }

    /// The appends that wait to be handed to the log, in order.
    pub fn take_appends(&mut self) -> Vec<Append> {
        let mut appends = Vec::new();
        self.take_appends_into(&mut appends);
        appends
    }

    /// Adds the appends that wait to be handed to the log, in order.
    pub fn take_appends_into(&mut self, appends: &mut Vec<Append>) {
        appends.append(&mut self.outgoing.appends);
    }

    /// Whether appends wait to be handed to the log.
    pub fn has_appends(&self) -> bool {
        !self.outgoing.appends.is_empty()
    }

    /// The next append is durable.
    pub fn on_acknowledged(&mut self, acknowledged: Acknowledged) {
        let Acknowledged { ticket, position, .. } = acknowledged;
        let what = self.outgoing.on_acknowledged(ticket);
        let first = self.outgoing.first_unacknowledged();
        let (slot, name) = match what {
            Unacknowledged::Record(slot, name) => {
                self.end = self.end.max(Position(position.0 + 1));
                (slot, Some(name))
            }
            Unacknowledged::Tombstone(slot) => {
                self.end = self.end.max(position);
                (slot, None)
            }
            Unacknowledged::Fence => {
                self.end = self.end.max(position);
                return;
            }
        };
        let of_key = self.keys.at(slot);
        let entry = name.and_then(|name| of_key.states.get_mut(&name));
        let found = entry.and_then(|entry| {
            let waiting = RecordPlace::Unacknowledged(ticket);
            entry.records.iter_mut().find(|record| record.place == waiting)
        });
        if let Some(found) = found {
            found.place = RecordPlace::At(position);
            self.live.add(position);
        } else if self.owner.as_mut().is_some_and(|owner| owner.on_acknowledged(ticket, position)) {
            self.live.add(position);
        }
        if of_key.is_done(first) {
            self.keys.remove(slot);
        }
    }

    /// The last append of a key that is not durable: its effects wait for it [S33].
    pub fn undurable(&self, key: &Key) -> Option<Ticket> {
        let last = self.keys.get(key)?.last_ticket?;
        (last >= self.first_unacknowledged()).then_some(last)
    }

    /// The last append that is not durable: a checkpoint waits for it.
    pub fn undurable_any(&self) -> Option<Ticket> {
        self.outgoing.last_unacknowledged()
    }

    /// The first append that is not durable, or will be made.
    pub fn first_unacknowledged(&self) -> Ticket {
        self.outgoing.first_unacknowledged()
    }

    /// How many states a rebuild brought that no task has asked for yet.
    pub fn unasked_len(&self) -> usize {
        self.unasked
    }

    /// How many states there are.
    pub fn len(&self) -> usize {
        self.keys.iter().map(|states| states.states.len()).sum()
    }

    /// Whether there is no state.
    pub fn is_empty(&self) -> bool {
        self.keys.iter().all(|states| states.states.is_empty())
    }

    /// One tombstone for each name of the records, the highest position of a call first; where each record has a name of
    /// its own, in the order in which they were put.
    fn append_tombstones(&mut self, key: &StateKey, mut records: Records) {
        for record in &records {
            self.forget_place(record.place);
        }
        if self.owner.is_none() {
            records.sort_by_key(|record| std::cmp::Reverse(record.kind));
        }
        let (slot, of_key) = self.keys.get_or_insert(&key.key);
        for of_one_name in records.chunk_by(|a, b| (a.kind, a.writer) == (b.kind, b.writer)) {
            let Record { kind, writer, .. } = of_one_name[0];
            let name = RecordKey { state: key.clone(), kind, writer };
            let places = of_one_name.iter().map(|record| record.place).collect();
            self.outgoing.append_tombstone(name, places, slot, &mut of_key.last_ticket);
        }
    }

    fn forget_place(&mut self, place: RecordPlace) {
        if let RecordPlace::At(position) = place {
            self.live.forget(position);
        }
    }

    fn forget_key_if_done(&mut self, key: &Key) {
        let Some(slot) = self.keys.slot_of(key) else { return };
        if self.keys.at(slot).is_done(self.outgoing.first_unacknowledged()) {
            self.keys.remove(slot);
        }
    }
}

fn inner(key: &StateKey) -> Inner {
    (key.sequence_number, key.event, key.action)
}
