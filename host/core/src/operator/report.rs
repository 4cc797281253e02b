//! What people can see of an operator.

use super::key_state::KeyState;
use super::load::{LoadError, restore};
use super::{Operator, Slot};
use crate::action_state::StateKey;
use crate::checkpoint::Entry;
use crate::event::Event;
use crate::failure::ActionFailure;
use crate::key::Key;
use crate::memory::Tree;
use std::sync::Arc;

/// What people can see of a resident key.
#[derive(Clone, Debug)]
pub struct KeyReport {
    /// The key.
    pub key: Key,
    /// The sequence number that the next input event takes.
    pub next: u64,
    /// Runs below this one are completed.
    pub completed_below: u64,
    /// Names of the actions of its queued tasks, the one in hand first.
    pub tasks: Vec<String>,
    /// The event that the task in hand is for.
    pub event: Option<Event>,
    /// The sequence number of the run in progress.
    pub running: Option<u64>,
    /// How many input events wait.
    pub pending: usize,
    /// Whether it is quarantined.
    pub quarantined: bool,
    /// Memory of the run.
    pub sensory: Arc<Tree>,
    /// Memory of the key.
    pub short_term: Arc<Tree>,
}

/// What people can see of a quarantined key.
#[derive(Clone, Debug)]
pub struct QuarantineReport {
    /// The state that quarantines it: a repair names it.
    pub state: StateKey,
    /// The action that failed.
    pub action: String,
    /// Why.
    pub failure: ActionFailure,
    /// Attempts made.
    pub attempts: u32,
    /// Repairs made before: a repair names this number.
    pub repairs: u32,
    /// How many input events wait.
    pub pending: usize,
}

impl Operator {
    /// What is known of a resident key.
    pub fn key_report(&self, key: &Key) -> Option<KeyReport> {
        match self.keys.get(key) {
            Some(Slot::Resident(state)) => Some(report(state)),
            _ => None,
        }
    }

    /// What is known of all resident keys, in no order.
    pub fn key_reports(&self) -> impl Iterator<Item = KeyReport> {
        self.keys.values().filter_map(|slot| match slot {
            Slot::Resident(state) => Some(report(state)),
            Slot::Loading(_) => None,
        })
    }

    /// The quarantined keys, sorted.
    pub fn quarantine_reports(&self) -> Vec<QuarantineReport> {
        let reports = self.shared.quarantined.iter().filter_map(|key| match self.keys.get(key) {
            Some(Slot::Resident(state)) => {
                let (name, task) = state.task_in_hand();
                let states = self.shared.store.states_of(key);
                let recorded = states.into_iter().find(|(found, _)| *found == name)?.1;
                let failed = recorded.failed.as_ref()?;
                Some(QuarantineReport {
                    state: name,
                    action: task.action.as_str().to_owned(),
                    failure: failed.failure.clone(),
                    attempts: failed.attempts,
                    repairs: failed.repairs,
                    pending: state.pending.len(),
                })
            }
            _ => None,
        });
        reports.collect()
    }
}

/// What the entries of a key say, for people: no operator is needed.
pub fn report_of_entries(key: &Key, entries: Vec<Entry>) -> Result<KeyReport, LoadError> {
    let state = restore(key, entries)?;
    Ok(KeyReport { quarantined: state.persisted.quarantined, ..report(&state) })
}

fn report(state: &KeyState) -> KeyReport {
    let run = state.run.as_ref();
    KeyReport {
        key: state.key.clone(),
        next: state.next,
        completed_below: state.completed_below,
        tasks: run.into_iter().flat_map(|run| &run.tasks).map(|task| task.action.as_str().to_owned()).collect(),
        event: run.and_then(|run| run.tasks.front()).map(|task| task.event.clone()),
        running: run.map(|run| run.sequence_number.0),
        pending: state.pending.len(),
        quarantined: state.quarantined,
        sensory: state.sensory.clone(),
        short_term: state.short_term.clone(),
    }
}
