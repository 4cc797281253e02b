//! The simulated keyed-state store, source offset and sink: what a checkpoint makes durable as one.

use crate::rng::Rng;
use std::collections::BTreeMap;
use weir_core::checkpoint::{Entry, EntryKey, EntrySpace, Header};
use weir_core::event::{DeadLetter, OutputEvent, SequenceNumber};
use weir_core::key::Key;
use weir_core::store::log::Position;

/// Entries by keyspace and name.
pub type Entries = BTreeMap<Name, Vec<u8>>;

/// A keyspace, and the name of an entry there.
pub type Name = (EntrySpace, Vec<u8>);

/// What is written at once by a checkpoint.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Where a rebuild starts.
    pub marker: u64,
    /// So many input events were taken.
    pub source_offset: usize,
    /// Entries of keyed state that changed.
    pub entries: Vec<Entry>,
    /// Output events that leave with it.
    pub outputs: Vec<OutputEvent>,
    /// Dead letters that leave with it.
    pub dead_letters: Vec<DeadLetter>,
}

/// What the last checkpoint left.
#[derive(Clone, Debug, Default)]
pub struct Checkpointed {
    /// Keyed state.
    pub entries: Entries,
    /// Where a rebuild starts.
    pub marker: u64,
    /// So many input events were taken.
    pub source_offset: usize,
    /// What the sink holds.
    pub outputs: Vec<OutputEvent>,
    /// What the sink of dead letters holds.
    pub dead_letters: Vec<DeadLetter>,
    undo: Option<Undo>,
    /// Entries before the last checkpoint, for one of the planted mistakes.
    before: Option<Entries>,
}

/// What takes back a checkpoint that is written and not durable.
#[derive(Clone, Debug)]
struct Undo {
    entries: Vec<(Name, Option<Vec<u8>>)>,
    marker: u64,
    source_offset: usize,
    outputs: usize,
    dead_letters: usize,
}

impl Checkpointed {
    /// A store that remembers how it was one checkpoint earlier.
    pub fn remembering_before() -> Self {
        Self { before: Some(Entries::new()), ..Self::default() }
    }

    /// Writes a checkpoint as one. It survives the end of the process at once, the loss of power when it is durable.
    pub fn write(&mut self, batch: Batch) {
        if let Some(before) = &mut self.before {
            before.clone_from(&self.entries);
        }
        let mut undo = Undo {
            entries: Vec::with_capacity(batch.entries.len()),
            marker: self.marker,
            source_offset: self.source_offset,
            outputs: self.outputs.len(),
            dead_letters: self.dead_letters.len(),
        };
        for Entry { space, key, value } in batch.entries {
            let name = (space, key);
            let old = match value {
                Some(value) => self.entries.insert(name.clone(), value),
                None => self.entries.remove(&name),
            };
            undo.entries.push((name, old));
        }
        self.marker = batch.marker;
        self.source_offset = batch.source_offset;
        self.outputs.extend(batch.outputs);
        self.dead_letters.extend(batch.dead_letters);
        self.undo = Some(undo);
    }

    /// All that was written is durable.
    pub fn on_synced(&mut self) {
        self.undo = None;
    }

    /// The power is gone: a checkpoint that was not durable may be gone, as one.
    pub fn on_power_loss(&mut self, rng: &mut Rng) {
        let Some(undo) = self.undo.take().filter(|_| rng.percent(50)) else { return };
        for (name, old) in undo.entries.into_iter().rev() {
            match old {
                Some(old) => self.entries.insert(name, old),
                None => self.entries.remove(&name),
            };
        }
        self.marker = undo.marker;
        self.source_offset = undo.source_offset;
        self.outputs.truncate(undo.outputs);
        self.dead_letters.truncate(undo.dead_letters);
    }

    /// Where a rebuild starts.
    pub fn marker(&self) -> Position {
        Position(self.marker)
    }

    /// The entries of a key.
    pub fn load(&self, key: &Key) -> Vec<Entry> {
        load(&self.entries, key)
    }

    /// The entries of a key as they were one checkpoint earlier.
    pub fn load_before(&self, key: &Key) -> Vec<Entry> {
        load(self.before.as_ref().unwrap_or(&self.entries), key)
    }

    /// Below which sequence number the runs of a key are completed.
    pub fn completed_below(&self, key: &Key) -> SequenceNumber {
        header(&self.entries, key).completed()
    }

    /// Keys with work to do.
    pub fn busy_keys(&self) -> Vec<Key> {
        let mut keys = Vec::new();
        for (space, name) in self.entries.keys() {
            if matches!(space, EntrySpace::Queued | EntrySpace::Pending | EntrySpace::Quarantined) {
                let key = EntryKey::parse(*space, name).expect("a name was written").key().clone();
                if !keys.contains(&key) {
                    keys.push(key);
                }
            }
        }
        keys
    }
}

/// The header of a key.
pub fn header(entries: &Entries, key: &Key) -> Header {
    let value = entries.get(&(EntrySpace::Header, EntryKey::prefix(key)));
    value.map_or_else(Header::default, |value| Header::decode(value).expect("a header was written"))
}

fn load(entries: &Entries, key: &Key) -> Vec<Entry> {
    let prefix = EntryKey::prefix(key);
    let mut found = Vec::new();
    for space in EntrySpace::ALL {
        let of_key = entries
            .range((space, prefix.clone())..)
            .take_while(|((at, name), _)| *at == space && name.starts_with(&prefix));
        found.extend(of_key.map(|((_, name), value)| Entry { space, key: name.clone(), value: Some(value.clone()) }));
    }
    found
}
