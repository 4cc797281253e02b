//! Names of the records of the changelog, the compacted topic that holds keyed state [S22] [S31].
//!
//! One byte that says what it is, then the name of the entry within its keyspace. The checkpoint record of a partition has
//! the byte 0 alone.

use weir_core::checkpoint::EntrySpace;

/// The name of a partition's checkpoint record.
pub const PARTITION_RECORD: &[u8] = &[0];

/// What a record of the changelog names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangelogName<'a> {
    /// The checkpoint record of its partition.
    PartitionRecord,
    /// An entry of keyed state.
    Entry(EntrySpace, &'a [u8]),
}

impl<'a> ChangelogName<'a> {
    /// What these bytes name; none where they name nothing that this release knows.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (first, name) = bytes.split_first()?;
        match first {
            0 => name.is_empty().then_some(Self::PartitionRecord),
            byte => {
                let space = EntrySpace::ALL.into_iter().find(|space| space_byte(*space) == *byte)?;
                Some(Self::Entry(space, name))
            }
        }
    }
}

/// Writes the name of an entry, in place of what the vector held.
pub fn write_entry_name(space: EntrySpace, name: &[u8], bytes: &mut Vec<u8>) {
    bytes.clear();
    bytes.push(space_byte(space));
    bytes.extend_from_slice(name);
}

/// The byte before the names of a keyspace.
pub fn space_byte(space: EntrySpace) -> u8 {
    match space {
        EntrySpace::Header => 1,
        EntrySpace::Memory => 2,
        EntrySpace::Queued => 3,
        EntrySpace::Pending => 4,
        EntrySpace::Quarantined => 5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // [S22] [S31]
    #[test]
    fn names_parse_back_and_unknown_ones_are_none() {
        let mut bytes = Vec::new();
        for space in EntrySpace::ALL {
            write_entry_name(space, b"\0\0\0\x01k", &mut bytes);
            assert_eq!(ChangelogName::parse(&bytes), Some(ChangelogName::Entry(space, b"\0\0\0\x01k")));
        }
        assert_eq!(ChangelogName::parse(PARTITION_RECORD), Some(ChangelogName::PartitionRecord));
        for unknown in [&b""[..], b"\0x", b"\x06x"] {
            assert_eq!(ChangelogName::parse(unknown), None);
        }
    }
}
