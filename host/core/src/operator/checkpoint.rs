//! Checkpoints of one partition: what changed goes out, what is durable is pruned [S22] [S24].

use super::key_state::{KeyState, Persisted};
use super::load::RUN_ORDINAL;
use super::{Operator, Slot};
use crate::checkpoint::{Entry, EntryKey, EntrySpace, Header, RunRecord, encode_input, encode_node};
use crate::event::{PartitionId, SequenceNumber};
use crate::key::Key;
use crate::memory::{Entries, PathMap, Scope, Tree};
use crate::ownership::Epoch;
use crate::store::log::{Position, Ticket};
use std::ops::Range;
use std::sync::Arc;

/// What a checkpoint holds of one partition.
#[derive(Debug)]
pub struct PartitionCheckpoint {
    /// Names it to `on_checkpoint_completed` and `on_checkpoint_aborted`.
    pub id: u64,
    /// The partition.
    pub partition: PartitionId,
    /// Where a rebuild starts.
    pub marker: Position,
    /// Where the partition moves between hosts: the epoch of the last fence before the records of any state not pruned.
    pub marker_epoch: Epoch,
    /// Entries of keyed state that changed.
    pub entries: Vec<Entry>,
    /// The checkpoint may be made durable only after this append is [S33].
    pub waits_for: Option<Ticket>,
}

/// A checkpoint that is taken and neither durable nor aborted.
#[derive(Debug)]
pub(super) struct InFlight {
    id: u64,
    marker: Position,
    keys: Vec<KeyInFlight>,
}

#[derive(Debug)]
struct KeyInFlight {
    key: Key,
    completed_below: u64,
    persisted: Persisted,
    sensory: PathMap<()>,
    short_term: PathMap<()>,
}

impl Operator {
    /// Takes a checkpoint: all that changed since the last durable one. At most one is in flight.
    pub fn begin_checkpoint(&mut self) -> PartitionCheckpoint {
        assert!(self.shared.in_flight.is_none(), "a checkpoint of partition {} is in flight", self.shared.partition);
        self.prune(usize::MAX);
        self.put_laggards_again();
        let id = self.shared.next_checkpoint;
        self.shared.next_checkpoint += 1;
        let mut entries = Vec::new();
        let mut keys = Vec::with_capacity(self.shared.changed.len());
        for key in std::mem::take(&mut self.shared.changed) {
            let Some(Slot::Resident(state)) = self.keys.get_mut(&key) else {
                unreachable!("a changed key is resident")
            };
            keys.push(state.take_changes(&mut entries));
        }
        let marker = self.shared.store.recovery_marker();
        self.shared.store.on_checkpoint_taken();
        self.shared.in_flight = Some(InFlight { id, marker, keys });
        PartitionCheckpoint {
            id,
            partition: self.shared.partition,
            marker: self.shared.store.marker_to_write(),
            marker_epoch: self.shared.store.marker_epoch(marker),
            entries,
            waits_for: self.shared.store.undurable_any(),
        }
    }

    /// A checkpoint is durable: what it completed is pruned at once, what is idle may be evicted.
    pub fn on_checkpoint_completed(&mut self, id: u64) {
        self.on_checkpoint_durable(id);
        self.prune(usize::MAX);
    }

    /// A checkpoint is durable: what it completed may be pruned, as [`Operator::prune`] says, so that its tombstones need
    /// not all go before the next puts.
    pub fn on_checkpoint_durable(&mut self, id: u64) {
        let in_flight = self.take_in_flight(id);
        self.shared.store.on_checkpoint_durable(in_flight.marker);
        for taken in in_flight.keys {
            let Some(Slot::Resident(state)) = self.keys.get_mut(&taken.key) else {
                unreachable!("a key with a checkpoint in flight is resident")
            };
            assert!(taken.completed_below <= state.completed_below, "key {}: checkpointed ≤ completed", taken.key);
            state.persisted = taken.persisted;
            self.shared.prunable.push_back((taken.key, taken.completed_below));
        }
    }

    /// So many keys have states that may be pruned.
    pub fn prunable(&self) -> usize {
        self.shared.prunable.len()
    }

    /// Prunes the states of so many keys that a durable checkpoint completed; of these, what is idle may be evicted. What
    /// is left of them when the next checkpoint is taken is pruned by it.
    pub fn prune(&mut self, keys_max: usize) {
        for _ in 0..keys_max {
            let Some((key, completed_below)) = self.shared.prunable.pop_front() else { break };
            self.shared.store.prune(&key, SequenceNumber(completed_below));
            if let Some(Slot::Resident(state)) = self.keys.get(&key)
                && state.is_idle()
                && !state.changed
            {
                self.shared.idle.push_back((key, state.generation));
            }
        }
        self.evict();
    }

    /// A checkpoint came to nothing: its changes are part of the next, nothing is pruned.
    pub fn on_checkpoint_aborted(&mut self, id: u64) {
        for taken in self.take_in_flight(id).keys {
            let Some(Slot::Resident(state)) = self.keys.get_mut(&taken.key) else {
                unreachable!("a key with a checkpoint in flight is resident")
            };
            put_back(&mut state.sensory, taken.sensory);
            put_back(&mut state.short_term, taken.short_term);
            state.touch(&mut self.shared);
        }
    }

