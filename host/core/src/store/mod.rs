//! The action-state store: put, get, prune, rebuild, recovery marker.
//!
//! One index over a narrow [`log`]: facts go in, appends come out, positions come back with acknowledgements.
//! No operation looks at all keys or all states [D2] [D4].

pub mod log;
mod positions;
mod rebuild;

pub use rebuild::{Rebuild, RebuildError};

use crate::action_state::{
    ActionState, CallPut, Decision, DroppedInput, RecordKey, RecordKind, StateKey, encode_call_result, encode_state,
};
use crate::event::{PartitionId, SequenceNumber, SourcePosition};
use crate::id::{ActionId, EventId};
use crate::key::Key;
use hashbrown::{HashMap, HashSet};
use log::{Acknowledged, Append, AppendKind, Position, RecordPlace, Ticket};
use positions::LivePositions;
use std::collections::{BTreeMap, VecDeque};
use std::ops::RangeInclusive;
use std::sync::Arc;

/// A record that is too large for the log [S26].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("put action state {key}: its record of {size} bytes is over limits.record_bytes_max ({max} bytes)")]
pub struct RecordTooLarge {
    /// The state.
    pub key: String,
    /// The record's size in bytes.
    pub size: usize,
    /// The limit in bytes.
    pub max: usize,
}

/// Room that a state without a failure leaves, so that a decision can be put on top of it.
const DECISION_BYTES: usize = 1_024;

/// The action states of one partition.
///
/// Lifecycle: made empty, or by a [`Rebuild`]; then puts and gets; appends are taken out and handed to the log in
/// order; acknowledgements come back in order.
///
/// *Invariant:* the recovery marker is never after the oldest record of a state that is not pruned [S23].
#[derive(Clone, Debug)]
pub struct ActionStateStore {
    partition: PartitionId,
    record_bytes_max: usize,
    keys: HashMap<Key, StatesOfKey>,
    live: LivePositions,
    /// Appended and not acknowledged, in order.
    unacknowledged: VecDeque<Unacknowledged>,
    next_ticket: u64,
    /// The end of what is acknowledged.
    end: Position,
    appends: Vec<Append>,
    /// States that a rebuild brought and no task has asked for.
    unasked: usize,
    /// States of keys that dropped input: few, so that the others are not looked through for each event.
    with_dropped_input: HashMap<Key, HashSet<Inner>>,
}

/// Names a state among those of its key.
type Inner = (SequenceNumber, EventId, ActionId);

#[derive(Clone, Debug, Default)]
struct StatesOfKey {
    states: BTreeMap<Inner, Box<Entry>>,
    /// The last append of this key.
    last_ticket: Option<Ticket>,
}

/// An append whose acknowledgement is to come.
#[derive(Clone, Debug)]
enum Unacknowledged {
    Record(RecordKey),
    /// Of a key's record.
    Tombstone(Key),
}

/// A state with all its records, the oldest first.
#[derive(Clone, Debug)]
struct Entry {
    /// Shared with whoever applies it.
    state: Arc<ActionState>,
    records: Vec<(RecordKind, RecordPlace)>,
    /// Whether a task of this process asked for it.
    asked: bool,
}

impl ActionStateStore {
    /// No states; the log ends there.
    pub fn new(partition: PartitionId, end: Position, record_bytes_max: usize) -> Self {
        Self {
            partition,
            record_bytes_max,
            keys: HashMap::new(),
            live: LivePositions::default(),
            unacknowledged: VecDeque::new(),
            next_ticket: 0,
            end,
            appends: Vec::new(),
            unasked: 0,
            with_dropped_input: HashMap::new(),
        }
    }

    /// The state of this name. A task asks for it: it is no orphan.
    pub fn get(&mut self, key: &StateKey) -> Option<&Arc<ActionState>> {
        let entry = self.keys.get_mut(&key.key)?.states.get_mut(&inner(key))?;
        if !entry.asked {
            entry.asked = true;
            self.unasked -= 1;
        }
        Some(&entry.state)
    }

