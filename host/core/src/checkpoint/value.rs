//! The values of entries of keyed state: one JSON object each, but for memory, which is a tag and the leaf's own text.

use crate::action_state::DroppedInput;
use crate::event::{ActionName, Event, InputEvent, SequenceNumber, SourcePosition};
use crate::id::EventId;
use crate::json::{Json, write_string};
use crate::key::Key;
use crate::memory::Node;
use serde::Deserialize;
use std::fmt::Write;
use std::sync::Arc;

/// The version of these formats, in each value but those of memory.
const VERSION: u32 = 1;

/// A value that can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("decode {what} of keyed state: {error}")]
pub struct ValueError {
    what: &'static str,
    error: String,
}

/// What stands for each key.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Header {
    /// The sequence number that the next input event takes.
    pub next: u64,
    /// Runs below this sequence number are completed.
    pub completed_below: u64,
    /// Input that completed runs dropped and that the source may give again [S29].
    pub dropped_input: Vec<DroppedInput>,
}

impl Header {
    /// The header as bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut text =
            format!("{{\"version\":{VERSION},\"next\":{},\"completedBelow\":{}", self.next, self.completed_below);
        for (index, dropped) in self.dropped_input.iter().enumerate() {
            text.push_str(if index == 0 { ",\"droppedInput\":[" } else { "," });
            write!(text, "[{},{}]", dropped.first.0, dropped.last.0).expect("strings take all");
        }
        text.push_str(if self.dropped_input.is_empty() { "}" } else { "]}" });
        text.into()
    }

    /// The header in these bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, ValueError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Stored {
            version: u32,
            next: u64,
            completed_below: u64,
            #[serde(default)]
            dropped_input: Vec<(u64, u64)>,
        }
        let stored: Stored = parse("header", bytes)?;
        check_version("header", stored.version)?;
        let range = |(first, last)| DroppedInput { first: SourcePosition(first), last: SourcePosition(last) };
        let dropped_input = stored.dropped_input.into_iter().map(range).collect();
        Ok(Self { next: stored.next, completed_below: stored.completed_below, dropped_input })
    }

    /// Below which sequence number the runs are completed.
    pub fn completed(&self) -> SequenceNumber {
        SequenceNumber(self.completed_below)
    }
}

/// What all tasks of a run in progress share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunRecord {
    /// The run's sequence number.
    pub sequence_number: SequenceNumber,
    /// Its input event.
    pub input: InputEvent,
    /// How many tasks it has made so far.
    pub tasks_made: u64,
    /// The tasks that no action of the run caused, by event and action. With the recorded states they tell which tasks
    /// were done.
    pub roots: Vec<(EventId, ActionName)>,
}

impl RunRecord {
    /// The run as bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut text = format!(
            "{{\"version\":{VERSION},\"sequenceNumber\":{},\"tasksMade\":{},\"roots\":[",
            self.sequence_number, self.tasks_made
        );
        write_roots(&self.roots, &mut text);
        write_input(&self.input, &mut text);
        text.push('}');
        text.into()
    }

    /// The run of this key in these bytes.
    pub fn decode(key: &Key, bytes: &[u8]) -> Result<Self, ValueError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Stored {
            version: u32,
            sequence_number: u64,
            tasks_made: u64,
            roots: Vec<(String, String)>,
            input: StoredInput,
        }
        let stored: Stored = parse("run", bytes)?;
        check_version("run", stored.version)?;
        let sequence_number = SequenceNumber(stored.sequence_number);
        let roots = stored.roots.iter().map(|(event, action)| read_root(event, action)).collect::<Result<_, _>>()?;
        Ok(Self { sequence_number, input: stored.input.into_input(key)?, tasks_made: stored.tasks_made, roots })
    }
}

/// Writes the roots and what leads to the input event.
fn write_roots(roots: &[(EventId, ActionName)], text: &mut String) {
    for (index, (event, action)) in roots.iter().enumerate() {
        text.push_str(if index == 0 { "[\"" } else { ",[\"" });
        text.push_str(event.as_text(&mut [0; 36]));
        text.push_str("\",");
        write_string(action.as_str(), text);
        text.push(']');
    }
    text.push_str("],\"input\":");
}

fn read_root(event: &str, action: &str) -> Result<(EventId, ActionName), ValueError> {
    let error = |error: String| ValueError { what: "run", error };
    let id = EventId::parse(event).ok_or_else(|| error(format!("id {event:?} is no UUID")))?;
    let action = ActionName::new(action).map_err(|cause| error(cause.to_string()))?;
    Ok((id, action))
}

/// A task that waits in a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueuedTask {
    /// The event to run for.
    pub event: Event,
    /// The action to run.
    pub action: ActionName,
}