    /// Whether anything changed that a checkpoint would hold.
    pub fn has_changes(&self) -> bool {
        !self.shared.changed.is_empty()
    }

    fn take_in_flight(&mut self, id: u64) -> InFlight {
        let in_flight = self.shared.in_flight.take();
        in_flight.filter(|in_flight| in_flight.id == id).expect("the checkpoint in flight ends, and once")
    }

    /// Evicts the keys that have been idle longest, above the number that may stay [S34].
    fn evict(&mut self) {
        while self.shared.idle.len() > self.shared.limits.idle_keys_max {
            let Some((key, generation)) = self.shared.idle.pop_front() else { return };
            let still_idle =
                matches!(self.keys.get(&key), Some(Slot::Resident(state)) if state.generation == generation);
            if still_idle {
                self.keys.remove(&key);
            }
        }
    }

    /// The states of a run that waits, for a repair or a far time, must not hold the marker back for ever [S23].
    fn put_laggards_again(&mut self) {
        if self.shared.store.marker_lag() <= self.shared.limits.marker_lag_max {
            return;
        }
        for key in self.shared.quarantined.iter().chain(&self.shared.backing_off) {
            self.shared.store.put_laggards_again(key, self.shared.limits.marker_lag_max);
        }
    }
}

fn put_back(tree: &mut Arc<Tree>, paths: PathMap<()>) {
    if !paths.is_empty() {
        Arc::make_mut(tree).put_back_changed(paths);
    }
}

impl KeyState {
    /// Writes what changed as entries, and remembers what is needed when the checkpoint ends.
    fn take_changes(&mut self, entries: &mut Vec<Entry>) -> KeyInFlight {
        self.changed = false;
        let (next, completed_below) = (self.next, self.completed_below);
        let header = Header { next, completed_below, dropped_input: self.dropped_input.clone() };
        put(entries, EntrySpace::Header, EntryKey::Key(self.key.clone()), Some(header.encode()));
        let sensory = take_memory(&self.key, Scope::Sensory, &mut self.sensory, entries);
        let short_term = take_memory(&self.key, Scope::ShortTerm, &mut self.short_term, entries);
        self.write_run(entries);
        self.write_pending(entries);
        if self.quarantined || self.persisted.quarantined {
            let value = self.quarantined.then(|| self.state_in_hand().to_string().into_bytes());
            put(entries, EntrySpace::Quarantined, EntryKey::Key(self.key.clone()), value);
        }
        KeyInFlight {
            key: self.key.clone(),
            completed_below: self.completed_below,
            persisted: Persisted {
                tasks: self.task_ordinals(),
                pending: self.pending_numbers(),
                run: self.run.is_some(),
                quarantined: self.quarantined,
            },
            sensory,
            short_term,
        }
    }

    fn write_run(&self, entries: &mut Vec<Entry>) {
        let name = |ordinal| EntryKey::Ordinal(self.key.clone(), ordinal);
        let now = self.task_ordinals();
        for gone in before(&self.persisted.tasks, &now) {
            put(entries, EntrySpace::Queued, name(gone), None);
        }
        if let Some(run) = &self.run {
            let record = RunRecord {
                sequence_number: run.sequence_number,
                input: run.input.clone(),
                tasks_made: run.tasks_made,
                roots: run.roots.clone(),
            };
            put(entries, EntrySpace::Queued, name(RUN_ORDINAL), Some(record.encode()));
            for (ordinal, task) in now.clone().zip(&run.tasks) {
                if !self.persisted.tasks.contains(&ordinal) {
                    put(entries, EntrySpace::Queued, name(ordinal), Some(task.encode()));
                }
            }
        } else if self.persisted.run {
            put(entries, EntrySpace::Queued, name(RUN_ORDINAL), None);
        }
    }

    fn write_pending(&self, entries: &mut Vec<Entry>) {
        let name = |number| EntryKey::Ordinal(self.key.clone(), number);
        let now = self.pending_numbers();
        for gone in before(&self.persisted.pending, &now) {
            put(entries, EntrySpace::Pending, name(gone), None);
        }
        let first_new = self.persisted.pending.end.max(now.start);
        let from = if self.persisted.pending.is_empty() { now.start } else { first_new };
        for (number, input) in now.clone().zip(self.pending.iter()).skip((from - now.start) as usize) {
            put(entries, EntrySpace::Pending, name(number), Some(encode_input(input)));
        }
    }
}

/// The persisted numbers that are no longer there: queues lose at their front.
fn before(persisted: &Range<u64>, now: &Range<u64>) -> Range<u64> {
    persisted.start..persisted.end.min(now.start.max(persisted.start))
}

fn take_memory(key: &Key, scope: Scope, tree: &mut Arc<Tree>, entries: &mut Vec<Entry>) -> PathMap<()> {
    if !tree.is_changed() {
        return PathMap::default();
    }
    let tree = Arc::make_mut(tree);
    let changed = tree.take_changed();
    for (path, ()) in changed.iter() {
        let value = tree.entry(path.as_encoded()).map(encode_node);
        put(entries, EntrySpace::Memory, EntryKey::Path(key.clone(), scope, path.clone()), value);
    }
    changed
}

fn put(entries: &mut Vec<Entry>, space: EntrySpace, name: EntryKey, value: Option<Vec<u8>>) {
    entries.push(Entry { space, key: name.to_bytes(), value });
}
