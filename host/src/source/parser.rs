//! From bytes to an input event.

use crate::settings::{FieldPath, SourceSettings};
use std::sync::Arc;
use weir_core::base64;
use weir_core::event::{Event, InputEvent, KIND_INPUT, SourcePosition};
use weir_core::id::EventId;
use weir_core::json::{self, Json};
use weir_core::key::Key;

/// The longest key, bytes: with a path of memory behind it, it names an entry of the store.
const KEY_BYTES_MAX: usize = 32 << 10;

/// What some editors put before the first line of a file.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Reads input events as the manifest says where their key, kind and time stand.
#[derive(Clone, Debug)]
pub struct EventParser {
    source: Arc<str>,
    key: Option<FieldPath>,
    kind: Option<FieldPath>,
    timestamp: Option<FieldPath>,
    bytes_max: usize,
    record_bytes_max: usize,
    no_headers: Arc<[(String, String)]>,
}

/// A record of a Kafka topic.
#[derive(Clone, Debug)]
pub struct RecordParts<'a> {
    /// Its partition.
    pub partition: u32,
    /// Its offset.
    pub offset: u64,
    /// Its key.
    pub key: Option<&'a [u8]>,
    /// Its value; a tombstone has none.
    pub value: Option<&'a [u8]>,
    /// Its time, milliseconds since 1970 UTC.
    pub timestamp_ms: Option<u64>,
    /// Its headers that are text.
    pub headers: Vec<(String, String)>,
}

/// What is no event, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadEvent {
    /// Longer than the limit.
    #[error("is longer than limits.input_event_bytes_max ({0} bytes)")]
    TooLong(usize),
    /// A record that is too long for the state topics.
    #[error("has {0} bytes as JSON, and the topics of this application take {1}: raise their max.message.bytes")]
    TooLongForTopics(usize, usize),
    /// Not UTF-8.
    #[error("is not UTF-8 at byte {0}")]
    NotText(usize),
    /// Not JSON.
    #[error("is {0}")]
    NotJson(json::JsonError),
    /// A record without key.
    #[error("has no key, by which its order would hold")]
    Keyless,
    /// No key.
    #[error("has no {0:?}, the key that source.key names")]
    NoKey(String),
    /// A key that is neither text nor a number.
    #[error("has a key at {0:?} that is neither a string nor a number")]
    OddKey(String),
    /// A key that is too long.
    #[error("has a key of {0} bytes, and {KEY_BYTES_MAX} is the most")]
    LongKey(usize),
    /// A kind that is not text.
    #[error("has a kind at {0:?} that is not a string of 1 to 128 bytes")]
    OddKind(String),
    /// A time that is not a number.
    #[error("has a timestamp at {0:?} that is not a whole number of milliseconds")]
    OddTimestamp(String),
}

impl From<json::JsonError> for BadEvent {
    fn from(error: json::JsonError) -> Self {
        Self::NotJson(error)
    }
}

impl EventParser {
    /// A parser for a source of this name.
    pub fn new(source: &str, settings: &SourceSettings, bytes_max: usize) -> Self {
        Self {
            source: Arc::from(source),
            key: settings.key.clone(),
            kind: settings.kind.clone(),
            timestamp: settings.timestamp.clone(),
            bytes_max,
            record_bytes_max: usize::MAX,
            no_headers: Arc::from([]),
        }
    }

    /// The same, for events that wait in records of so many bytes, beside which their names and keys have room.
    pub fn fitting_into(self, record_bytes_max: usize) -> Self {
        Self { record_bytes_max, ..self }
    }

    /// The event in a line whose key stands in it.
    pub fn parse_line(&self, position: u64, line: &[u8]) -> Result<InputEvent, BadEvent> {
        let line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
        let text = self.text(line)?;
        let path = self.key.as_ref().expect("settings of a source of lines name a key");
        let found = json::lookup(text, path.names())?.ok_or_else(|| BadEvent::NoKey(path.to_string()))?;
        let key = match found.as_bytes() {
            [b'"', ..] => Key::new(json::string_bytes(&found[1..found.len() - 1])),
            [b'-' | b'0'..=b'9', ..] => Key::from(found),
            b"null" => return Err(BadEvent::NoKey(path.to_string())),
            _ => return Err(BadEvent::OddKey(path.to_string())),
        };
        self.event((position, &position.to_be_bytes()), line, text, key, self.no_headers.clone())
    }

