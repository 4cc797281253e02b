//! All that one action did: memory updates, output events, call results, completed.

mod call_results;
mod codec;
mod decode;
mod fields;
mod state_key;

pub use call_results::CallResults;
pub(crate) use codec::write_state;
pub use codec::{VERSION, encode_call_dropped, encode_call_result, encode_state};
pub(crate) use decode::decode_kind;
pub use decode::{DecodeError, decode};
pub use state_key::{RecordKey, RecordKind, StateKey, StateKeyError, Writer};

use crate::event::{ActionName, Event, SourcePosition};
use crate::failure::{ActionFailure, Failure};
use crate::id::EventId;
use crate::json::Json;
use crate::memory::MemoryUpdate;
use std::sync::Arc;

/// SHA-256 of a call's canonical arguments [S12].
pub type ArgumentsDigest = [u8; 32];

/// The recorded state of a durable call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallStatus {
    /// A reconcilable call has begun; its outcome is not known.
    Pending {
        /// By when its effect must have ended, milliseconds since 1970 UTC [S13].
        effect_ends_at_ms: u64,
    },
    /// Its result, which may be empty [S17].
    Succeeded(Json),
    /// A failed outcome is an outcome [S15].
    Failed(Failure),
}

/// The record of one durable call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallResult {
    /// What was called.
    pub function_id: Arc<str>,
    /// With which arguments.
    pub arguments_digest: ArgumentsDigest,
    /// What became of it.
    pub status: CallStatus,
    /// Whether its outcome is treated as a retryable failure (an HTTP 503 is a response, and one of these) [S36].
    pub retryable: bool,
    /// When its outcome was known, milliseconds since 1970 UTC; 0 while pending.
    pub completed_at_ms: u64,
}

impl CallResult {
    /// Whether its outcome is not known.
    pub fn is_pending(&self) -> bool {
        matches!(self.status, CallStatus::Pending { .. })
    }
}

/// One thing an invocation has to say to the action-state log about its calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallPut {
    /// Put when the action started, unless a record of any kind tells it already [S10].
    Start,
    /// Put the record of the call at this position.
    Put(u32, CallResult),
    /// Drop all records of the call at this position, by tombstones [S14].
    Drop(u32),
}

/// An event that an action emitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmittedEvent {
    /// The event.
    pub event: Event,
    /// The actions it was matched with when its action completed [S2].
    pub matched_actions: Vec<ActionName>,
}

/// What is to be done about an action that failed for good [S29].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Decision {
    /// Park the key.
    Quarantine,
    /// Park the key and stop the host.
    Stop,
    /// End the run; its input event becomes a dead letter.
    Discard,
    /// End this task without effect; the rest of its run goes on.
    Skip,
    /// Try again, attempts from 1.
    Retry,
}

impl Decision {
    const ALL: [(Self, &'static str); 5] = [
        (Self::Quarantine, "quarantine"),
        (Self::Stop, "stop"),
        (Self::Discard, "discard"),
        (Self::Skip, "skip"),
        (Self::Retry, "retry"),
    ];

    /// The word for it in records, logs and metrics.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(decision, _)| *decision == self).expect("every decision is listed").1
    }

    /// The decision of this word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, name)| *name == word).map(|(decision, _)| *decision)
    }
}

/// That an action failed, how often, and what was decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// Attempts that failed since the start or the last retry by repair.
    pub attempts: u32,
    /// The last failure.
    pub failure: ActionFailure,
    /// Set when the failure is final, and by each repair.
    pub decision: Option<Decision>,
    /// How often a repair was made: a repair names it, so that one delivered twice is refused.
    pub repairs: u32,
    /// There is no next attempt before this time, milliseconds since 1970 UTC; 0 where none was to wait for.
    pub not_before_ms: u64,
}

/// Input events of the key that became dead letters in a row, because its queue was full: the positions of the first
/// and the last of them [S29].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DroppedInput {
    /// The first one's position.
    pub first: SourcePosition,
    /// The last one's position.
    pub last: SourcePosition,
}

impl DroppedInput {
    /// Whether the event at this position is one of them.
    pub fn covers(&self, position: SourcePosition) -> bool {
        self.first <= position && position <= self.last
    }
}

/// All that one action did. The only door for its effects [S18].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActionState {
    /// The action's name.
    pub action: ActionName,
    /// When it first started, milliseconds since 1970 UTC [S10].
    pub started_at_ms: u64,
    /// The component that ran it, as the SHA-256 of its bytes in hexadecimal; empty where none did.
    pub component: Arc<str>,
    /// The event it ran for; none in a record of a call alone.
    pub task_event: Option<Event>,
    /// Updates of the run's memory.
    pub sensory_updates: Vec<MemoryUpdate>,
    /// Updates of the key's memory.
    pub short_term_updates: Vec<MemoryUpdate>,
    /// What it emitted, in order.
    pub output_events: Vec<EmittedEvent>,
    /// Its durable calls by position; empty once it completed [S21].
    pub call_results: CallResults,
    /// Whether it completed.
    pub completed: bool,
    /// That it failed.
    pub failed: Option<Failed>,
    /// Input that was dropped while the key was quarantined by this action, in order.
    pub dropped_input: Vec<DroppedInput>,
}

impl ActionState {
    /// A state in which nothing has happened but the start.
    pub fn started(action: ActionName, started_at_ms: u64) -> Self {
        Self {
            action,
            started_at_ms,
            component: Arc::from(""),
            task_event: None,
            sensory_updates: Vec::new(),
            short_term_updates: Vec::new(),
            output_events: Vec::new(),
            call_results: CallResults::default(),
            completed: false,
            failed: None,
            dropped_input: Vec::new(),
        }
    }

    /// The decision of a final failure.
    pub fn decision(&self) -> Option<Decision> {
        self.failed.as_ref().and_then(|failed| failed.decision)
    }

    /// The id of the event the action ran for, where the record tells.
    pub fn task_event_id(&self) -> Option<EventId> {
        self.task_event.as_ref().map(|event| event.id)
    }
}
