//! The store of a host, whichever it is: one path for the driver.

use super::{
    AppendMark, Checkpoint, CheckpointRecord, EmbeddedLog, EmbeddedStore, InboxAnswer, InboxEntry, InboxEvent,
    MemoryLog, MemoryStore, StoreError,
};
use weir_core::checkpoint::Entry;
use weir_core::event::PartitionId;
use weir_core::key::Key;
use weir_core::store::log::{Acknowledged, ActionStateLog, Append, EachRecord, Position};

/// A handle of a host's store. Cheap to clone, shared by shards and checkpoint.
#[derive(Clone)]
pub enum Store {
    /// In a folder.
    Embedded(EmbeddedStore),
    /// Nothing survives.
    Memory(MemoryStore),
}

/// The action-state log of some partitions, owned by one shard.
pub enum StoreLog {
    /// In a folder.
    Embedded(Box<EmbeddedLog>),
    /// Nothing survives.
    Memory(MemoryLog),
}

impl Store {
    /// The log of these partitions' action states. No two logs may share a partition.
    pub fn log(&self, partitions: impl IntoIterator<Item = PartitionId>) -> Result<StoreLog, StoreError> {
        match self {
            Self::Embedded(store) => Ok(StoreLog::Embedded(Box::new(store.log(partitions)?))),
            Self::Memory(_) => Ok(StoreLog::Memory(MemoryLog::never_read())),
        }
    }

    /// Calls back once all that was written before is durable, or can never be: from another thread, or, where there is
    /// nothing to wait for, at once.
    pub fn request_sync(&self, on_synced: impl FnOnce(Result<(), StoreError>) + Send + 'static) {
        match self {
            Self::Embedded(store) => store.request_sync(on_synced),
            Self::Memory(_) => on_synced(Ok(())),
        }
    }

    /// Waits until all that was written before is durable.
    pub fn sync(&self) -> Result<(), StoreError> {
        match self {
            Self::Embedded(store) => store.sync(),
            Self::Memory(_) => Ok(()),
        }
    }

    /// The header of a key alone; none where no checkpoint has it.
    pub fn load_header(&self, key: &Key) -> Result<Option<Vec<u8>>, StoreError> {
        match self {
            Self::Embedded(store) => store.load_header(key),
            Self::Memory(store) => Ok(store.load_header(key)),
        }
    }

    /// All entries of a key; none where no checkpoint has it.
    pub fn load_key(&self, key: &Key) -> Result<Option<Vec<Entry>>, StoreError> {
        match self {
            Self::Embedded(store) => store.load_key(key),
            Self::Memory(store) => Ok(store.load_key(key)),
        }
    }

    /// The keys with work to do: queued tasks, pending input events, or a quarantine.
    pub fn busy_keys(&self) -> Result<Vec<Key>, StoreError> {
        match self {
            Self::Embedded(store) => store.busy_keys(),
            Self::Memory(store) => Ok(store.busy_keys()),
        }
    }

    /// Some keys with their headers: those that start with a prefix, shorter keys first, after a given one.
    pub fn keys(&self, prefix: &[u8], after: Option<&Key>, limit: usize) -> Result<Vec<(Key, Vec<u8>)>, StoreError> {
        match self {
            Self::Embedded(store) => store.keys(prefix, after, limit),
            Self::Memory(store) => Ok(store.keys(prefix, after, limit)),
        }
    }

    /// Writes a checkpoint as one, and waits until it is durable.
    pub fn commit_checkpoint(&self, checkpoint: Checkpoint) -> Result<(), StoreError> {
        match self {
            Self::Embedded(store) => store.commit_checkpoint(checkpoint),
            Self::Memory(store) => {
                store.commit_checkpoint(checkpoint);
                Ok(())
            }
        }
    }

    /// What the last checkpoint says of offsets and markers; none before the first.
    pub fn read_checkpoint(&self) -> Result<Option<CheckpointRecord>, StoreError> {
        match self {
            Self::Embedded(store) => store.read_checkpoint(),
            Self::Memory(store) => Ok(store.read_checkpoint()),
        }
    }

    /// Takes events into the inbox. They may be answered and run once a sync asked for afterwards has ended.
    pub fn inbox_append(&self, events: Vec<InboxEvent>) -> Result<Vec<InboxAnswer>, StoreError> {
        match self {
            Self::Embedded(store) => store.inbox_append(events),
            Self::Memory(store) => Ok(store.inbox_append(events)),
        }
    }

    /// Some durable events of the inbox from a number on, in order.
    pub fn inbox_scan(&self, from: u64, limit: usize) -> Result<Vec<InboxEntry>, StoreError> {
        match self {
            Self::Embedded(store) => store.inbox_scan(from, limit),
            Self::Memory(store) => Ok(store.inbox_scan(from, limit)),
        }
    }
}

impl StoreLog {
    /// How far the log is appended. Taken before a sync is asked for, it tells afterwards what that sync made durable.
    pub fn mark(&self) -> AppendMark {
        match self {
            Self::Embedded(log) => log.mark(),
            Self::Memory(log) => log.mark(),
        }
    }

    /// Whether what is appended is durable by that: it lasts as long as the store does.
    pub fn is_durable_at_once(&self) -> bool {
        matches!(self, Self::Memory(_))
    }

    /// What is acknowledged by a finished sync that was asked for after this mark was taken.
    pub fn acknowledged_up_to(&mut self, mark: AppendMark) -> Vec<Acknowledged> {
        match self {
            Self::Embedded(log) => log.acknowledged_up_to(mark),
            Self::Memory(log) => log.acknowledged_up_to(mark),
        }
    }
}

impl ActionStateLog for StoreLog {
    type Error = StoreError;

    fn append(&mut self, appends: &mut Vec<Append>) -> Result<(), StoreError> {
        match self {
            Self::Embedded(log) => log.append(appends),
            Self::Memory(log) => log.append(appends),
        }
    }

    fn sync(&mut self) -> Result<Vec<Acknowledged>, StoreError> {
        match self {
            Self::Embedded(log) => log.sync(),
            Self::Memory(log) => log.sync(),
        }
    }

    fn scan(
        &self,
        partition: PartitionId,
        from: Position,
        to: Position,
        each: &mut EachRecord<'_>,
    ) -> Result<(), StoreError> {
        match self {
            Self::Embedded(log) => log.scan(partition, from, to, each),
            Self::Memory(log) => log.scan(partition, from, to, each),
        }
    }

    fn end(&self, partition: PartitionId) -> Result<Position, StoreError> {
        match self {
            Self::Embedded(log) => log.end(partition),
            Self::Memory(log) => log.end(partition),
        }
    }
}
