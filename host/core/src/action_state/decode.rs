//! Reading the stored form of an action state.

use super::codec::VERSION;
use super::fields;
use super::{ActionState, ArgumentsDigest, CallResult, CallStatus, Decision, DroppedInput, EmittedEvent, Failed};
use super::{RecordKey, RecordKind};
use crate::event::{ActionName, Event, SourcePosition};
use crate::failure::{ActionFailure, Failure, FailureClass};
use crate::id::EventId;
use crate::json::Json;
use crate::memory::{MemoryPath, MemoryUpdate};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::sync::Arc;

/// A record that can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("decode action state: {0}")]
pub struct DecodeError(pub String);

/// The part of an action state that a record holds. A record of a call gives a state with that one call.
pub fn decode(key: &RecordKey, value: &[u8]) -> Result<ActionState, DecodeError> {
    decode_kind(key.kind, value)
}

/// See [`decode`].
pub(crate) fn decode_kind(kind: RecordKind, value: &[u8]) -> Result<ActionState, DecodeError> {
    let record: Record = serde_json::from_slice(value).map_err(|error| unreadable(value, &error))?;
    if record.version > VERSION {
        fields::check_known(value, record.version)?;
    }
    let position = match kind {
        RecordKind::State | RecordKind::CallDropped(_) => None,
        RecordKind::CallResult(position) | RecordKind::CallPending(position) => Some(position),
    };
    let mut state = ActionState::started(action_name(&record.action)?, record.started_at_ms);
    state.component = Arc::from(record.component.unwrap_or_default());
    state.task_event = record.task_event.map(StoredEvent::into_event).transpose()?;
    state.sensory_updates = updates(record.sensory_memory_updates)?;
    state.short_term_updates = updates(record.short_term_memory_updates)?;
    state.output_events = record.output_events.into_iter().map(StoredEvent::into_emitted).collect::<Result<_, _>>()?;
    state.completed = record.completed;
    state.failed = record.failed.map(StoredFailed::into_failed).transpose()?;
    state.dropped_input = record
        .dropped_input
        .into_iter()
        .map(|(first, last)| DroppedInput { first: SourcePosition(first), last: SourcePosition(last) })
        .collect();
    match (position, record.call_results.len()) {
        (None, 0) => {}
        (Some(position), 1) => {
            let stored = record.call_results.into_iter().next().expect("one was counted");
            state.call_results.insert(position, stored.into_result()?);
        }
        (_, count) => return Err(DecodeError(format!("{count} call results in a record of this name"))),
    }
    Ok(state)
}

