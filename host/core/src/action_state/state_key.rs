//! Names of action states and of their records [S19].

use crate::event::SequenceNumber;
use crate::id::{ActionId, EventId};
use crate::key::Key;
use std::fmt;

/// Names one action state: `key_seqNum_eventId_actionId`. The key is bytes, and may hold anything.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StateKey {
    /// The key of the run.
    pub key: Key,
    /// The sequence number of the run.
    pub sequence_number: SequenceNumber,
    /// The event that the action ran for.
    pub event: EventId,
    /// The action.
    pub action: ActionId,
}

/// Which record of an action state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RecordKind {
    /// The state itself: start, failed attempt, decision, completion.
    State,
    /// The outcome of the call at a position: `#position`.
    CallResult(u32),
    /// That the call at a position is pending: `#position?`. A key of its own, so that a reader never misses it.
    CallPending(u32),
}

/// Names one record of the action-state log.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecordKey {
    /// The state that it belongs to.
    pub state: StateKey,
    /// Which of its records.
    pub kind: RecordKind,
}

/// Bytes that name no record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("record key {0:?} is not key_sequenceNumber_eventId_actionId")]
pub struct StateKeyError(String);

const UUID: usize = 36;

impl RecordKey {
    /// The name as bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.state.key.as_bytes().len() + 2 * UUID + 32);
        self.write_to(&mut bytes);
        bytes
    }

    /// Appends the name as bytes.
    pub fn write_to(&self, bytes: &mut Vec<u8>) {
        let state = &self.state;
        let mut buffer = [0; UUID];
        bytes.extend_from_slice(state.key.as_bytes());
        bytes.push(b'_');
        push_number(state.sequence_number.0, bytes);
        bytes.push(b'_');
        bytes.extend_from_slice(state.event.as_text(&mut buffer).as_bytes());
        bytes.push(b'_');
        bytes.extend_from_slice(state.action.as_text(&mut buffer).as_bytes());
        match self.kind {
            RecordKind::State => {}
            RecordKind::CallResult(position) => {
                bytes.push(b'#');
                push_number(u64::from(position), bytes);
            }
            RecordKind::CallPending(position) => {
                bytes.push(b'#');
                push_number(u64::from(position), bytes);
                bytes.push(b'?');
            }
        }
    }

    /// The record that these bytes name, read from the right.
    pub fn parse(bytes: &[u8]) -> Result<Self, StateKeyError> {
        parse(bytes).ok_or_else(|| StateKeyError(String::from_utf8_lossy(bytes).into_owned()))
    }
}

impl StateKey {
    /// The state that this text names, as people write it: the key percent-encoded where it is not text.
    pub fn parse(bytes: &[u8]) -> Result<Self, StateKeyError> {
        match RecordKey::parse(bytes)? {
            RecordKey { state, kind: RecordKind::State } => Ok(state),
            RecordKey { .. } => Err(StateKeyError(String::from_utf8_lossy(bytes).into_owned())),
        }
    }
}

fn push_number(number: u64, bytes: &mut Vec<u8>) {
    use std::io::Write;
    write!(bytes, "{number}").expect("writing to a vector does not fail");
}

fn parse(bytes: &[u8]) -> Option<RecordKey> {
    let (body, kind) = split_kind(bytes)?;
    let (body, action) = split_uuid(body)?;
    let (body, event) = split_uuid(body)?;
    let at = body.iter().rposition(|&byte| byte == b'_')?;
    let state = StateKey {
        key: Key::new(&body[..at]),
        sequence_number: SequenceNumber(number(&body[at + 1..])?),
        event: EventId::parse(event)?,
        action: ActionId::parse(action)?,
    };
    Some(RecordKey { state, kind })
}

