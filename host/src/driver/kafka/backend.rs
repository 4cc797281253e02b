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
/// Beside its text a dead letter has a key.
const LETTER_OVERHEAD_BYTES: usize = 70_000;
/// So much of a message is kept in a dead letter that is too large.
const MESSAGE_BYTES_MAX: usize = 4_096;

/// What one partition made since its last checkpoint.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    pub(super) outputs: Vec<OutputEvent>,
    /// Dead letters, as JSON, with their keys.
    pub(super) dead_letters: Vec<(Key, String)>,
    pub(super) bytes: usize,
}

impl Outbox {
    pub(super) fn is_empty(&self) -> bool {
        self.outputs.is_empty() && self.dead_letters.is_empty()
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
        let max = self.dead_letter_bytes_max.saturating_sub(LETTER_OVERHEAD_BYTES);
        let mut text = letter_text(&letter);
        if text.len() > max {
            text = letter_text(&shortened(*letter.clone()));
        }
        self.outboxes.entry(partition).or_default().push_dead_letter(letter.input.key.clone(), text);
    }
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
    let end = letter.failure.message.floor_char_boundary(MESSAGE_BYTES_MAX);
    letter.failure.message.truncate(end);
    letter
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_core::event::{Event, InputEvent, SourcePosition};
    use weir_core::failure::Failure;
    use weir_core::id::EventId;

    // [S26] [S29]
    #[test]
    fn a_dead_letter_that_is_too_large_says_what_was_left_out_and_where_it_stands() {
        let payload = Json::from_checked(format!("\"{}\"", "x".repeat(100_000)));
        let event = Event { id: EventId([7; 16]), kind: "input".into(), payload };
        let position = SourcePosition(42);
        let input = InputEvent { key: Key::from("k"), event, position, timestamp_ms: None, headers: [].into() };
        let details = Some(Json::from_checked("[1]"));
        let failure = Failure { details, ..Failure::fatal("bad", "é".repeat(5_000)) };
        let letter = DeadLetter { input, sequence_number: None, action: None, failure };
        let text = letter_text(&shortened(letter));
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert!(text.len() < 5_000 && value["payload"].as_str().unwrap().starts_with("left out"), "{text}");
        assert_eq!((&value["source_position"], &value["failure"]["kind"]), (&42.into(), &"bad".into()));
        assert_eq!(value["failure"]["details"], serde_json::Value::Null);
    }
}
