//! What outlives a process, and how a host comes back from it.

use super::{App, Log, World};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use weir_core::checkpoint::{Entry, EntryKey, EntrySpace, Header};
use weir_core::event::{DeadLetter, InputEvent, OutputEvent, PartitionId, SequenceNumber};
use weir_core::key::Key;
use weir_core::operator::{Operator, OperatorStart, PartitionCheckpoint};
use weir_core::store::Rebuild;
use weir_core::store::log::Position;

/// The last durable checkpoint.
#[derive(Clone, Default)]
pub struct Disk {
    pub entries: BTreeMap<(EntrySpace, Vec<u8>), Vec<u8>>,
    pub marker: u64,
    pub offset: usize,
    pub outputs: Vec<OutputEvent>,
    pub dead_letters: Vec<DeadLetter>,
}

impl Disk {
    pub fn write(&mut self, checkpoint: &PartitionCheckpoint) {
        for entry in &checkpoint.entries {
            let name = (entry.space, entry.key.clone());
            match &entry.value {
                Some(value) => self.entries.insert(name, value.clone()),
                None => self.entries.remove(&name),
            };
        }
        self.marker = checkpoint.marker.0;
    }

    /// All entries of a key.
    pub fn of_key(&self, key: &Key) -> Vec<Entry> {
        let found = self.entries.iter().filter(|((space, name), _)| {
            EntryKey::parse(*space, name).expect("the core writes names that parse").key() == key
        });
        found
            .map(|((space, key), value)| Entry { space: *space, key: key.clone(), value: Some(value.clone()) })
            .collect()
    }

    pub fn count(&self, space: EntrySpace) -> usize {
        self.entries.keys().filter(|(found, _)| *found == space).count()
    }

    pub fn header(&self, key: &Key) -> Header {
        let name = (EntrySpace::Header, EntryKey::Key(key.clone()).to_bytes());
        self.entries.get(&name).map(|value| Header::decode(value).expect("a header")).unwrap_or_default()
    }

    /// Keys with something to do.
    fn busy(&self) -> BTreeSet<Key> {
        let busy = self
            .entries
            .keys()
            .filter(|(space, _)| matches!(space, EntrySpace::Queued | EntrySpace::Pending | EntrySpace::Quarantined));
        busy.map(|(space, name)| EntryKey::parse(*space, name).expect("a name").key().clone()).collect()
    }
}

/// An operator whose states are rebuilt from the marker.
pub fn recovered_operator(app: &App, disk: &Disk, log: &Log) -> Operator {
    let mut rebuild = Rebuild::new(PartitionId(0), Position(log.end), app.limits.record_bytes_max);
    for (position, (key, value)) in log.records.range(disk.marker..) {
        let completed = |key: &Key| SequenceNumber(disk.header(key).completed_below);
        rebuild.on_record(Position(*position), key, value, completed).expect("the core reads what it wrote");
    }
    Operator::new(OperatorStart {
        plan: app.plan(),
        limits: Arc::new(app.limits.clone()),
        store: rebuild.finish(),
        partition: PartitionId(0),
    })
}

impl World {
    /// The process is killed and starts again: all that was appended is there.
    pub fn kill(&mut self) {
        self.take_appends();
        self.log.kill();
        self.restart();
    }

    /// Power is lost: only what was acknowledged is there.
    pub fn lose_power(&mut self) {
        self.take_appends();
        self.log.lose_power();
        self.restart();
    }

    fn restart(&mut self) {
        self.operator = recovered_operator(&self.app, &self.disk, &self.log);
        self.waiting.clear();
        self.timers.clear();
        self.outputs.clear();
        self.dead_letters.clear();
        self.seen.clear();
        for key in self.disk.busy() {
            let entries = self.disk.of_key(&key);
            self.operator.on_key_loaded(&key, entries, self.now_ms).expect("the core loads what it wrote");
            self.take_commands();
        }
        let again: Vec<InputEvent> = self.source[self.disk.offset..].to_vec();
        for input in again {
            self.operator.on_input_event(input, self.now_ms);
            self.take_commands();
        }
    }

    /// Takes a checkpoint and makes it durable.
    pub fn checkpoint(&mut self) {
        let taken = self.begin_checkpoint();
        self.complete_checkpoint(taken);
    }

    pub fn begin_checkpoint(&mut self) -> (PartitionCheckpoint, Disk) {
        let checkpoint = self.operator.begin_checkpoint();
        let disk = Disk {
            offset: self.source.len(),
            outputs: self.all_outputs(),
            dead_letters: self.all_dead_letters(),
            ..Disk::default()
        };
        self.outputs_taken = self.outputs.len();
        self.dead_letters_taken = self.dead_letters.len();
        (checkpoint, disk)
    }

    pub fn complete_checkpoint(&mut self, taken: (PartitionCheckpoint, Disk)) {
        let id = taken.0.id;
        self.write_checkpoint(taken);
        self.operator.on_checkpoint_completed(id);
    }

    /// Makes a checkpoint durable, of which the operator is yet to be told.
    pub fn write_checkpoint(&mut self, (checkpoint, disk): (PartitionCheckpoint, Disk)) {
        self.acknowledge_all();
        self.disk.write(&checkpoint);
        self.disk.offset = disk.offset;
        self.disk.outputs = disk.outputs;
        self.disk.dead_letters = disk.dead_letters;
        self.outputs.drain(..self.outputs_taken);
        self.dead_letters.drain(..self.dead_letters_taken);
        self.take_commands();
    }
}
