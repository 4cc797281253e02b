//! What an operator wants done.

use crate::action_state::{Decision, StateKey};
use crate::event::{ActionName, DeadLetter, OutputEvent};
use crate::failure::ActionFailure;
use crate::invocation::Invocation;
use crate::key::Key;
use crate::small::SmallText;
use std::fmt;

/// One thing that an operator wants done. Commands are carried out in their order.
#[derive(Debug)]
pub enum Command {
    /// Load the entries of a key, and answer with `on_key_loaded`.
    Load(Key),
    /// Run an action, and answer with `on_invocation_ended` or `on_invocation_interrupted`.
    Invoke(Box<Invocation>),
    /// Hand an event to the sink, with the next checkpoint.
    Emit(OutputEvent),
    /// Hand a dead letter to its sink, with the next checkpoint.
    DeadLetter(Box<DeadLetter>),
    /// Call `on_retry_due` for this key at this time, milliseconds since 1970 UTC.
    RetryAt(Key, u64),
    /// Tell people what happened.
    Report(Report),
    /// Stop the host: an action failed whose policy says so.
    Stop(ReportedTask, ActionFailure),
}

/// The task that a report is about: the name of its action state, which holds the action's id, and the action's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportedTask {
    /// The name of its action state.
    pub state: StateKey,
    /// The action.
    pub action: ActionName,
}

impl fmt::Display for ReportedTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{} {} #{}]", self.action, self.state.key.to_text(), self.state.sequence_number)
    }
}

/// Something that people should know of; each counts in a metric.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// An attempt failed, and will be made again after this many milliseconds.
    AttemptFailed(ReportedTask, ActionFailure, u32, u64),
    /// An action failed for good, and what was decided.
    Failed(ReportedTask, ActionFailure, Decision),
    /// What was recorded was not asked for [S14].
    Divergence(ReportedTask, String),
    /// An input event became a dead letter because the queue of its quarantined key is full.
    QueueFull(Key),
    /// An event of this kind ended at once, since no action listens to it [S2]. Told once for each kind, of so many.
    Unheard(SmallText),
}

/// What an operator counts, since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Input events taken.
    pub input_events: u64,
    /// Runs that ended.
    pub runs_finished: u64,
    /// Invocations begun.
    pub invocations: u64,
    /// Actions that completed by running.
    pub actions_completed: u64,
    /// Completed actions that were found in the store and applied without running [S18].
    pub actions_recovered: u64,
    /// Attempts that failed.
    pub attempts_failed: u64,
    /// Divergences [S14].
    pub divergences: u64,
    /// Input and emitted events that no action listens to.
    pub events_unheard: u64,
    /// Output events.
    pub output_events: u64,
    /// Dead letters.
    pub dead_letters: u64,
    /// Keys quarantined now.
    pub keys_quarantined: u64,
    /// Keys with a run in progress now, quarantined ones left out.
    pub keys_running: u64,
    /// Pending input events now.
    pub pending_events: u64,
    /// Keys that are resident now.
    pub keys_resident: u64,
}
