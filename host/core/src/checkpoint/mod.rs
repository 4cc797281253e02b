//! What a checkpoint holds [S22].

mod entry;
mod value;

pub use entry::{EntryKey, EntryKeyError, EntrySpace};
pub use value::{Header, QueuedTask, RunRecord, ValueError, decode_input, decode_node, encode_input, encode_node};

/// One entry of keyed state that a checkpoint writes or removes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Which keyspace.
    pub space: EntrySpace,
    /// The encoded [`EntryKey`].
    pub key: Vec<u8>,
    /// The value, or a removal.
    pub value: Option<Vec<u8>>,
}
