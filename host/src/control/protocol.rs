//! What is said over the control socket: one line of JSON each way, then both sides hang up.
//!
//! A client that is newer than the host asks what the host does not know, and is answered `refused`.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use weir_core::action_state::StateKey;
use weir_core::key::{Key, percent_decode};

/// One line to ask, one line to answer; no line is longer than this, bytes.
pub const LINE_BYTES_MAX: usize = 64 << 20;

/// What a client asks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "kebab-case")]
pub enum Request {
    /// The keys, shorter ones first, then in the order of their bytes.
    Keys {
        /// Only those behind this one.
        after: Option<KeyName>,
        /// How many at most.
        limit: usize,
    },
    /// All about one key.
    Key {
        /// The key.
        key: KeyName,
    },
    /// The action states in the store, by key, in the order of `Keys`.
    States {
        /// Only those of keys behind this one.
        after: Option<KeyName>,
        /// Stop at the key that makes it so many.
        limit: usize,
    },
    /// The quarantined keys.
    Quarantine,
    /// Repairs a quarantined key.
    Repair(RepairRequest),
}

/// A repair: it names what it repairs, and is refused if that no longer stands [S29].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepairRequest {
    /// The state that quarantines the key.
    pub state: StateName,
    /// How many repairs were made before.
    pub repairs: u32,
    /// What to do.
    pub repair: RepairKind,
    /// The key's partition, on Kafka: its owner is asked there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition: Option<u32>,
}

/// What to do with a quarantined key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum RepairKind {
    /// Attempts from 1, recorded calls kept.
    Retry {
        /// Drop the failed outcomes behind the last success, so that these calls are made again.
        failed_calls: bool,
    },
    /// The task ends without effect, the rest of its run goes on.
    Skip,
    /// The run ends, its input event becomes a dead letter.
    Discard,
}

/// What a host answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "kebab-case")]
pub enum Answer {
    /// The keys.
    Keys {
        /// Shorter ones first, then in the order of their bytes.
        keys: Vec<KeyHeader>,
        /// Whether there are others behind them.
        more: bool,
    },
    /// All about the key.
    Key(Box<KeyDetail>),
    /// No event of this key was ever taken.
    UnknownKey,
    /// The action states.
    States {
        /// By key, then by sequence number.
        states: Vec<StateSummary>,
        /// Whether there are others behind them.
        more: bool,
    },
    /// The quarantined keys.
    Quarantine {
        /// In the order of their bytes.
        keys: Vec<QuarantinedKey>,
    },
    /// The repair is durable.
    Repaired,
    /// Not done.
    Refused {
        /// Why, and what to do.
        message: String,
    },
}

/// A key for people: percent-encoded, and marked as such, where it is not text [S19].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyName {
    /// The key.
    pub key: String,
    /// Whether `key` is the key as it is.
    pub key_is_text: bool,
}

/// An action state's name for people, its key as in `KeyName`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateName {
    /// `key_seqNum_eventId_actionId`.
    pub state: String,
    /// Whether the key in it is the key as it is.
    pub key_is_text: bool,
}

/// Where a key stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyHeader {
    /// The key.
    #[serde(flatten)]
    pub name: KeyName,
    /// Its partition, on Kafka.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition: Option<u32>,
    /// The sequence number that the next input event takes.
    pub sequence_number: u64,
    /// The last completed one.
    pub last_completed: Option<u64>,
    /// The one whose run is in progress.
    pub running: Option<u64>,
    /// Action tasks of that run that are left.
    pub tasks: usize,
    /// Input events that wait.
    pub pending: usize,
    /// Whether the key is parked.
    pub quarantined: bool,
}

/// All about a key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeyDetail {
    /// Where it stands.
    #[serde(flatten)]
    pub header: KeyHeader,
    /// The actions of its queued tasks, the one in hand first.
    pub queued_actions: Vec<String>,
    /// Memory of the key.
    pub short_term_memory: Value,
    /// Memory of the run.
    pub sensory_memory: Value,
    /// Its action states, by sequence number.
    pub states: Vec<StateSummary>,
    /// Why it is parked.
    pub quarantine: Option<QuarantinedKey>,
}

/// What an action state comes to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateSummary {
    /// Its name.
    #[serde(flatten)]
    pub name: StateName,
    /// The action.
    pub action: String,
    /// The kind of the event that it ran for, where the record tells.
    pub kind: Option<String>,
    /// When it first started, milliseconds since 1970 UTC.
    pub started_at_ms: u64,
    /// Whether it completed.
    pub completed: bool,
    /// Events it emitted.
    pub events: usize,
    /// Its recorded durable calls, in order.
    pub calls: Vec<CallSummary>,
    /// Attempts that failed.
    pub failed_attempts: u32,
    /// The last failure.
    pub failure: Option<FailureSummary>,
    /// What was decided about a final failure.
    pub decision: Option<String>,
}

