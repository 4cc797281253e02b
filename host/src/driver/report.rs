//! What an operator reports, as log lines.

use super::unheard::warn_of;
use crate::beginning::beginning;
use std::fmt::Display;
use weir_core::action_state::Decision;
use weir_core::operator::{Report, ReportedTask};

/// Of a longer text the log has the beginning; the record has it whole.
const LOGGED_BYTES_MAX: usize = 1_000;

/// A line about a task: whose it is stands in the same fields as with what its guest logs.
macro_rules! log_of_task {
    ($level:ident, $task:expr, $($what:tt)+) => {
        tracing::$level!(
            key = &*$task.state.key.to_text(),
            sequence_number = $task.state.sequence_number.0,
            action = $task.action.as_str(),
            $($what)+
        )
    };
}

/// Logs a report once, where it is handled. Why something failed is a field of its own: `weir dev` has shown it by then.
pub(super) fn log_report(report: &Report) {
    match report {
        Report::AttemptFailed(task, failure, attempts, wait) => {
            log_of_task!(warn, task, failure = cut(failure), "attempt {attempts} failed, next in {wait} ms");
        }
        Report::Failed(task, failure, decision) => {
            log_of_task!(error, task, failure = cut(failure), "failed for good, {}", outcome(*decision));
        }
        Report::Divergence(task, what) => log_of_task!(warn, task, "diverges: {}", cut(what)),
        Report::Unheard(kind) => warn_of(kind),
        Report::QueueFull(key) => {
            tracing::warn!("key {key}: the queue of the quarantined key is full, its input events become dead letters");
        }
    }
}

/// Why the host stops: an action's policy says so.
pub(super) fn policy_stop(task: &ReportedTask, failure: &impl Display) -> String {
    format!("{task} failed and its policy says stop: {}", cut(failure))
}

fn outcome(decision: Decision) -> &'static str {
    match decision {
        Decision::Quarantine => "key quarantined",
        Decision::Stop => "key quarantined, host stops",
        Decision::Discard => "event to the dead letters",
        Decision::Skip | Decision::Retry => decision.as_str(),
    }
}

fn cut(text: &impl Display) -> String {
    beginning(text.to_string(), LOGGED_BYTES_MAX, " in the record")
}
