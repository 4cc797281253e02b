//! Scratch of a host on Kafka: the keyed state of its partitions, on disk, for as long as it owns them.
//!
//! *Invariant:* nothing in it is ever relied on by another process. The changelog is the truth; a scratch is emptied
//! before it is used, and never synced.

use anyhow::{Context, bail};
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use weir_core::checkpoint::{Entry, EntryKey, EntrySpace};
use weir_core::event::PartitionId;
use weir_core::key::Key;
use weir_kafka::changelog::{space_byte, write_entry_name};

/// Hosts on one machine that may share a folder.
const HOSTS_MAX: usize = 256;
const BLOCK_CACHE_BYTES: u64 = 64 << 20;
const JOURNAL_BYTES_MAX: u64 = 256 << 20;
const MEMTABLE_BYTES: u64 = 32 << 20;
/// Entries that a restore writes at once, at most.
const BATCH: usize = 4_096;
/// Bytes of them, from which on it does not wait for more.
const BATCH_BYTES: usize = 8 << 20;

/// The scratch of one host.
#[derive(Clone)]
pub struct Scratch(Arc<Inner>);

struct Inner {
    database: Database,
    made: AtomicU64,
    _lock: File,
}

impl Scratch {
    /// An empty scratch in a folder of its own below this one.
    pub fn make(directory: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(directory).with_context(|| format!("make folder {}", directory.display()))?;
        for number in 0..HOSTS_MAX {
            let folder = directory.join(format!("scratch-{number}"));
            let lock = OpenOptions::new()
                .create(true)
                .truncate(false)
                .write(true)
                .open(directory.join(format!("scratch-{number}.lock")))
                .with_context(|| format!("make a scratch in {}", directory.display()))?;
            if lock.try_lock().is_err() {
                continue;
            }
            if folder.exists() {
                std::fs::remove_dir_all(&folder).with_context(|| format!("empty {}", folder.display()))?;
            }
            let database = Database::builder(&folder)
                .cache_size(BLOCK_CACHE_BYTES)
                .max_journaling_size(JOURNAL_BYTES_MAX)
                .worker_threads(1)
                .open()
                .with_context(|| format!("make a scratch in {}", folder.display()))?;
            return Ok(Self(Arc::new(Inner { database, made: AtomicU64::new(0), _lock: lock })));
        }
        bail!("{}: {HOSTS_MAX} hosts use this folder already: name another store.directory", directory.display())
    }

    /// Empty room for the keyed state of a partition.
    pub fn partition(&self, partition: PartitionId) -> anyhow::Result<PartitionScratch> {
        let number = self.0.made.fetch_add(1, Ordering::Relaxed);
        let options = || KeyspaceCreateOptions::default().max_memtable_size(MEMTABLE_BYTES);
        let keyspace = self.0.database.keyspace(&format!("p{partition}-{number}"), options);
        let keyspace = keyspace.context("make room for a partition in the scratch")?;
        Ok(PartitionScratch { scratch: self.clone(), keyspace, restored: Vec::new(), restored_bytes: 0 })
    }
}

/// The keyed state of one partition: what is committed of it. Gone when it is dropped.
pub struct PartitionScratch {
    scratch: Scratch,
    keyspace: Keyspace,
    restored: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    restored_bytes: usize,
}

impl PartitionScratch {
    /// Takes a record of the changelog, by its name there.
    pub fn restore(&mut self, name: &[u8], value: Option<&[u8]>) -> anyhow::Result<()> {
        self.restored_bytes += name.len() + value.map_or(0, <[u8]>::len);
        self.restored.push((name.to_vec(), value.map(<[u8]>::to_vec)));
        match self.restored.len() >= BATCH || self.restored_bytes >= BATCH_BYTES {
            true => self.finish_restore(),
            false => Ok(()),
        }
    }

    /// All that was restored can be read.
    pub fn finish_restore(&mut self) -> anyhow::Result<()> {
        self.restored_bytes = 0;
        let mut batch = self.scratch.0.database.batch().durability(Some(PersistMode::Buffer));
        for (name, value) in self.restored.drain(..) {
            match value {
                Some(value) => batch.insert(&self.keyspace, name, value),
                None => batch.remove(&self.keyspace, name),
            }
        }
        batch.commit().context("write to the scratch")
    }

    /// Takes the entries of a committed checkpoint.
    pub fn apply(&mut self, entries: &[Entry]) -> anyhow::Result<()> {
        let mut batch = self.scratch.0.database.batch().durability(Some(PersistMode::Buffer));
        let mut name = Vec::new();
        for Entry { space, key, value } in entries {
            write_entry_name(*space, key, &mut name);
            match value {
                Some(value) => batch.insert(&self.keyspace, name.as_slice(), value.as_slice()),
                None => batch.remove(&self.keyspace, name.as_slice()),
            }
        }
        batch.commit().context("write to the scratch")
    }

