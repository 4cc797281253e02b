//! The stored form of an action state: one JSON object a record.
//!
//! Payloads stand in it as JSON, not as quoted text. The state's own record holds everything but call results; each call
//! result is a record of its own, so that n calls cost n records [D19]. What is empty is left out.

use super::{ActionState, CallResult, CallStatus, EmittedEvent, Failed};
use crate::event::{ActionName, Event};
use crate::failure::Failure;
use crate::invocation::hex;
use crate::json::{write_displayed, write_number, write_string};
use crate::memory::MemoryUpdate;
use std::fmt::Write;

/// The version of the format, in each record.
pub const VERSION: u32 = 1;

/// The state's own record: all of it but its call results.
pub fn encode_state(state: &ActionState) -> Vec<u8> {
    let mut text = String::with_capacity(1_024);
    write_state(state, &mut text);
    text.into_bytes()
}

/// Appends the state's own record.
pub(crate) fn write_state(state: &ActionState, text: &mut String) {
    open(&state.action, state.started_at_ms, text);
    if !state.component.is_empty() {
        text.push_str(",\"component\":");
        write_string(&state.component, text);
    }
    if let Some(event) = &state.task_event {
        text.push_str(",\"taskEvent\":");
        write_event(event, None, text);
    }
    write_updates("sensoryMemoryUpdates", &state.sensory_updates, text);
    write_updates("shortTermMemoryUpdates", &state.short_term_updates, text);
    write_output_events(&state.output_events, text);
    if state.completed {
        text.push_str(",\"completed\":true");
    }
    if let Some(failed) = &state.failed {
        write_failed(failed, text);
    }
    for (index, dropped) in state.dropped_input.iter().enumerate() {
        text.push_str(if index == 0 { ",\"droppedInput\":[" } else { "," });
        write!(text, "[{},{}]", dropped.first.0, dropped.last.0).expect("strings take all");
    }
    if !state.dropped_input.is_empty() {
        text.push(']');
    }
    text.push('}');
}

/// The record of one call.
pub fn encode_call_result(action: &ActionName, started_at_ms: u64, result: &CallResult) -> Vec<u8> {
    let mut text = String::with_capacity(256);
    open(action, started_at_ms, &mut text);
    text.push_str(",\"callResults\":[{\"functionId\":");
    write_string(&result.function_id, &mut text);
    write!(text, ",\"argsDigest\":\"{}\"", hex(&result.arguments_digest)).expect("strings take all");
    match &result.status {
        CallStatus::Pending { effect_ends_at_ms } => {
            write!(text, ",\"status\":\"PENDING\",\"effectEndsAtMs\":{effect_ends_at_ms}").expect("strings take all");
        }
        CallStatus::Succeeded(json) => {
            write!(text, ",\"status\":\"SUCCEEDED\",\"resultPayload\":{json}").expect("strings take all");
        }
        CallStatus::Failed(failure) => {
            text.push_str(",\"status\":\"FAILED\",\"exceptionPayload\":");
            write_failure(failure, &mut text);
        }
    }
    if result.retryable {
        text.push_str(",\"retryable\":true");
    }
    if !result.is_pending() {
        write!(text, ",\"completedAtMs\":{}", result.completed_at_ms).expect("strings take all");
    }
    text.push_str("}]}");
    text.into_bytes()
}

/// The record that what was recorded of a call before no longer counts.
pub fn encode_call_dropped(action: &ActionName, started_at_ms: u64) -> Vec<u8> {
    let mut text = String::with_capacity(64);
    open(action, started_at_ms, &mut text);
    text.push('}');
    text.into_bytes()
}

fn open(action: &ActionName, started_at_ms: u64, text: &mut String) {
    text.push_str("{\"version\":");
    write_number(u64::from(VERSION), text);
    text.push_str(",\"action\":");
    write_string(action.as_str(), text);
    text.push_str(",\"startedAtMs\":");
    write_number(started_at_ms, text);
}

fn write_event(event: &Event, matched: Option<&[ActionName]>, text: &mut String) {
    text.push_str("{\"id\":\"");
    text.push_str(event.id.as_text(&mut [0; 36]));
    text.push_str("\",\"kind\":");
    write_string(&event.kind, text);
    text.push_str(",\"payload\":");
    text.push_str(event.payload.as_str());
    if let Some(matched) = matched {
        text.push_str(",\"matchedActions\":[");
        for (index, action) in matched.iter().enumerate() {
            if index > 0 {
                text.push(',');
            }
            write_string(action.as_str(), text);
        }
        text.push(']');
    }
    text.push('}');
}

fn write_output_events(events: &[EmittedEvent], text: &mut String) {
    if events.is_empty() {
        return;
    }
    text.push_str(",\"outputEvents\":[");
    for (index, emitted) in events.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        write_event(&emitted.event, Some(&emitted.matched_actions), text);
    }
    text.push(']');
}

fn write_updates(name: &str, updates: &[MemoryUpdate], text: &mut String) {
    if updates.is_empty() {
        return;
    }
    text.push_str(",\"");
    text.push_str(name);
    text.push_str("\":[");
    for (index, update) in updates.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        text.push_str("{\"op\":\"");
        text.push_str(match update {
            MemoryUpdate::Set(..) => "set",
            MemoryUpdate::NewObject(_) => "new-object",
            MemoryUpdate::Remove(_) => "remove",
        });
        text.push_str("\",\"path\":");
        match update.path().as_plain_name() {
            Some(name) => write_string(name, text),
            None => write_displayed(update.path(), text),
        }
        if let MemoryUpdate::Set(_, json) = update {
            text.push_str(",\"value\":");
            text.push_str(json.as_str());
        }
        text.push('}');
    }
    text.push(']');
}

fn write_failed(failed: &Failed, text: &mut String) {
    write!(text, ",\"failed\":{{\"attempts\":{}", failed.attempts).expect("strings take all");
    write!(text, ",\"class\":\"{}\",\"failure\":", failed.failure.class.as_str()).expect("strings take all");
    write_failure(&failed.failure.failure, text);
    if let Some(decision) = failed.decision {
        write!(text, ",\"decision\":\"{}\"", decision.as_str()).expect("strings take all");
    }
    if failed.repairs > 0 {
        write!(text, ",\"repairs\":{}", failed.repairs).expect("strings take all");
    }
    if failed.not_before_ms > 0 {
        write!(text, ",\"notBeforeMs\":{}", failed.not_before_ms).expect("strings take all");
    }
    text.push('}');
}

/// Appends a failure as a JSON object.
pub(crate) fn write_failure(failure: &Failure, text: &mut String) {
    write!(text, "{{\"retryable\":{}", failure.retryable).expect("strings take all");
    if let Some(after) = failure.retry_after_ms {
        write!(text, ",\"retryAfterMs\":{after}").expect("strings take all");
    }
    text.push_str(",\"kind\":");
    write_string(&failure.kind, text);
    text.push_str(",\"message\":");
    write_string(&failure.message, text);
    if let Some(details) = &failure.details {
        text.push_str(",\"details\":");
        text.push_str(details.as_str());
    }
    text.push('}');
}
