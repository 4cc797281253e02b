//! What a shard on Kafka reads and writes.

use super::super::executor::Backend;
use crate::scratch::PartitionScratch;
use crate::sink::dead_letter_line;
use anyhow::Context;
use hashbrown::HashMap;
use weir_core::checkpoint::Entry;
use weir_core::event::{DeadLetter, OutputEvent, PartitionId};
use weir_core::key::Key;
use weir_core::store::log::{Acknowledged, ActionStateLog, Append};
use weir_kafka::KafkaLog;

/// The log of a shard, the keyed state of its partitions, and what waits for their next checkpoint.
pub(super) struct KafkaBackend {
    pub(super) log: KafkaLog,
    pub(super) scratches: HashMap<PartitionId, PartitionScratch>,
    pub(super) outboxes: HashMap<PartitionId, Outbox>,
}

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
        let mut text = String::new();
        dead_letter_line(&letter, &mut text);
        text.truncate(text.trim_end().len());
        self.outboxes.entry(partition).or_default().push_dead_letter(letter.input.key.clone(), text);
    }
}