    /// The header of a key alone.
    pub fn load_header(&self, key: &Key) -> anyhow::Result<Option<Vec<u8>>> {
        let name = name_of(EntrySpace::Header, &EntryKey::prefix(key));
        let header = self.keyspace.get(name).context("read the scratch")?;
        Ok(header.map(|value| value.to_vec()))
    }

    /// All entries of a key; empty where no checkpoint has it.
    pub fn load_key(&self, key: &Key) -> anyhow::Result<Vec<Entry>> {
        let prefix = EntryKey::prefix(key);
        let Some(header) = self.load_header(key)? else { return Ok(Vec::new()) };
        let mut entries = vec![Entry { space: EntrySpace::Header, key: prefix.clone(), value: Some(header) }];
        for space in [EntrySpace::Memory, EntrySpace::Queued, EntrySpace::Pending, EntrySpace::Quarantined] {
            for item in self.keyspace.prefix(name_of(space, &prefix)) {
                let (name, value) = item.into_inner().context("read the scratch")?;
                entries.push(Entry { space, key: name[1..].to_vec(), value: Some(value.to_vec()) });
            }
        }
        Ok(entries)
    }

    /// The keys with work to do.
    pub fn busy_keys(&self) -> anyhow::Result<Vec<Key>> {
        let mut keys = BTreeSet::new();
        for space in [EntrySpace::Queued, EntrySpace::Pending, EntrySpace::Quarantined] {
            for item in self.keyspace.prefix([space_byte(space)]) {
                let name = item.key().context("read the scratch")?;
                keys.insert(EntryKey::parse(space, &name[1..])?.key().clone());
            }
        }
        Ok(keys.into_iter().collect())
    }

    /// Some keys with their headers: those that start with a prefix, shorter keys first, after a given one.
    pub fn keys(&self, prefix: &[u8], after: Option<&Key>, limit: usize) -> anyhow::Result<Vec<(Key, Vec<u8>)>> {
        let from = after.map(|after| name_of(EntrySpace::Header, &EntryKey::prefix(after)));
        let from = from.map_or(Bound::Included(vec![space_byte(EntrySpace::Header)]), Bound::Excluded);
        let to = Bound::Excluded(vec![space_byte(EntrySpace::Header) + 1]);
        let mut found = Vec::new();
        for item in self.keyspace.range((from, to)) {
            let (name, value) = item.into_inner().context("read the scratch")?;
            let key = EntryKey::parse(EntrySpace::Header, &name[1..])?.key().clone();
            if key.as_bytes().starts_with(prefix) {
                found.push((key, value.to_vec()));
            }
            if found.len() == limit {
                break;
            }
        }
        Ok(found)
    }
}

impl Drop for PartitionScratch {
    fn drop(&mut self) {
        if let Err(error) = self.scratch.0.database.delete_keyspace(self.keyspace.clone()) {
            tracing::warn!("scratch: {error}");
        }
    }
}

fn name_of(space: EntrySpace, name: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_entry_name(space, name, &mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(space: EntrySpace, name: EntryKey, value: Option<&[u8]>) -> Entry {
        Entry { space, key: name.to_bytes(), value: value.map(<[u8]>::to_vec) }
    }

    // [S22] [S31]
    #[test]
    fn what_is_applied_is_there_for_its_partition_alone_until_it_is_given_up() {
        let directory = tempfile::tempdir().unwrap();
        let scratch = Scratch::make(directory.path()).unwrap();
        let (mut one, two) = (scratch.partition(PartitionId(1)).unwrap(), scratch.partition(PartitionId(2)).unwrap());
        let (key, other) = (Key::from("k"), Key::from("kk"));
        let entries = [
            entry(EntrySpace::Header, EntryKey::Key(key.clone()), Some(b"h")),
            entry(EntrySpace::Pending, EntryKey::Ordinal(key.clone(), 7), Some(b"p")),
            entry(EntrySpace::Header, EntryKey::Key(other.clone()), Some(b"o")),
        ];
        one.apply(&entries).unwrap();
        assert_eq!(one.load_key(&key).unwrap(), entries[..2]);
        assert_eq!(one.busy_keys().unwrap(), std::slice::from_ref(&key));
        assert_eq!(one.keys(b"k", Some(&key), 9).unwrap(), [(other, b"o".to_vec())]);
        assert!(two.load_key(&key).unwrap().is_empty());
        one.restore(&name_of(EntrySpace::Pending, &entries[1].key), None).unwrap();
        one.finish_restore().unwrap();
        assert!(one.busy_keys().unwrap().is_empty());
        drop(one);
        assert!(scratch.partition(PartitionId(1)).unwrap().load_key(&key).unwrap().is_empty());
        assert!(Scratch::make(directory.path()).is_ok(), "another host makes its own");
    }
}
