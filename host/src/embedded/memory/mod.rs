//! The store of which nothing survives: the same surface, so that a driver has one path.

mod inbox;
mod log;

pub use log::MemoryLog;

use super::checkpoint::{Checkpoint, CheckpointRecord};
use super::inbox::{InboxAnswer, InboxEntry, InboxEvent};
use super::settings::StoreSettings;
use inbox::MemoryInbox;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard};
use weir_core::checkpoint::{Entry, EntryKey, EntrySpace};
use weir_core::key::Key;

/// A handle of a store in memory. Cheap to clone. What shards do most, the log, shares nothing.
#[derive(Clone)]
pub struct MemoryStore {
    shared: Arc<Shared>,
}

type EntriesByName = BTreeMap<Vec<u8>, Vec<u8>>;

struct Shared {
    entries: Mutex<BTreeMap<EntrySpace, EntriesByName>>,
    record: Mutex<Option<CheckpointRecord>>,
    inbox: Mutex<MemoryInbox>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new(settings: StoreSettings) -> Self {
        Self {
            shared: Arc::new(Shared {
                entries: Mutex::default(),
                record: Mutex::default(),
                inbox: Mutex::new(MemoryInbox::new(settings)),
            }),
        }
    }

    /// The header of a key alone; none where no checkpoint has it.
    pub fn load_header(&self, key: &Key) -> Option<Vec<u8>> {
        lock(&self.shared.entries).get(&EntrySpace::Header)?.get(&EntryKey::prefix(key)).cloned()
    }

    /// All entries of a key; none where no checkpoint has it.
    pub fn load_key(&self, key: &Key) -> Option<Vec<Entry>> {
        let name = EntryKey::prefix(key);
        let spaces = lock(&self.shared.entries);
        if !spaces.get(&EntrySpace::Header)?.contains_key(&name) {
            return None;
        }
        let mut entries = Vec::new();
        for (&space, of_space) in &*spaces {
            let of_key = of_space.range(name.clone()..).take_while(|(entry, _)| entry.starts_with(&name));
            entries.extend(of_key.map(|(key, value)| Entry { space, key: key.clone(), value: Some(value.clone()) }));
        }
        Some(entries)
    }

    /// The keys with work to do.
    pub fn busy_keys(&self) -> Vec<Key> {
        let spaces = lock(&self.shared.entries);
        let busy = [EntrySpace::Queued, EntrySpace::Pending, EntrySpace::Quarantined];
        let keys: BTreeSet<Key> = busy
            .into_iter()
            .filter_map(|space| Some((space, spaces.get(&space)?)))
            .flat_map(|(space, of_space)| of_space.keys().map(move |name| key_named(space, name)))
            .collect();
        keys.into_iter().collect()
    }

    /// Some keys with their headers: those that start with a prefix, shorter keys first, after a given one.
    pub fn keys(&self, prefix: &[u8], after: Option<&Key>, limit: usize) -> Vec<(Key, Vec<u8>)> {
        let from = after.map_or(Bound::Unbounded, |after| Bound::Excluded(EntryKey::prefix(after)));
        let spaces = lock(&self.shared.entries);
        let headers = spaces.get(&EntrySpace::Header).into_iter();
        headers
            .flat_map(|headers| headers.range((from.clone(), Bound::Unbounded)))
            .map(|(name, value)| (key_named(EntrySpace::Header, name), value.clone()))
            .filter(|(key, _)| key.as_bytes().starts_with(prefix))
            .take(limit)
            .collect()
    }

    /// Takes a checkpoint.
    pub fn commit_checkpoint(&self, checkpoint: Checkpoint) {
        let mut spaces = lock(&self.shared.entries);
        for entry in checkpoint.entries {
            let of_space = spaces.entry(entry.space).or_default();
            match entry.value {
                Some(value) => of_space.insert(entry.key, value),
                None => of_space.remove(&entry.key),
            };
        }
        lock(&self.shared.inbox).consume(checkpoint.record.inbox_consumed_to);
        *lock(&self.shared.record) = Some(checkpoint.record);
    }

    /// What the last checkpoint says of offsets and markers; none before the first.
    pub fn read_checkpoint(&self) -> Option<CheckpointRecord> {
        lock(&self.shared.record).clone()
    }

    /// Takes events, in order, each in full or not at all.
    pub fn inbox_append(&self, events: Vec<InboxEvent>) -> Vec<InboxAnswer> {
        let mut inbox = lock(&self.shared.inbox);
        events.into_iter().map(|event| inbox.append(event)).collect()
    }

    /// Some events from a number on, in order.
    pub fn inbox_scan(&self, from: u64, limit: usize) -> Vec<InboxEntry> {
        lock(&self.shared.inbox).scan(from, limit)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("nothing panics under this lock")
}

fn key_named(space: EntrySpace, name: &[u8]) -> Key {
    EntryKey::parse(space, name).expect("the core names entries well").key().clone()
}