    /// The event in a payload whose key came apart from it.
    pub fn parse_posted(
        &self,
        position: u64,
        key: Key,
        payload: &[u8],
        headers: Vec<(String, String)>,
    ) -> Result<InputEvent, BadEvent> {
        let text = self.text(payload)?;
        json::validate(text)?;
        let headers = if headers.is_empty() { self.no_headers.clone() } else { Arc::from(headers) };
        self.event((position, &position.to_be_bytes()), payload, text, key, headers)
    }

    /// The event in a record. What is not JSON is wrapped as a JSON string, base64 if it is not text; a tombstone is null.
    pub fn parse_record(&self, record: RecordParts<'_>) -> Result<InputEvent, BadEvent> {
        let key = Key::new(record.key.ok_or(BadEvent::Keyless)?);
        let value = record.value.unwrap_or_default();
        if value.len() > self.bytes_max {
            return Err(BadEvent::TooLong(self.bytes_max));
        }
        let mut wrapped = String::new();
        let text = match (record.value, std::str::from_utf8(value)) {
            (None, _) => "null",
            (_, Ok(text)) if json::validate(text).is_ok() => text,
            (_, Ok(text)) => {
                json::write_string(text, &mut wrapped);
                &wrapped
            }
            (_, Err(_)) => {
                json::write_string(&base64::encode(value), &mut wrapped);
                &wrapped
            }
        };
        let headers_bytes: usize = record.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        if text.len() + headers_bytes > self.record_bytes_max {
            return Err(BadEvent::TooLongForTopics(text.len() + headers_bytes, self.record_bytes_max));
        }
        let headers = if record.headers.is_empty() { self.no_headers.clone() } else { Arc::from(record.headers) };
        let mut position = [0; 12];
        position[..4].copy_from_slice(&record.partition.to_be_bytes());
        position[4..].copy_from_slice(&record.offset.to_be_bytes());
        let mut event = self.event((record.offset, &position), value, text, key, headers)?;
        event.timestamp_ms = event.timestamp_ms.or(record.timestamp_ms);
        Ok(event)
    }

    fn text<'a>(&self, bytes: &'a [u8]) -> Result<&'a str, BadEvent> {
        if bytes.len() > self.bytes_max {
            return Err(BadEvent::TooLong(self.bytes_max));
        }
        std::str::from_utf8(bytes).map_err(|error| BadEvent::NotText(error.valid_up_to()))
    }

    fn event(
        &self,
        (position, named): (u64, &[u8]),
        bytes: &[u8],
        text: &str,
        key: Key,
        headers: Arc<[(String, String)]>,
    ) -> Result<InputEvent, BadEvent> {
        if key.as_bytes().len() > KEY_BYTES_MAX {
            return Err(BadEvent::LongKey(key.as_bytes().len()));
        }
        let kind = match self.find(text, &self.kind)? {
            None => KIND_INPUT.into(),
            Some((found, path)) if found.starts_with('"') => {
                let kind = plain(found);
                if kind.is_empty() || kind.len() > 128 {
                    return Err(BadEvent::OddKind(path.to_string()));
                }
                kind.as_ref().into()
            }
            Some((_, path)) => return Err(BadEvent::OddKind(path.to_string())),
        };
        let timestamp_ms = match self.find(text, &self.timestamp)? {
            None => None,
            Some((found, path)) => Some(found.parse::<u64>().map_err(|_| BadEvent::OddTimestamp(path.to_string()))?),
        };
        let id = EventId::of_input(&self.source, named, bytes);
        let payload = Json::from_checked(text.trim_matches([' ', '\t', '\n', '\r']));
        Ok(InputEvent {
            key,
            event: Event { id, kind, payload },
            position: SourcePosition(position),
            timestamp_ms,
            headers,
        })
    }

    /// What stands at a path, if anything but null does.
    fn find<'t, 'p>(
        &self,
        text: &'t str,
        path: &'p Option<FieldPath>,
    ) -> Result<Option<(&'t str, &'p FieldPath)>, BadEvent> {
        let Some(path) = path else { return Ok(None) };
        let found = json::lookup(text, path.names())?;
        Ok(found.filter(|found| *found != "null").map(|found| (found, path)))
    }
}

/// The text of a JSON string.
fn plain(quoted: &str) -> std::borrow::Cow<'_, str> {
    let raw = &quoted[1..quoted.len() - 1];
    if raw.contains('\\') { json::decode_string(raw).into() } else { raw.into() }
}
