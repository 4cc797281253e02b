//! What a shard on Kafka reads and writes.

use super::super::executor::Backend;
use crate::scratch::PartitionScratch;
use crate::sink::dead_letter_line;
use anyhow::Context;
use hashbrown::HashMap;
use weir_core::checkpoint::Entry;
use weir_core::event::{DeadLetter, OutputEvent, PartitionId};
use weir_core::json::Json;
use weir_core::key::Key;
use weir_core::store::log::{Acknowledged, ActionStateLog, Append};
use weir_kafka::KafkaLog;

/// The log of a shard, the keyed state of its partitions, and what waits for their next checkpoint.
pub(super) struct KafkaBackend {
    pub(super) log: KafkaLog,
    pub(super) scratches: HashMap<PartitionId, PartitionScratch>,
    pub(super) outboxes: HashMap<PartitionId, Outbox>,
    /// Vectors of outputs that went out: kept for their room.
    pub(super) spare_outputs: Vec<Vec<OutputEvent>>,
    /// The largest record that the topic of dead letters takes, bytes.
    pub(super) dead_letter_bytes_max: usize,
}

/// What is left out of a dead letter that is too large for its topic: it would keep each checkpoint from being committed.
const LEFT_OUT: &str = "\"left out: too large for the topic of dead letters; it stands in the source\"";
/// So much of a message is kept in a dead letter that is too large.
const MESSAGE_BYTES_MAX: usize = 4_096;
/// So much of a failure's kind.
const KIND_BYTES_MAX: usize = 128;
/// So much of a key, where that makes the letter too large: as text it may take six times its bytes.
const KEY_BYTES_MAX: usize = 1_024;

/// What one partition made since its last checkpoint.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    pub(super) outputs: Vec<OutputEvent>,
    /// So many outputs came before these, and are with the committer.
    pub(super) ahead: usize,
    /// Dead letters, as JSON, with their keys.
    pub(super) dead_letters: Vec<(Key, String)>,
    /// Of all of them.
    pub(super) bytes: usize,
}

impl Outbox {
    pub(super) fn is_empty(&self) -> bool {
        self.outputs.is_empty() && self.ahead == 0 && self.dead_letters.is_empty()
    }

    /// Hands outputs to a committer, as many as there are together.
    pub(super) fn put_ahead(&mut self, put: impl FnOnce(Vec<OutputEvent>) -> Result<(), Vec<OutputEvent>>) {
        let next = Vec::with_capacity(self.outputs.len());
        let outputs = std::mem::replace(&mut self.outputs, next);
        let count = outputs.len();
        match put(outputs) {
            Ok(()) => self.ahead += count,
            Err(outputs) => self.outputs = outputs,
        }
    }

    pub(super) fn push_dead_letter(&mut self, key: Key, letter: String) {
        self.bytes += letter.len();
        self.dead_letters.push((key, letter));
    }

    /// What was taken out for a checkpoint that came to nothing goes before what has come since.
    pub(super) fn put_back(&mut self, mut taken: Self) {
        taken.outputs.append(&mut self.outputs);
        taken.dead_letters.append(&mut self.dead_letters);
        taken.bytes += self.bytes;
        *self = taken;
    }
}

impl KafkaBackend {
    /// What a partition made since its last checkpoint, for the next one.
    pub(super) fn take_outbox(&mut self, partition: PartitionId) -> Outbox {
        let Some(outbox) = self.outboxes.get_mut(&partition).filter(|outbox| !outbox.is_empty()) else {
            return Outbox::default();
        };
        let outputs = self.spare_outputs.pop().unwrap_or_default();
        std::mem::replace(outbox, Outbox { outputs, ..Outbox::default() })
    }

    /// What was taken has gone out.
    pub(super) fn on_outbox_sent(&mut self, mut outbox: Outbox) {
        outbox.outputs.clear();
        if self.spare_outputs.len() < self.outboxes.len() {
            self.spare_outputs.push(outbox.outputs);
        }
    }

    /// Bytes of outputs and dead letters that wait.
    pub(super) fn buffered_bytes(&self) -> usize {
        self.outboxes.values().map(|outbox| outbox.bytes).sum()
    }

    /// Forgets a partition that is given up.
    pub(super) fn forget(&mut self, partition: PartitionId) {
        self.scratches.remove(&partition);
        self.outboxes.remove(&partition);
        self.log.end_ownership(partition);
    }
}

impl Backend for KafkaBackend {
    fn load_key(&mut self, partition: PartitionId, key: &Key) -> anyhow::Result<Vec<Entry>> {
        self.scratches.get(&partition).context("a partition without its keyed state")?.load_key(key)
    }

    fn append(&mut self, appends: &mut Vec<Append>) -> anyhow::Result<Vec<Acknowledged>> {
        self.log.append(appends)?;
        Ok(Vec::new())
    }