    /// Puts a state: start, failed attempt, decision or completion, whole but for call results. What was recorded of
    /// calls stays, until the action completed. A completed state leaves room for a decision.
    pub fn put(&mut self, key: &StateKey, mut state: ActionState) -> Result<(), RecordTooLarge> {
        let value = encode_state(&state);
        let may_fail_yet = state.failed.is_none() || state.completed && state.decision() == Some(Decision::Retry);
        let room = if may_fail_yet { DECISION_BYTES.min(self.record_bytes_max / 4) } else { 0 };
        let max = self.record_bytes_max - room;
        if value.len() > max {
            return Err(RecordTooLarge { key: key.to_string(), size: value.len(), max });
        }
        let ticket = self.append(RecordKey { state: key.clone(), kind: RecordKind::State }, value);
        let entry = self.entry(key, || ActionState::started(state.action.clone(), state.started_at_ms));
        entry.records.push((RecordKind::State, RecordPlace::Unacknowledged(ticket)));
        if !state.completed {
            state.call_results = std::mem::take(&mut Arc::make_mut(&mut entry.state).call_results);
        }
        let has_dropped_input = !state.dropped_input.is_empty();
        entry.state = Arc::new(state);
        if has_dropped_input {
            self.with_dropped_input.entry_ref(&key.key).or_default().insert(inner(key));
        }
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
                    let entry = self.entry(key, &start);
                    let value = encode_call_result(&entry.state.action, entry.state.started_at_ms, &result);
                    Arc::make_mut(&mut entry.state).call_results.insert(position, result);
                    let ticket = self.append(RecordKey { state: key.clone(), kind }, value);
                    self.entry(key, &start).records.push((kind, RecordPlace::Unacknowledged(ticket)));
                }
                CallPut::Drop(position) => self.drop_call(key, position),
            }
        }
    }

    /// Whether anything is recorded of a state.
    fn holds(&self, key: &StateKey) -> bool {
        self.keys.get(&key.key).is_some_and(|states| states.states.contains_key(&inner(key)))
    }

    /// Drops all records of one call, by tombstones.
    pub fn drop_call(&mut self, key: &StateKey, position: u32) {
        let Some(states) = self.keys.get_mut(&key.key) else { return };
        let Some(entry) = states.states.get_mut(&inner(key)) else { return };
        Arc::make_mut(&mut entry.state).call_results.remove(&position);
        let of_call = [RecordKind::CallResult(position), RecordKind::CallPending(position)];
        let dropped: Vec<_> = entry.records.extract_if(.., |(kind, _)| of_call.contains(kind)).collect();
        self.append_tombstones(key, dropped);
    }

    /// Forgets the states of a key below a sequence number, by tombstones [S24].
    pub fn prune(&mut self, key: &Key, below: SequenceNumber) {
        let Some(states) = self.keys.get_mut(key) else { return };
        let mut pruned = Vec::new();
        while let Some(first) = states.states.first_entry().filter(|first| first.key().0 < below) {
            pruned.push(first.remove_entry());
        }
        for ((sequence_number, event, action), entry) in pruned {
            let state = StateKey { key: key.clone(), sequence_number, event, action };
            self.forget_state(&state, *entry);
        }
        self.forget_key_if_done(key);
    }

    /// Forgets one state, by tombstones.
    pub fn drop_state(&mut self, key: &StateKey) {
        let Some(states) = self.keys.get_mut(&key.key) else { return };
        let Some(entry) = states.states.remove(&inner(key)) else { return };
        self.forget_state(key, *entry);
    }

    /// What goes with a state that was taken out of the index.
    fn forget_state(&mut self, key: &StateKey, entry: Entry) {
        if !entry.asked {
            self.unasked -= 1;
        }
        if !entry.state.dropped_input.is_empty()
            && let Some(names) = self.with_dropped_input.get_mut(&key.key)
        {
            names.remove(&inner(key));
            if names.is_empty() {
                self.with_dropped_input.remove(&key.key);
            }
        }
        self.append_tombstones(key, entry.records);
    }

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
        let oldest = |entry: &Entry| entry.records.first().map(|(_, place)| *place);
        let lags = |entry: &Entry| match oldest(entry) {
            Some(RecordPlace::At(position)) => self.end.0.saturating_sub(position.0) > lag_max,
            Some(RecordPlace::Unacknowledged(_)) | None => false,
        };
        if !states.states.values().any(|entry| lags(entry)) {
            return;
        }
        let mut ordered: Vec<_> = states.states.iter().map(|(name, entry)| (age(oldest(entry)), *name)).collect();
        ordered.sort_unstable();
        for (_, (sequence_number, event, action)) in ordered {
            self.put_again(&StateKey { key: key.clone(), sequence_number, event, action });
        }
    }

    /// A run goes on from a checkpoint in which so many of its tasks were done, beside those `queued`: the states of
    /// those that were done are the oldest ones, and will not be asked for again.
    pub fn mark_done(&mut self, key: &Key, run: SequenceNumber, done: u64, queued: &HashSet<(EventId, ActionId)>) {
        let Some(states) = self.keys.get_mut(key).filter(|_| self.unasked > 0) else { return };
        let of_run = states.states.range_mut(run_range(run));
        let mut oldest: Vec<_> = of_run
            .filter(|((_, event, action), _)| !queued.contains(&(*event, *action)))
            .map(|(_, entry)| (age(entry.records.first().map(|(_, place)| *place)), entry))
            .collect();
        oldest.sort_unstable_by_key(|(age, _)| *age);
        for (_, entry) in oldest.into_iter().take(done as usize) {
            if !entry.asked {
                entry.asked = true;
                self.unasked -= 1;
            }
        }
    }

    /// The first state of a run that no task of this process has asked for [S14].
    pub fn unasked(&self, key: &Key, sequence_number: SequenceNumber) -> Option<(StateKey, &ActionState)> {
        if self.unasked == 0 {
            return None;
        }
        let of_run = self.of_run(key, sequence_number)?;
        let ((_, event, action), entry) = of_run.into_iter().find(|(_, entry)| !entry.asked)?;
        let state = StateKey { key: key.clone(), sequence_number, event: *event, action: *action };
        Some((state, &entry.state))
    }

    /// All states of a key, for people to look at.
    pub fn states_of(&self, key: &Key) -> Vec<(StateKey, &Arc<ActionState>)> {
        let Some(states) = self.keys.get(key) else { return Vec::new() };
        let named = states.states.iter().map(|((sequence_number, event, action), entry)| {
            let (sequence_number, event, action) = (*sequence_number, *event, *action);
            (StateKey { key: key.clone(), sequence_number, event, action }, &entry.state)
        });
        named.collect()
    }

    /// The keys that have states, for people to look at.
    pub fn keys(&self) -> impl Iterator<Item = &Key> {
        self.keys.keys()
    }

    /// Whether an input event of this key became a dead letter because its queue was full [S29].
    pub fn is_dropped_input(&self, key: &Key, position: SourcePosition) -> bool {
        let covers = |dropped: &DroppedInput| dropped.first <= position && position <= dropped.last;
        let Some(names) = self.with_dropped_input.get(key) else { return false };
        let states = &self.keys[key].states;
        names.iter().flat_map(|name| &states[name].state.dropped_input).any(covers)
    }

    /// Where a rebuild must start: the oldest record of any state not pruned; with none, the end [S23].
    pub fn recovery_marker(&self) -> Position {
        self.live.oldest().unwrap_or(self.end)
    }

    /// The appends that wait to be handed to the log, in order.
    pub fn take_appends(&mut self) -> Vec<Append> {
        std::mem::take(&mut self.appends)
    }

    /// Whether appends wait to be handed to the log.
    pub fn has_appends(&self) -> bool {
        !self.appends.is_empty()
    }

    /// The next append is durable.
    pub fn on_acknowledged(&mut self, acknowledged: Acknowledged) {
        let Acknowledged { ticket, position, .. } = acknowledged;
        let first = self.next_ticket - self.unacknowledged.len() as u64;
        assert_eq!(ticket.0, first, "a gap in the acknowledgements of partition {}", self.partition);
        let what = self.unacknowledged.pop_front().expect("an append was acknowledged that was never made");
        let record = match what {
            Unacknowledged::Record(record) => record,
            Unacknowledged::Tombstone(key) => {
                self.end = self.end.max(position);
                return self.forget_key_if_done(&key);
            }
        };
        self.end = self.end.max(Position(position.0 + 1));
        let Some(states) = self.keys.get_mut(&record.state.key) else { return };
        let entry = states.states.get_mut(&inner(&record.state));
        let place = entry.and_then(|entry| {
            let waiting = RecordPlace::Unacknowledged(ticket);
            entry.records.iter_mut().find(|(_, place)| *place == waiting)
        });
        if let Some((_, place)) = place {
            *place = RecordPlace::At(position);
            self.live.add(position);
        }
        self.forget_key_if_done(&record.state.key);
    }

    /// The last append of a key that is not durable: its effects wait for it [S33].
    pub fn undurable(&self, key: &Key) -> Option<Ticket> {
        let last = self.keys.get(key)?.last_ticket?;
        (last >= self.first_unacknowledged()).then_some(last)
    }

    /// The last append that is not durable: a checkpoint waits for it.
    pub fn undurable_any(&self) -> Option<Ticket> {
        (!self.unacknowledged.is_empty()).then(|| Ticket(self.next_ticket - 1))
    }

    /// The first append that is not durable, or will be made.
    pub fn first_unacknowledged(&self) -> Ticket {
        Ticket(self.next_ticket - self.unacknowledged.len() as u64)
    }

    /// How many states there are.
    pub fn len(&self) -> usize {
        self.keys.values().map(|states| states.states.len()).sum()
    }

    /// Whether there is no state.
    pub fn is_empty(&self) -> bool {
        self.keys.values().all(|states| states.states.is_empty())
    }

    fn of_run(
        &self,
        key: &Key,
        sequence_number: SequenceNumber,
    ) -> Option<std::collections::btree_map::Range<'_, Inner, Box<Entry>>> {
        Some(self.keys.get(key)?.states.range(run_range(sequence_number)))
    }

    fn entry(&mut self, key: &StateKey, start: impl FnOnce() -> ActionState) -> &mut Entry {
        let states = self.keys.entry_ref(&key.key).or_default();
        let entry = states.states.entry(inner(key));
        entry.or_insert_with(|| Box::new(Entry { state: Arc::new(start()), records: Vec::new(), asked: true }))
    }

    fn append(&mut self, record: RecordKey, value: Vec<u8>) -> Ticket {
        let bytes = record.to_bytes();
        let key = record.state.key.clone();
        self.push_append(&key, Unacknowledged::Record(record), bytes, AppendKind::Record(value))
    }

    fn push_append(&mut self, key: &Key, waiting: Unacknowledged, bytes: Vec<u8>, what: AppendKind) -> Ticket {
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        self.unacknowledged.push_back(waiting);
        self.keys.entry_ref(key).or_default().last_ticket = Some(ticket);
        self.appends.push(Append { partition: self.partition, ticket, key: bytes, what });
        ticket
    }

    /// One tombstone for each key of the records, the highest position of a call first.
    fn append_tombstones(&mut self, key: &StateKey, mut records: Vec<(RecordKind, RecordPlace)>) {
        for (_, place) in &records {
            if let RecordPlace::At(position) = place {
                self.live.forget(*position);
            }
        }
        records.sort_by_key(|(kind, _)| std::cmp::Reverse(*kind));
        for of_one_key in records.chunk_by(|(a, _), (b, _)| a == b) {
            let record = RecordKey { state: key.clone(), kind: of_one_key[0].0 };
            let places = of_one_key.iter().map(|(_, place)| *place).collect();
            let waiting = Unacknowledged::Tombstone(key.key.clone());
            self.push_append(&key.key, waiting, record.to_bytes(), AppendKind::Tombstone(places));
        }
    }

    fn forget_key_if_done(&mut self, key: &Key) {
        let first = self.first_unacknowledged();
        if let Some(states) = self.keys.get(key)
            && states.states.is_empty()
            && states.last_ticket.is_none_or(|last| last < first)
        {
            self.keys.remove(key);
        }
    }
}

fn inner(key: &StateKey) -> Inner {
    (key.sequence_number, key.event, key.action)
}

/// The names of all states of a run.
fn run_range(run: SequenceNumber) -> RangeInclusive<Inner> {
    (run, EventId([0; 16]), ActionId([0; 16]))..=(run, EventId([0xff; 16]), ActionId([0xff; 16]))
}

/// Sorts places by their age, the oldest first: what is not acknowledged comes after all that is.
fn age(place: Option<RecordPlace>) -> (bool, u64) {
    match place {
        Some(RecordPlace::At(position)) => (false, position.0),
        Some(RecordPlace::Unacknowledged(ticket)) => (true, ticket.0),
        None => (true, u64::MAX),
    }
}