impl QueuedTask {
    /// The task as bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut text = format!("{{\"version\":{VERSION},\"action\":");
        write_string(self.action.as_str(), &mut text);
        text.push_str(",\"event\":");
        write_event(&self.event, &mut text);
        text.push('}');
        text.into()
    }

    /// The task in these bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, ValueError> {
        #[derive(Deserialize)]
        struct Stored {
            version: u32,
            action: String,
            event: StoredEvent,
        }
        let stored: Stored = parse("queued task", bytes)?;
        check_version("queued task", stored.version)?;
        let action = ActionName::new(&stored.action)
            .map_err(|error| ValueError { what: "queued task", error: error.to_string() })?;
        Ok(Self { event: stored.event.into_event()?, action })
    }
}

/// A pending input event as bytes.
pub fn encode_input(input: &InputEvent) -> Vec<u8> {
    let mut text = format!("{{\"version\":{VERSION},\"input\":");
    write_input(input, &mut text);
    text.push('}');
    text.into()
}

/// The pending input event of this key in these bytes.
pub fn decode_input(key: &Key, bytes: &[u8]) -> Result<InputEvent, ValueError> {
    #[derive(Deserialize)]
    struct Stored {
        version: u32,
        input: StoredInput,
    }
    let stored: Stored = parse("pending input event", bytes)?;
    check_version("pending input event", stored.version)?;
    stored.input.into_input(key)
}

/// An entry of memory as bytes: `=` and the leaf's JSON, or `{` for an empty object.
pub fn encode_node(node: &Node) -> Vec<u8> {
    match node {
        Node::Leaf(json) => [b"=", json.as_str().as_bytes()].concat(),
        Node::EmptyObject => b"{".to_vec(),
    }
}

/// The entry of memory in these bytes.
pub fn decode_node(bytes: &[u8]) -> Result<Node, ValueError> {
    let error = |error: String| ValueError { what: "memory", error };
    match bytes {
        [b'=', text @ ..] => {
            let text = std::str::from_utf8(text).map_err(|cause| error(cause.to_string()))?;
            Json::parse(text).map(Node::Leaf).map_err(|cause| error(cause.to_string()))
        }
        b"{" => Ok(Node::EmptyObject),
        _ => Err(error("unknown tag".to_owned())),
    }
}

fn write_event(event: &Event, text: &mut String) {
    write!(text, "{{\"id\":\"{}\",\"kind\":", event.id).expect("strings take all");
    write_string(&event.kind, text);
    write!(text, ",\"payload\":{}}}", event.payload).expect("strings take all");
}

fn write_input(input: &InputEvent, text: &mut String) {
    text.push_str("{\"event\":");
    write_event(&input.event, text);
    write!(text, ",\"position\":{}", input.position.0).expect("strings take all");
    if let Some(timestamp_ms) = input.timestamp_ms {
        write!(text, ",\"timestampMs\":{timestamp_ms}").expect("strings take all");
    }
    for (index, (name, value)) in input.headers.iter().enumerate() {
        text.push_str(if index == 0 { ",\"headers\":[[" } else { ",[" });
        write_string(name, text);
        text.push(',');
        write_string(value, text);
        text.push(']');
    }
    text.push_str(if input.headers.is_empty() { "}" } else { "]}" });
}

#[derive(Deserialize)]
struct StoredEvent {
    id: String,
    kind: String,
    payload: Json,
}

impl StoredEvent {
    fn into_event(self) -> Result<Event, ValueError> {
        let error = || ValueError { what: "event", error: format!("id {:?} is no UUID", self.id) };
        let id = EventId::parse(&self.id).ok_or_else(error)?;
        Ok(Event { id, kind: self.kind.into(), payload: self.payload })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredInput {
    event: StoredEvent,
    position: u64,
    timestamp_ms: Option<u64>,
    #[serde(default)]
    headers: Vec<(String, String)>,
}

impl StoredInput {
    fn into_input(self, key: &Key) -> Result<InputEvent, ValueError> {
        Ok(InputEvent {
            key: key.clone(),
            event: self.event.into_event()?,
            position: SourcePosition(self.position),
            timestamp_ms: self.timestamp_ms,
            headers: Arc::from(self.headers),
        })
    }
}

fn parse<'a, T: Deserialize<'a>>(what: &'static str, bytes: &'a [u8]) -> Result<T, ValueError> {
    serde_json::from_slice(bytes).map_err(|error| ValueError { what, error: error.to_string() })
}

fn check_version(what: &'static str, version: u32) -> Result<(), ValueError> {
    if version > VERSION {
        let error = format!("version {version} is newer than {VERSION}: upgrade to the Weir that wrote it");
        return Err(ValueError { what, error });
    }
    Ok(())
}
