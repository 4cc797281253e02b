//! The simulated changelog of one partition: keyed state and checkpoint records, written in transactions.

use crate::keyed::{Batch, Checkpointed, Name};
use hashbrown::{HashMap, HashSet};
use weir_core::checkpoint::Entry;
use weir_core::ownership::PartitionRecord;

/// Names a transaction.
pub type TransactionIndex = usize;

#[derive(Clone, Debug)]
struct Change {
    offset: u64,
    transaction: TransactionIndex,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    /// The checkpoint record of the partition.
    Record(Vec<u8>),
    /// An entry of a key.
    Entry(Entry),
}

/// The changelog's partition.
///
/// *Invariant:* last stable offset ≤ end; what is read as committed stands before the last stable offset.
#[derive(Clone, Debug, Default)]
pub struct Changelog {
    changes: Vec<Change>,
    end: u64,
    /// Transactions whose end is written here, and whether they were committed.
    ended: HashMap<TransactionIndex, bool>,
    cleaned_to: u64,
}

impl Changelog {
    /// The high watermark that a reader of everything is given.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// Before it, all transactions have ended.
    pub fn last_stable(&self) -> u64 {
        let open = self.changes.iter().find(|change| !self.ended.contains_key(&change.transaction));
        open.map_or(self.end, |change| change.offset)
    }

    /// A transaction writes entries and a checkpoint record.
    pub fn write(&mut self, transaction: TransactionIndex, entries: &[Entry], record: &PartitionRecord) {
        let entries = entries.iter().cloned().map(What::Entry);
        for what in entries.chain([What::Record(record.encode())]) {
            self.changes.push(Change { offset: self.end, transaction, what });
            self.end += 1;
        }
    }

    /// The end of a transaction is written.
    pub fn mark(&mut self, transaction: TransactionIndex, committed: bool) {
        self.ended.insert(transaction, committed);
        self.end += 1;
    }

    /// What is committed before an offset: the last checkpoint record, and keyed state.
    pub fn read(&self, to: u64) -> (Option<PartitionRecord>, Checkpointed) {
        let mut last = None;
        let mut entries = Vec::new();
        for Change { what, .. } in self.changes.iter().filter(|change| change.offset < to && self.is_committed(change))
        {
            match what {
                What::Record(bytes) => last = Some(PartitionRecord::decode(bytes).expect("a record was written")),
                What::Entry(entry) => entries.push(entry.clone()),
            }
        }
        let mut keyed = Checkpointed::default();
        let marker = last.as_ref().map_or(0, |record| record.recovery_marker.0);
        let source_offset = last.as_ref().map_or(0, |record| record.source_offset as usize);
        keyed.write(Batch { marker, source_offset, entries, ..Batch::default() });
        keyed.on_synced();
        (last, keyed)
    }

    /// Whether there is something that was never cleaned.
    pub fn is_dirty(&self) -> bool {
        self.cleaned_to < self.last_stable()
    }

    /// The cleaner runs: it takes away what is aborted, and all but the last of each name, as far as it is stable.
    pub fn clean(&mut self) {
        let to = self.last_stable();
        self.cleaned_to = to;
        let mut later: HashSet<Option<Name>> = HashSet::new();
        let mut kept = Vec::with_capacity(self.changes.len());
        for change in std::mem::take(&mut self.changes).into_iter().rev() {
            let name = match &change.what {
                What::Record(_) => None,
                What::Entry(entry) => Some((entry.space, entry.key.clone())),
            };
            if change.offset >= to || self.is_committed(&change) && later.insert(name) {
                kept.push(change);
            }
        }
        kept.reverse();
        self.changes = kept;
    }

    fn is_committed(&self, change: &Change) -> bool {
        self.ended.get(&change.transaction) == Some(&true)
    }
}
