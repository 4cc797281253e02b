//! From what the operator reports to what the control socket says.

use super::protocol::{
    CallSummary, EventDetail, FailureSummary, KeyDetail, KeyHeader, KeyName, QuarantinedKey, RepairKind, StateName,
    StateSummary,
};
use crate::control::look::States;
use serde_json::Value;
use weir_core::action_state::{ActionState, CallResult, CallStatus, StateKey};
use weir_core::event::Event;
use weir_core::failure::ActionFailure;
use weir_core::memory::{Entries, MemoryPath, Tree};
use weir_core::operator::{KeyReport, QuarantineReport, Repair};

impl From<&KeyReport> for KeyHeader {
    fn from(report: &KeyReport) -> Self {
        Self {
            name: KeyName::from(&report.key),
            partition: None,
            sequence_number: report.next,
            last_completed: report.completed_below.checked_sub(1),
            running: report.running,
            tasks: report.tasks.len(),
            pending: report.pending,
            quarantined: report.quarantined,
        }
    }
}

impl KeyDetail {
    /// All about a key: its report, its action states, and why it is parked.
    pub fn new(report: &KeyReport, states: &States, quarantine: Option<QuarantinedKey>) -> Self {
        let with_event = |quarantine: QuarantinedKey| {
            let named = states.iter().find(|(name, _)| name.to_string() == quarantine.state);
            // A record too large for its log was put without it.
            let of_run = report.event.as_ref().filter(|event| named.is_none_or(|(name, _)| name.event == event.id));
            let event = named.and_then(|(_, state)| state.task_event.as_ref()).or(of_run);
            QuarantinedKey { event: event.map(EventDetail::from), ..quarantine }
        };
        Self {
            header: KeyHeader::from(report),
            queued_actions: report.tasks.clone(),
            short_term_memory: memory_as_json(&report.short_term),
            sensory_memory: memory_as_json(&report.sensory),
            states: states.iter().map(|(name, state)| StateSummary::new(name, state)).collect(),
            quarantine: quarantine.map(with_event),
        }
    }
}

impl StateSummary {
    /// What this action state comes to.
    pub fn new(name: &StateKey, state: &ActionState) -> Self {
        Self {
            name: StateName::from(name),
            action: state.action.as_str().to_owned(),
            kind: state.task_event.as_ref().map(|event| event.kind.to_string()),
            started_at_ms: state.started_at_ms,
            completed: state.completed,
            events: state.output_events.len(),
            calls: state.call_results.iter().map(|(position, call)| CallSummary::new(position, call)).collect(),
            failed_attempts: state.failed.as_ref().map_or(0, |failed| failed.attempts),
            failure: state.failed.as_ref().map(|failed| FailureSummary::from(&failed.failure)),
            decision: state.decision().map(|decision| decision.as_str().to_owned()),
        }
    }
}

impl CallSummary {
    fn new(position: u32, call: &CallResult) -> Self {
        let status = match call.status {
            CallStatus::Pending { .. } => "pending",
            CallStatus::Succeeded(_) => "succeeded",
            CallStatus::Failed(_) => "failed",
        };
        Self { position, function_id: call.function_id.to_string(), status: status.to_owned() }
    }
}

impl From<&ActionFailure> for FailureSummary {
    fn from(failure: &ActionFailure) -> Self {
        Self {
            class: failure.class.as_str().to_owned(),
            kind: failure.failure.kind.clone(),
            message: failure.failure.message.clone(),
        }
    }
}

impl From<&QuarantineReport> for QuarantinedKey {
    fn from(report: &QuarantineReport) -> Self {
        Self {
            name: KeyName::from(&report.state.key),
            partition: None,
            state: report.state.to_string(),
            sequence_number: report.state.sequence_number.0,
            action: report.action.clone(),
            failure: FailureSummary::from(&report.failure),
            attempts: report.attempts,
            repairs: report.repairs,
            pending: report.pending,
            event: None,
        }
    }
}

impl From<&Event> for EventDetail {
    fn from(event: &Event) -> Self {
        let text = event.payload.as_str();
        // JSON that is nested deeper than is read here is shown as text.
        let payload = serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()));
        Self { id: event.id.to_string(), kind: event.kind.to_string(), payload }
    }
}

impl From<RepairKind> for Repair {
    fn from(repair: RepairKind) -> Self {
        match repair {
            RepairKind::Retry { failed_calls } => Self::Retry { failed_calls },
            RepairKind::Skip => Self::Skip,
            RepairKind::Discard => Self::Discard,
        }
    }
}

/// A scope of memory as one JSON object.
pub fn memory_as_json(tree: &Tree) -> Value {
    let json = tree.get(&MemoryPath::root());
    json.and_then(|json| serde_json::from_str(json.as_str()).ok()).unwrap_or_else(|| Value::Object(Default::default()))
}