/// Says first of all that a record is newer, if it is: what else is wrong with it then is no news.
fn unreadable(value: &[u8], error: &serde_json::Error) -> DecodeError {
    #[derive(Deserialize)]
    struct Versioned {
        version: u32,
    }
    match serde_json::from_slice(value) {
        Ok(Versioned { version }) if version > VERSION => DecodeError(format!(
            "version {version} is newer than {VERSION}: upgrade to the Weir that wrote it ({error})"
        )),
        _ => DecodeError(error.to_string()),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    version: u32,
    action: String,
    started_at_ms: u64,
    component: Option<String>,
    task_event: Option<StoredEvent>,
    #[serde(default)]
    sensory_memory_updates: Vec<StoredUpdate>,
    #[serde(default)]
    short_term_memory_updates: Vec<StoredUpdate>,
    #[serde(default)]
    output_events: Vec<StoredEvent>,
    #[serde(default)]
    call_results: Vec<StoredCall>,
    #[serde(default)]
    completed: bool,
    failed: Option<StoredFailed>,
    #[serde(default)]
    dropped_input: Vec<(u64, u64)>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredEvent {
    id: String,
    kind: String,
    payload: Json,
    #[serde(default)]
    matched_actions: Vec<String>,
}

impl StoredEvent {
    fn into_event(self) -> Result<Event, DecodeError> {
        let id = EventId::parse(&self.id).ok_or_else(|| DecodeError(format!("event id {:?} is no UUID", self.id)))?;
        Ok(Event { id, kind: self.kind.into(), payload: self.payload })
    }

    fn into_emitted(self) -> Result<EmittedEvent, DecodeError> {
        let matched_actions = self.matched_actions.iter().map(|name| action_name(name)).collect::<Result<_, _>>()?;
        Ok(EmittedEvent { matched_actions, event: self.into_event()? })
    }
}

#[derive(Deserialize)]
struct StoredUpdate {
    op: String,
    path: String,
    #[serde(default, deserialize_with = "present")]
    value: Option<Json>,
}

fn updates(stored: Vec<StoredUpdate>) -> Result<Vec<MemoryUpdate>, DecodeError> {
    let update = |stored: StoredUpdate| {
        let path = MemoryPath::parse(&stored.path).map_err(|error| DecodeError(error.to_string()))?;
        match (stored.op.as_str(), stored.value) {
            ("set", Some(value)) => Ok(MemoryUpdate::Set(path, value)),
            ("new-object", None) => Ok(MemoryUpdate::NewObject(path)),
            ("remove", None) => Ok(MemoryUpdate::Remove(path)),
            (operation, _) => Err(DecodeError(format!("memory update {operation:?} is none"))),
        }
    };
    stored.into_iter().map(update).collect()
}

/// A field that is there is some value, be it `null` [D13].
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Json>, D::Error> {
    <Box<RawValue>>::deserialize(deserializer).map(|raw| Some(Json::from_checked(raw.get())))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredCall {
    function_id: String,
    args_digest: String,
    status: String,
    #[serde(default, deserialize_with = "present")]
    result_payload: Option<Json>,
    exception_payload: Option<StoredFailure>,
    #[serde(default)]
    retryable: bool,
    #[serde(default)]
    completed_at_ms: u64,
    effect_ends_at_ms: Option<u64>,
}

impl StoredCall {
    fn into_result(self) -> Result<CallResult, DecodeError> {
        let parts = (self.status.as_str(), self.result_payload, self.exception_payload, self.effect_ends_at_ms);
        let status = match parts {
            ("PENDING", None, None, Some(effect_ends_at_ms)) => CallStatus::Pending { effect_ends_at_ms },
            ("SUCCEEDED", Some(json), None, _) => CallStatus::Succeeded(json),
            ("FAILED", None, Some(failure), _) => CallStatus::Failed(failure.into_failure()),
            (status, ..) => {
                return Err(DecodeError(format!("call result of status {status:?} lacks what belongs to it")));
            }
        };
        let arguments_digest = parse_digest(&self.args_digest)
            .ok_or_else(|| DecodeError(format!("arguments digest {:?} is no SHA-256", self.args_digest)))?;
        Ok(CallResult {
            function_id: self.function_id.into(),
            arguments_digest,
            status,
            retryable: self.retryable,
            completed_at_ms: self.completed_at_ms,
        })
    }
}

fn parse_digest(text: &str) -> Option<ArgumentsDigest> {
    let mut digest = [0; 32];
    if text.len() != 64 || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    for (at, byte) in digest.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(digest)
}

/// A failure as it is stored.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StoredFailure {
    retryable: bool,
    retry_after_ms: Option<u32>,
    kind: String,
    message: String,
    #[serde(default, deserialize_with = "present")]
    details: Option<Json>,
}

impl StoredFailure {
    pub(crate) fn into_failure(self) -> Failure {
        Failure {
            retryable: self.retryable,
            retry_after_ms: self.retry_after_ms,
            kind: self.kind,
            message: self.message,
            details: self.details,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredFailed {
    attempts: u32,
    class: String,
    failure: StoredFailure,
    decision: Option<String>,
    #[serde(default)]
    repairs: u32,
    #[serde(default)]
    not_before_ms: u64,
}

impl StoredFailed {
    fn into_failed(self) -> Result<Failed, DecodeError> {
        let class = FailureClass::parse(&self.class)
            .ok_or_else(|| DecodeError(format!("failure class {:?} is none", self.class)))?;
        let decision = match &self.decision {
            None => None,
            Some(word) => Some(Decision::parse(word).ok_or_else(|| DecodeError(format!("decision {word:?} is none")))?),
        };
        let failure = ActionFailure { class, failure: self.failure.into_failure() };
        let (attempts, repairs, not_before_ms) = (self.attempts, self.repairs, self.not_before_ms);
        Ok(Failed { attempts, failure, decision, repairs, not_before_ms })
    }
}

fn action_name(text: &str) -> Result<ActionName, DecodeError> {
    ActionName::new(text).map_err(|error| DecodeError(error.to_string()))
}