fn split_kind(bytes: &[u8]) -> Option<(&[u8], RecordKind)> {
    let (rest, pending) = match bytes {
        [rest @ .., b'?'] => (rest, true),
        all => (all, false),
    };
    let digits = rest.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let (head, position) = rest.split_at(rest.len() - digits);
    match head {
        [state @ .., b'#'] => {
            let position = u32::try_from(number(position)?).ok()?;
            let kind = if pending { RecordKind::CallPending(position) } else { RecordKind::CallResult(position) };
            Some((state, kind))
        }
        _ if pending => None,
        _ => Some((rest, RecordKind::State)),
    }
}

fn split_uuid(bytes: &[u8]) -> Option<(&[u8], &str)> {
    let at = bytes.len().checked_sub(UUID + 1)?;
    let (head, tail) = bytes.split_at(at);
    let uuid = std::str::from_utf8(tail).ok()?.strip_prefix('_')?;
    Some((head, uuid))
}

/// A decimal number as `push_number` writes it.
fn number(digits: &[u8]) -> Option<u64> {
    let canonical = matches!(digits, [b'0'] | [b'1'..=b'9', ..]) && digits.iter().all(u8::is_ascii_digit);
    canonical.then(|| std::str::from_utf8(digits).ok()?.parse().ok()).flatten()
}

impl fmt::Display for StateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}_{}_{}", self.key, self.sequence_number, self.event, self.action)
    }
}

impl fmt::Debug for StateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Display for RecordKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.state.fmt(f)?;
        match self.kind {
            RecordKind::State => Ok(()),
            RecordKind::CallResult(position) => write!(f, "#{position}"),
            RecordKind::CallPending(position) => write!(f, "#{position}?"),
        }
    }
}

impl fmt::Debug for RecordKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn record(key: &[u8], sequence_number: u64, kind: RecordKind) -> RecordKey {
        let state = StateKey {
            key: Key::new(key),
            sequence_number: SequenceNumber(sequence_number),
            event: EventId([7; 16]),
            action: ActionId::of_name("alert"),
        };
        RecordKey { state, kind }
    }

    // [P19]
    #[test]
    fn malformed_names_are_errors() {
        for bad in [&b""[..], b"a", b"a_1", b"_________", &[b'_'; 80]] {
            assert!(RecordKey::parse(bad).is_err());
        }
        let good = record(b"k", 1, RecordKind::State).to_bytes();
        assert!(RecordKey::parse(&good[..good.len() - 1]).is_err());
        assert!(RecordKey::parse(&[&good[..], b"?"].concat()).is_err());
        assert!(RecordKey::parse(&[&good[..], b"#007"].concat()).is_err());
    }

    // [P19]
    #[test]
    fn names_differ_when_any_part_differs() {
        let one = record(b"k", 1, RecordKind::State);
        let mut others = vec![record(b"K", 1, RecordKind::State), record(b"k", 2, RecordKind::State)];
        others.push(record(b"k", 1, RecordKind::CallResult(0)));
        others.push(record(b"k", 1, RecordKind::CallPending(0)));
        let mut event = one.clone();
        event.state.event = EventId([8; 16]);
        let mut action = one.clone();
        action.state.action = ActionId::of_name("other");
        for other in others.into_iter().chain([event, action]) {
            assert_ne!(one.to_bytes(), other.to_bytes());
        }
    }

    proptest! {
        // [S19] [P19] [D1]
        #[test]
        fn any_key_parses_back(key in proptest::collection::vec(any::<u8>(), 0..40), odd in "[_#?@0-9]{0,8}", n: u64, position: u32) {
            for key in [key.as_slice(), odd.as_bytes()] {
                for kind in [RecordKind::State, RecordKind::CallResult(position), RecordKind::CallPending(position)] {
                    let record = record(key, n, kind);
                    prop_assert_eq!(RecordKey::parse(&record.to_bytes()).unwrap(), record);
                }
            }
        }

        #[test]
        fn no_bytes_make_parsing_panic(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            let _ = RecordKey::parse(&bytes);
        }
    }
}
