//! Names of entries of keyed state: length-prefixed key, then what tells the entries of one key apart.

use crate::key::Key;
use crate::memory::{MemoryPath, Scope};

/// The keyspaces of keyed state. Those of work to do are apart, so that a restart finds it without a scan of all keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EntrySpace {
    /// One header for each key: sequence number, last completed.
    Header,
    /// Leaves and empty objects of memory.
    Memory,
    /// Action tasks of the run in progress, and of it what all of them share.
    Queued,
    /// Pending input events.
    Pending,
    /// One entry for each quarantined key.
    Quarantined,
}

impl EntrySpace {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Header, Self::Memory, Self::Queued, Self::Pending, Self::Quarantined];
}

/// The name of one entry within its keyspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryKey {
    /// The header or the quarantine of a key.
    Key(Key),
    /// A queued task or pending input event, by its ordinal.
    Ordinal(Key, u64),
    /// A leaf or empty object of memory.
    Path(Key, Scope, MemoryPath),
}

/// Bytes that name no entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("name of a {0:?} entry is malformed: {1:02x?}")]
pub struct EntryKeyError(EntrySpace, Vec<u8>);

impl EntryKey {
    /// The name as bytes: all names of one key share [`EntryKey::prefix`], and sort by ordinal or path.
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Key(key) => Self::prefix(key),
            Self::Ordinal(key, ordinal) => {
                let mut bytes = Self::prefix(key);
                bytes.extend_from_slice(&ordinal.to_be_bytes());
                bytes
            }
            Self::Path(key, scope, path) => {
                let mut bytes = Self::prefix(key);
                bytes.push(match scope {
                    Scope::Sensory => 0,
                    Scope::ShortTerm => 1,
                });
                bytes.extend_from_slice(path.as_encoded());
                bytes
            }
        }
    }

    /// What the names of all entries of a key start with: its length as 4 bytes, big endian, and its bytes.
    pub fn prefix(key: &Key) -> Vec<u8> {
        let bytes = key.as_bytes();
        let mut prefix = Vec::with_capacity(bytes.len() + 48);
        prefix.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
        prefix.extend_from_slice(bytes);
        prefix
    }

    /// The entry that these bytes name in this keyspace.
    pub fn parse(space: EntrySpace, bytes: &[u8]) -> Result<Self, EntryKeyError> {
        Self::try_parse(space, bytes).ok_or_else(|| EntryKeyError(space, bytes.to_vec()))
    }

    fn try_parse(space: EntrySpace, bytes: &[u8]) -> Option<Self> {
        let (length, rest) = bytes.split_first_chunk::<4>()?;
        let (key, rest) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        let key = Key::new(key);
        match space {
            EntrySpace::Header | EntrySpace::Quarantined => rest.is_empty().then_some(Self::Key(key)),
            EntrySpace::Queued | EntrySpace::Pending => {
                Some(Self::Ordinal(key, u64::from_be_bytes(rest.try_into().ok()?)))
            }
            EntrySpace::Memory => {
                let (scope, path) = rest.split_first()?;
                let scope = match scope {
                    0 => Scope::Sensory,
                    1 => Scope::ShortTerm,
                    _ => return None,
                };
                Some(Self::Path(key, scope, MemoryPath::from_encoded(path)?))
            }
        }
    }

    /// The key it belongs to.
    pub fn key(&self) -> &Key {
        match self {
            Self::Key(key) | Self::Ordinal(key, _) | Self::Path(key, _, _) => key,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        // [S22]
        #[test]
        fn names_parse_back(key in proptest::collection::vec(any::<u8>(), 0..9), ordinal: u64) {
            let key = Key::new(key);
            let path = MemoryPath::parse("a.b").unwrap();
            for (space, name) in [
                (EntrySpace::Header, EntryKey::Key(key.clone())),
                (EntrySpace::Quarantined, EntryKey::Key(key.clone())),
                (EntrySpace::Queued, EntryKey::Ordinal(key.clone(), ordinal)),
                (EntrySpace::Memory, EntryKey::Path(key.clone(), Scope::Sensory, path)),
            ] {
                prop_assert_eq!(EntryKey::parse(space, &name.to_bytes()).unwrap(), name);
            }
        }

        #[test]
        fn no_bytes_make_parsing_panic(bytes in proptest::collection::vec(any::<u8>(), 0..30)) {
            for space in EntrySpace::ALL {
                let _ = EntryKey::parse(space, &bytes);
            }
        }
    }
}
