//! Names of action states and of their records [S19].

use crate::event::SequenceNumber;
use crate::id::{ActionId, EventId};
use crate::key::Key;
use crate::ownership::Epoch;
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
    /// That what was recorded before of the call at a position no longer counts: `#position!` [S14].
    CallDropped(u32),
}

/// Who wrote a record of a partition that moves between hosts: `@epoch.ordinal`, at the end of its name.
///
/// No two records of such a partition have one name. Otherwise an owner that does not know yet that it is none any more
/// could write over a record which its successor has read, or put a tombstone on it; the cleaner keeps the last record of
/// a name only, so the owner after that would find neither.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Writer {
    /// The owner's epoch.
    pub epoch: Epoch,
    /// The number of the append among those of its epoch.
    pub ordinal: u64,
}

/// Names one record of the action-state log.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecordKey {
    /// The state that it belongs to.
    pub state: StateKey,
    /// Which of its records.
    pub kind: RecordKind,
    /// Who wrote it; none where a partition has one owner for ever, as in the embedded store.
    pub writer: Option<Writer>,
}

/// Bytes that name no record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("record key {0:?} is not key_sequenceNumber_eventId_actionId[#position[?|!]][@epoch.ordinal]")]
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
            RecordKind::CallDropped(position) => {
                bytes.push(b'#');
                push_number(u64::from(position), bytes);
                bytes.push(b'!');
            }
        }
        if let Some(writer) = self.writer {
            bytes.push(b'@');
            push_number(u64::from(writer.epoch.0), bytes);
            bytes.push(b'.');
            push_number(writer.ordinal, bytes);
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
            RecordKey { state, kind: RecordKind::State, writer: None } => Ok(state),
            RecordKey { .. } => Err(StateKeyError(String::from_utf8_lossy(bytes).into_owned())),
        }
    }
}

/// Without the machinery of formats, which costs more than all else of a name.
fn push_number(mut number: u64, bytes: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let mut from = digits.len();
    loop {
        from -= 1;
        digits[from] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return bytes.extend_from_slice(&digits[from..]);
        }
    }
}

fn parse(bytes: &[u8]) -> Option<RecordKey> {
    let (bytes, writer) = split_writer(bytes)?;
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
    Some(RecordKey { state, kind, writer })
}

/// A name without a writer ends with a UUID or a position: only one with a writer has digits, a dot and digits there.
fn split_writer(bytes: &[u8]) -> Option<(&[u8], Option<Writer>)> {
    let (head, ordinal) = split_digits(bytes);
    let [head @ .., b'.'] = head else { return Some((bytes, None)) };
    let (head, epoch) = split_digits(head);
    let [head @ .., b'@'] = head else { return None };
    let epoch = Epoch(u32::try_from(number(epoch)?).ok()?);
    Some((head, Some(Writer { epoch, ordinal: number(ordinal)? })))
}

fn split_kind(bytes: &[u8]) -> Option<(&[u8], RecordKind)> {
    let (rest, of_call): (&[u8], fn(u32) -> RecordKind) = match bytes {
        [rest @ .., b'?'] => (rest, RecordKind::CallPending),
        [rest @ .., b'!'] => (rest, RecordKind::CallDropped),
        all => (all, RecordKind::CallResult),
    };
    match split_digits(rest) {
        ([state @ .., b'#'], position) => Some((state, of_call(u32::try_from(number(position)?).ok()?))),
        _ if rest.len() < bytes.len() => None,
        _ => Some((rest, RecordKind::State)),
    }
}

/// The decimal digits at the end, and what is before them.
fn split_digits(bytes: &[u8]) -> (&[u8], &[u8]) {
    let digits = bytes.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    bytes.split_at(bytes.len() - digits)
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
            RecordKind::CallDropped(position) => write!(f, "#{position}!"),
        }?;
        self.writer.map_or(Ok(()), |writer| write!(f, "@{}.{}", writer.epoch, writer.ordinal))
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
        RecordKey { state, kind, writer: None }
    }

    fn written_by(epoch: u32, ordinal: u64, record: RecordKey) -> RecordKey {
        RecordKey { writer: Some(Writer { epoch: Epoch(epoch), ordinal }), ..record }
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
        for tail in [&b"!"[..], b"#007", b"@1", b"@1.", b"@.1", b"@01.2", b"@1.02", b"1.2", b"@4294967296.0"] {
            assert!(RecordKey::parse(&[&good[..], tail].concat()).is_err());
        }
    }

    #[test]
    fn numbers_are_written_in_decimal() {
        for number in [0, 9, 10, 1_234_567_890, u64::MAX] {
            let mut bytes = Vec::new();
            push_number(number, &mut bytes);
            assert_eq!(bytes, number.to_string().as_bytes());
        }
    }

    // [P19]
    #[test]
    fn names_differ_when_any_part_differs() {
        let one = record(b"k", 1, RecordKind::State);
        let mut others = vec![record(b"K", 1, RecordKind::State), record(b"k", 2, RecordKind::State)];
        others.push(record(b"k", 1, RecordKind::CallResult(0)));
        others.push(record(b"k", 1, RecordKind::CallPending(0)));
        others.push(record(b"k", 1, RecordKind::CallDropped(0)));
        others.push(written_by(0, 0, one.clone()));
        others.push(written_by(0, 1, one.clone()));
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
        fn any_key_parses_back(
            key in proptest::collection::vec(any::<u8>(), 0..40),
            odd in "[_#?!@.0-9]{0,8}",
            n: u64,
            position: u32,
            epoch: u32,
        ) {
            let of_call = [RecordKind::CallResult, RecordKind::CallPending, RecordKind::CallDropped];
            let kinds = of_call.map(|kind| kind(position)).into_iter().chain([RecordKind::State]);
            for (key, kind) in kinds.flat_map(|kind| [(key.as_slice(), kind), (odd.as_bytes(), kind)]) {
                let record = record(key, n, kind);
                prop_assert_eq!(RecordKey::parse(&record.to_bytes()).unwrap(), record.clone());
                let owned = written_by(epoch, n, record);
                prop_assert_eq!(RecordKey::parse(&owned.to_bytes()).unwrap(), owned);
            }
        }

        #[test]
        fn no_bytes_make_parsing_panic(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            let _ = RecordKey::parse(&bytes);
        }
    }
}
