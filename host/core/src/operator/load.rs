//! Keys that become resident: from the store's entries, or new.

use super::key_state::{KeyState, Persisted, Phase, Run};
use super::{Operator, Shared, Slot};
use crate::checkpoint::{
    Entry, EntryKey, EntryKeyError, EntrySpace, Header, QueuedTask, RunRecord, ValueError, decode_input, decode_node,
};
use crate::event::InputEvent;
use crate::key::Key;
use crate::memory::{MemoryPath, Node, Scope, Tree};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// Entries of keyed state that can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// A name.
    #[error("load key {0}: {1}")]
    Name(Key, EntryKeyError),
    /// A value.
    #[error("load key {0}: {1}")]
    Value(Key, ValueError),
    /// The entries do not belong together.
    #[error("load key {0}: {1}")]
    Inconsistent(Key, &'static str),
}

impl Operator {
    /// The entries of a key are there; empty for a key that has none. Its tasks are started, what waited is taken.
    pub fn on_key_loaded(&mut self, key: &Key, entries: Vec<Entry>, now_ms: u64) -> Result<(), LoadError> {
        let waiting = match self.keys.remove(key) {
            Some(Slot::Resident(state)) => {
                self.keys.insert(key.clone(), Slot::Resident(state));
                return Ok(());
            }
            Some(Slot::Loading(waiting)) => {
                self.shared.loading -= 1;
                waiting
            }
            None => Vec::new(),
        };
        let mut state = Box::new(restore(key, entries)?);
        self.shared.counters.pending_events += state.pending.len() as u64;
        self.shared.waiting += state.pending.size();
        if state.run.is_some() {
            self.shared.counters.keys_running += 1;
            state.mark_done(&mut self.shared);
        }
        state.advance(&mut self.shared, now_ms);
        for input in waiting {
            state.on_input_event(input, &mut self.shared, now_ms);
        }
        if state.is_idle() && !state.changed {
            self.shared.idle.push_back((key.clone(), state.generation));
        }
        self.keys.insert(key.clone(), Slot::Resident(state));
        Ok(())
    }

    /// Whether a key is resident.
    pub fn is_resident(&self, key: &Key) -> bool {
        matches!(self.keys.get(key), Some(Slot::Resident(_)))
    }
}

impl KeyState {
    /// The tasks that the run in progress did before the checkpoint have states that no task will ask for.
    fn mark_done(&self, shared: &mut Shared) {
        let Some(run) = &self.run else { return };
        let roots = run.roots.iter().map(|(event, action)| (*event, action.id()));
        let queued = run.tasks.iter().map(|task| (task.event.id, task.action.id())).collect();
        shared.store.mark_done(&self.key, run.sequence_number, roots, &queued);
    }
}

/// What the entries of one key say.
#[derive(Default)]
struct Found {
    header: Header,
    run: Option<RunRecord>,
    tasks: BTreeMap<u64, QueuedTask>,
    pending: BTreeMap<u64, InputEvent>,
    quarantined: bool,
    sensory: Vec<(MemoryPath, Node)>,
    short_term: Vec<(MemoryPath, Node)>,
}

/// The ordinal of what all tasks of a run share.
pub(super) const RUN_ORDINAL: u64 = 0;

pub(super) fn restore(key: &Key, entries: Vec<Entry>) -> Result<KeyState, LoadError> {
    let mut found = Found::default();
    for entry in entries {
        let Some(value) = entry.value else { continue };
        let name = EntryKey::parse(entry.space, &entry.key).map_err(|error| LoadError::Name(key.clone(), error))?;
        read_entry(&mut found, key, entry.space, name, &value).map_err(|error| LoadError::Value(key.clone(), error))?;
    }
    let inconsistent = |what| LoadError::Inconsistent(key.clone(), what);
    let tasks = contiguous(&found.tasks).ok_or_else(|| inconsistent("its queued tasks have a gap"))?;
    let pending = contiguous(&found.pending).ok_or_else(|| inconsistent("its pending input events have a gap"))?;
    if !pending.is_empty() && pending.end != found.header.next {
        return Err(inconsistent("its pending input events do not end at its next sequence number"));
    }
    if found.run.is_some() == found.tasks.is_empty() {
        return Err(inconsistent("it has a run without queued tasks, or queued tasks without a run"));
    }
    let run = found.run.as_ref().map(|run| run.sequence_number.0);
    if run.is_some_and(|run| run != found.header.completed_below) {
        return Err(inconsistent("its run is not the one after the last completed"));
    }
    let assigned = found.header.completed_below.checked_add(u64::from(run.is_some()) + (pending.end - pending.start));
    if assigned != Some(found.header.next) {
        return Err(inconsistent("its runs do not add up to its next sequence number"));
    }
    let mut state = KeyState::new(key.clone());
    state.next = found.header.next;
    state.completed_below = found.header.completed_below;
    state.dropped_input = found.header.dropped_input;
    state.next_ordinal = tasks.end.max(1);
    state.persisted = Persisted { tasks, pending, run: found.run.is_some(), quarantined: found.quarantined };
    state.pending = found.pending.into_values().collect();
    state.sensory = Arc::new(Tree::restored(found.sensory));
    state.short_term = Arc::new(Tree::restored(found.short_term));
    // Whether the key is quarantined is asked of the action state: a repair after the checkpoint stands there.
    state.run = found.run.map(|run| Run {
        sequence_number: run.sequence_number,
        input: run.input,
        tasks: found.tasks.into_values().collect(),
        tasks_made: run.tasks_made,
        roots: run.roots,
        phase: Phase::Ready,
        started_at_ms: 0,
    });
    Ok(state)
}

fn read_entry(found: &mut Found, key: &Key, space: EntrySpace, name: EntryKey, value: &[u8]) -> Result<(), ValueError> {
    match (space, name) {
        (EntrySpace::Header, _) => found.header = Header::decode(value)?,
        (EntrySpace::Quarantined, _) => found.quarantined = true,
        (EntrySpace::Queued, EntryKey::Ordinal(_, RUN_ORDINAL)) => found.run = Some(RunRecord::decode(key, value)?),
        (EntrySpace::Queued, EntryKey::Ordinal(_, ordinal)) => {
            found.tasks.insert(ordinal, QueuedTask::decode(value)?);
        }
        (EntrySpace::Pending, EntryKey::Ordinal(_, ordinal)) => {
            found.pending.insert(ordinal, decode_input(key, value)?);
        }
        (EntrySpace::Memory, EntryKey::Path(_, Scope::Sensory, path)) => {
            found.sensory.push((path, decode_node(value)?));
        }
        (EntrySpace::Memory, EntryKey::Path(_, Scope::ShortTerm, path)) => {
            found.short_term.push((path, decode_node(value)?));
        }
        (space, name) => unreachable!("{name:?} is never parsed in {space:?}"),
    }
    Ok(())
}

/// The range of the numbers, if none is missing.
fn contiguous<T>(numbered: &BTreeMap<u64, T>) -> Option<Range<u64>> {
    let (Some((first, _)), Some((last, _))) = (numbered.first_key_value(), numbered.last_key_value()) else {
        return Some(0..0);
    };
    let end = last.checked_add(1)?;
    (end - first == numbered.len() as u64).then_some(*first..end)
}
