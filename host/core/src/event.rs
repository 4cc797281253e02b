//! Facts, and where they came from.

use crate::id::{ActionId, EventId};
use crate::json::Json;
use crate::key::Key;
use crate::small::SmallText;
use std::fmt;
use std::sync::Arc;

/// The kind of an input event whose source names none.
pub const KIND_INPUT: &str = "input";
/// The kind of events that leave by the sink.
pub const KIND_OUTPUT: &str = "output";

/// Per key, 0 for the first input event, +1 for each next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SequenceNumber(pub u64);

impl SequenceNumber {
    /// The number after this one.
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for SequenceNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A share of the keys: those whose input comes from one partition of the source, or hash to one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PartitionId(pub u32);

impl fmt::Display for PartitionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Where an input event stands in its source: byte offset, inbox number, or Kafka offset. Grows along the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourcePosition(pub u64);

/// A fact: id, kind, payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Derived, never random [S4].
    pub id: EventId,
    /// What actions listen to.
    pub kind: SmallText,
    /// The fact itself.
    pub payload: Json,
}

/// An event that came from the source, with what belongs to its whole run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputEvent {
    /// What it is partitioned by.
    pub key: Key,
    /// The event.
    pub event: Event,
    /// Where it stands in the source.
    pub position: SourcePosition,
    /// When it came about, as the source says, milliseconds since 1970 UTC.
    pub timestamp_ms: Option<u64>,
    /// Headers of the input event.
    pub headers: Arc<[(String, String)]>,
}

impl InputEvent {
    /// About what it takes in memory, bytes.
    pub fn size(&self) -> usize {
        let headers: usize = self.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        size_of::<Self>() + self.key.as_bytes().len() + self.event.payload.as_str().len() + headers
    }
}

/// An event that leaves by the sink, with its lineage [S5].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputEvent {
    /// Derived from its task and ordinal.
    pub id: EventId,
    /// The key of its run.
    pub key: Key,
    /// The sequence number of its run.
    pub sequence_number: SequenceNumber,
    /// The action that emitted it.
    pub action: ActionName,
    /// The event that the action ran for.
    pub triggering_event_id: EventId,
    /// When the input event came about.
    pub source_timestamp_ms: Option<u64>,
    /// The fact.
    pub payload: Json,
}

/// An event that is given up, with why [S29].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// The input event of the run.
    pub input: InputEvent,
    /// The sequence number of the run; none where the event never had one.
    pub sequence_number: Option<SequenceNumber>,
    /// The action that failed; none where no action ran.
    pub action: Option<ActionName>,
    /// Why.
    pub failure: crate::failure::Failure,
}

/// The name of an action: not empty, at most 128 bytes, no control characters. Knows its id. Cheap to clone.
#[derive(Clone)]
pub struct ActionName(Arc<(Box<str>, ActionId)>);

impl ActionName {
    /// The name, where it is one.
    pub fn new(name: &str) -> Result<Self, ActionNameError> {
        if name.is_empty() || name.len() > 128 || name.chars().any(char::is_control) {
            return Err(ActionNameError(name.to_owned()));
        }
        Ok(Self(Arc::new((name.into(), ActionId::of_name(name)))))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0.0
    }

    /// The id, from the name alone.
    pub fn id(&self) -> ActionId {
        self.0.1
    }
}

/// A text that can't name an action.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("action name {0:?} must be 1 to 128 bytes without control characters")]
pub struct ActionNameError(String);

impl PartialEq for ActionName {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for ActionName {}

impl std::hash::Hash for ActionName {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl fmt::Display for ActionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for ActionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}