    fn emit(&mut self, partition: PartitionId, event: OutputEvent) {
        let outbox = self.outboxes.entry(partition).or_default();
        outbox.bytes += event.key.as_bytes().len() + event.payload.as_str().len() + size_of::<OutputEvent>();
        outbox.outputs.push(event);
    }

    fn dead_letter(&mut self, partition: PartitionId, letter: Box<DeadLetter>) {
        let (key, text) = fitting_into(self.dead_letter_bytes_max, *letter);
        self.outboxes.entry(partition).or_default().push_dead_letter(key, text);
    }
}

/// Key and text of a dead letter, without what makes it larger than its topic takes: its place in the source tells where
/// that stands.
fn fitting_into(bytes_max: usize, mut letter: DeadLetter) -> (Key, String) {
    let fits = |key: &Key, text: &str| key.as_bytes().len() + text.len() <= bytes_max;
    let key = letter.input.key.clone();
    let whole = letter_text(&letter);
    if fits(&key, &whole) {
        return (key, whole);
    }
    letter = shortened(letter);
    let short = letter_text(&letter);
    if fits(&key, &short) {
        return (key, short);
    }
    letter.input.key = Key::new(&key.as_bytes()[..key.as_bytes().len().min(KEY_BYTES_MAX)]);
    (letter.input.key.clone(), letter_text(&letter))
}

fn letter_text(letter: &DeadLetter) -> String {
    let mut text = String::new();
    dead_letter_line(letter, &mut text);
    text.truncate(text.trim_end().len());
    text
}

/// The letter without what may be large: its place in the source tells where that stands.
fn shortened(mut letter: DeadLetter) -> DeadLetter {
    letter.input.event.payload = Json::from_checked(LEFT_OUT);
    letter.failure.details = None;
    for (text, bytes_max) in
        [(&mut letter.failure.message, MESSAGE_BYTES_MAX), (&mut letter.failure.kind, KIND_BYTES_MAX)]
    {
        text.truncate(text.floor_char_boundary(bytes_max));
    }
    letter
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_core::event::{Event, InputEvent, SourcePosition};
    use weir_core::failure::Failure;
    use weir_core::id::EventId;

    fn letter(key: &[u8], payload: String, failure: Failure) -> DeadLetter {
        let event = Event { id: EventId([7; 16]), kind: "input".into(), payload: Json::from_checked(payload) };
        let (key, position) = (Key::new(key), SourcePosition(42));
        let input = InputEvent { key, event, position, timestamp_ms: None, headers: [].into() };
        DeadLetter { input, sequence_number: None, action: None, failure }
    }

    fn parsed(text: &str) -> serde_json::Value {
        serde_json::from_str(text).unwrap()
    }

    // [S26] [S29]
    #[test]
    fn a_dead_letter_that_is_too_large_says_what_was_left_out_and_where_it_stands() {
        let details = Some(Json::from_checked("[1]"));
        let failure = Failure { details, ..Failure::fatal("bad", "é".repeat(5_000)) };
        let letter = letter(b"k", format!("\"{}\"", "x".repeat(100_000)), failure);
        let (key, text) = fitting_into(100_000, letter);
        let value = parsed(&text);
        assert!(text.len() < 5_000 && value["payload"].as_str().unwrap().starts_with("left out"), "{text}");
        assert_eq!((key.as_bytes(), &value["source_position"]), (&b"k"[..], &42.into()));
        assert_eq!(
            (&value["failure"]["kind"], &value["failure"]["details"]),
            (&"bad".into(), &serde_json::Value::Null)
        );
    }

    // [S19] [S26] [S29]
    #[test]
    fn no_key_makes_a_dead_letter_larger_than_its_topic_takes() {
        let (binary, control) = (vec![0xff; 32 << 10], vec![1; 32 << 10]);
        for (key, bytes_max) in [(&binary[..10_000], 50_000), (&binary, 100_000), (&control, 100_000)] {
            // As text the key takes three to six times its bytes, and the record has it as it is, too.
            let failure = || Failure::fatal("\u{1}".repeat(1_000), "\u{1}".repeat(10_000));
            for payload in ["1".to_owned(), "1".repeat(1_000_000)] {
                let (kept, text) = fitting_into(bytes_max, letter(key, payload, failure()));
                let bytes = kept.as_bytes().len() + text.len();
                assert!(bytes <= bytes_max && key.starts_with(kept.as_bytes()), "{bytes} of {bytes_max}");
                assert_eq!(parsed(&text)["source_position"], 42);
            }
            let whole = fitting_into(10_000_000, letter(key, "1".to_owned(), failure()));
            assert_eq!(whole.0.as_bytes(), key);
        }
    }
}
