//! Keyed state: one keyspace for each kind of entry [S22].

use super::EmbeddedStore;
use super::disk::{BEAT, NAME_BYTES_MAX};
use super::error::StoreError;
use fjall::Keyspace;
use std::collections::BTreeSet;
use weir_core::checkpoint::{Entry, EntryKey, EntrySpace};
use weir_core::key::Key;

impl EmbeddedStore {
    /// The header of a key alone; none where no checkpoint has it.
    pub fn load_header(&self, key: &Key) -> Result<Option<Vec<u8>>, StoreError> {
        let name = EntryKey::prefix(key);
        if name.len() > NAME_BYTES_MAX {
            return Ok(None);
        }
        let header = self.disk().entries(EntrySpace::Header).get(&name);
        let header = header.map_err(|error| self.disk().poison.read_failed(&error))?;
        Ok(header.map(|value| value.to_vec()))
    }

    /// All entries of a key; none where no checkpoint has it.
    pub fn load_key(&self, key: &Key) -> Result<Option<Vec<Entry>>, StoreError> {
        let Some(header) = self.load_header(key)? else {
            return Ok(None);
        };
        let poison = &self.disk().poison;
        let name = EntryKey::prefix(key);
        let mut entries = vec![Entry { space: EntrySpace::Header, key: name.clone(), value: Some(header) }];
        for space in [EntrySpace::Memory, EntrySpace::Queued, EntrySpace::Pending] {
            for item in self.disk().entries(space).prefix(&name) {
                let (key, value) = item.into_inner().map_err(|error| poison.read_failed(&error))?;
                entries.push(Entry { space, key: key.to_vec(), value: Some(value.to_vec()) });
            }
        }
        let quarantined = self.disk().entries(EntrySpace::Quarantined).get(&name);
        if let Some(value) = quarantined.map_err(|error| poison.read_failed(&error))? {
            entries.push(Entry { space: EntrySpace::Quarantined, key: name, value: Some(value.to_vec()) });
        }
        Ok(Some(entries))
    }

    /// The keys with work to do: queued tasks, pending input events, or a quarantine. No scan of all keys.
    pub fn busy_keys(&self) -> Result<Vec<Key>, StoreError> {
        let mut keys = BTreeSet::new();
        for space in [EntrySpace::Queued, EntrySpace::Pending, EntrySpace::Quarantined] {
            for item in self.disk().entries(space).range(..BEAT) {
                let name = item.key().map_err(|error| self.disk().poison.read_failed(&error))?;
                keys.insert(self.key_named(space, &name)?);
            }
        }
        Ok(keys.into_iter().collect())
    }

    /// Some keys with their headers: those that start with a prefix, shorter keys first, after a given one.
    pub fn keys(&self, prefix: &[u8], after: Option<&Key>, limit: usize) -> Result<Vec<(Key, Vec<u8>)>, StoreError> {
        let header = self.disk().entries(EntrySpace::Header);
        let mut found = Vec::new();
        let mut from = match after {
            Some(after) => [&EntryKey::prefix(after)[..], &[0]].concat(),
            None => start_of_length(prefix.len() as u32, prefix),
        };
        // Names sort by length first: after the keys of one length that start so, those of the next are jumped to.
        while found.len() < limit {
            let Some((name, value)) = self.first_from(header, &from)? else {
                break;
            };
            let key = self.key_named(EntrySpace::Header, &name)?;
            let length = key.as_bytes().len() as u32;
            if key.as_bytes().starts_with(prefix) {
                from = [&name[..], &[0]].concat();
                found.push((key, value.to_vec()));
            } else if key.as_bytes() < prefix {
                from = start_of_length(length.max(prefix.len() as u32), prefix);
            } else {
                from = start_of_length(length + 1, prefix);
            }
        }
        Ok(found)
    }

    fn first_from(&self, keyspace: &Keyspace, from: &[u8]) -> Result<Option<fjall::KvPair>, StoreError> {
        let first = keyspace.range(from..BEAT).next();
        first.map(|item| item.into_inner()).transpose().map_err(|error| self.disk().poison.read_failed(&error))
    }

    fn key_named(&self, space: EntrySpace, name: &[u8]) -> Result<Key, StoreError> {
        let name = EntryKey::parse(space, name).map_err(|error| self.disk().poison.damaged(error.to_string()))?;
        Ok(name.key().clone())
    }
}

fn start_of_length(length: u32, prefix: &[u8]) -> Vec<u8> {
    [&length.to_be_bytes()[..], prefix].concat()
}