/// What a recorded call comes to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallSummary {
    /// Its position in the action.
    pub position: u32,
    /// What was called.
    pub function_id: String,
    /// `pending`, `succeeded` or `failed`.
    pub status: String,
}

/// Why an action failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureSummary {
    /// `retryable`, `fatal`, `trap`, `limit`, `timeout` or `divergence`.
    pub class: String,
    /// What sort of failure, as the guest names it.
    pub kind: String,
    /// For people.
    pub message: String,
}

/// A parked key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuarantinedKey {
    /// The key.
    #[serde(flatten)]
    pub name: KeyName,
    /// Its partition, on Kafka.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition: Option<u32>,
    /// The state that parks it: a repair names it.
    pub state: String,
    /// The sequence number of its run.
    pub sequence_number: u64,
    /// The action that failed.
    pub action: String,
    /// Why.
    pub failure: FailureSummary,
    /// Attempts made.
    pub attempts: u32,
    /// Repairs made before: a repair names this number.
    pub repairs: u32,
    /// Input events that wait.
    pub pending: usize,
    /// The event that the action failed on; only where one key was asked for, for it may be large.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<EventDetail>,
}

/// An event, whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventDetail {
    /// Its id.
    pub id: String,
    /// Its kind.
    pub kind: String,
    /// The fact itself.
    pub payload: Value,
}

impl From<&Key> for KeyName {
    fn from(key: &Key) -> Self {
        Self { key: key.to_text().into_owned(), key_is_text: key.is_text() }
    }
}

impl KeyName {
    /// The key; none where the percent-encoding is malformed.
    pub fn to_key(&self) -> Option<Key> {
        match self.key_is_text {
            true => Some(Key::from(self.key.as_str())),
            false => percent_decode(&self.key).map(Key::new),
        }
    }
}

impl From<&StateKey> for StateName {
    fn from(state: &StateKey) -> Self {
        Self { state: state.to_string(), key_is_text: state.key.is_text() }
    }
}

impl StateName {
    /// The state's key; none where it names no state.
    pub fn to_state_key(&self) -> Option<StateKey> {
        let mut state = StateKey::parse(self.state.as_bytes()).ok()?;
        if !self.key_is_text {
            state.key = Key::new(percent_decode(std::str::from_utf8(state.key.as_bytes()).ok()?)?);
        }
        Some(state)
    }
}

impl QuarantinedKey {
    /// The name of the state that parks it.
    pub fn state_name(&self) -> StateName {
        StateName { state: self.state.clone(), key_is_text: self.name.key_is_text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_core::event::SequenceNumber;
    use weir_core::id::{ActionId, EventId};

    // [S19]
    #[test]
    fn keys_and_states_come_back_from_their_names() {
        for bytes in [&b"Hualian, Taiwan"[..], b"", b"a_b%41", b"\xff%_\0"] {
            let key = Key::new(bytes);
            assert_eq!(KeyName::from(&key).to_key(), Some(key.clone()));
            let state = StateKey {
                key,
                sequence_number: SequenceNumber(7),
                event: EventId::of_input("file", b"1", b"{}"),
                action: ActionId::of_name("page"),
            };
            assert_eq!(StateName::from(&state).to_state_key(), Some(state));
        }
    }

    #[test]
    fn requests_and_answers_are_one_line_of_json() {
        let request = Request::Repair(RepairRequest {
            state: StateName { state: "s".into(), key_is_text: true },
            repairs: 2,
            repair: RepairKind::Retry { failed_calls: true },
            partition: None,
        });
        let line = serde_json::to_string(&request).unwrap();
        assert_eq!(
            line,
            r#"{"ask":"repair","state":{"state":"s","key_is_text":true},"repairs":2,"repair":{"kind":"retry","failed_calls":true}}"#
        );
        assert_eq!(serde_json::from_str::<Request>(&line).unwrap(), request);
        let answer = Answer::Keys {
            keys: vec![KeyHeader {
                name: KeyName { key: "a\nb".into(), key_is_text: true },
                partition: Some(7),
                sequence_number: 3,
                last_completed: Some(1),
                running: Some(2),
                tasks: 1,
                pending: 4,
                quarantined: true,
            }],
            more: false,
        };
        let line = serde_json::to_string(&answer).unwrap();
        assert!(!line.contains('\n'));
        assert_eq!(serde_json::from_str::<Answer>(&line).unwrap(), answer);
    }
}
