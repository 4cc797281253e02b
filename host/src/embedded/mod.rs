//! The embedded store: action-state log, keyed state, inbox and offsets in one folder, on fjall.
//!
//! *Invariant:* what is written is in the journal in the order of the writes, so that after a loss of power a prefix of
//! them stands, and of each batch all or nothing. A checkpoint is one batch. A failed write poisons the store [S26].
//!
//! The folder holds `lock` (one process at a time), `stamp.json` (whose it is) and `data` (the database).

mod checkpoint;
mod disk;
mod entries;
mod error;
mod inbox;
mod inbox_codec;
mod journal;
mod lock;
mod log;
mod memory;
mod poison;
mod settings;
mod stamp;
mod store;
mod syncer;
mod tickets;
mod torn;

#[cfg(test)]
mod tests;

pub use checkpoint::{Checkpoint, CheckpointRecord, PartitionProgress};
pub use error::StoreError;
pub use inbox::{InboxAnswer, InboxEntry, InboxEvent};
pub use log::EmbeddedLog;
pub use memory::{MemoryLog, MemoryStore};
pub use settings::StoreSettings;
pub use store::{Store, StoreLog};
pub use tickets::AppendMark;

use disk::Disk;
use inbox::Inbox;
use std::path::Path;
use std::sync::{Arc, mpsc};
use syncer::{SyncTarget, Syncer};
use weir_core::event::PartitionId;

/// A handle of the store in a folder. Cheap to clone; all shards and the checkpoint share one store.
#[derive(Clone)]
pub struct EmbeddedStore {
    shared: Arc<Shared>,
}

/// Fields are dropped in their order: the syncer ends before the disk closes.
struct Shared {
    syncer: Syncer,
    inbox: Inbox,
    disk: Disk,
}

impl EmbeddedStore {
    /// Whether a store was made in this folder, so that opening it would not make one.
    pub fn exists(directory: &Path) -> bool {
        stamp::Stamp::exists(directory)
    }

    /// Opens the store of a folder for an application, or makes one. Nobody else can open it meanwhile.
    pub fn open(directory: &Path, application: &str, settings: StoreSettings) -> Result<Self, StoreError> {
        let disk = Disk::open(directory, application, &settings)?;
        let record = checkpoint::read(&disk)?;
        let inbox = Inbox::open(&disk, &settings, record.as_ref())?;
        let syncer = Syncer::start(SyncTarget {
            database: disk.database.clone(),
            journal: disk.journal()?,
            poison: disk.poison.clone(),
            inbox_end: inbox.end().clone(),
        })
        .map_err(|error| disk.poison.set(error.to_string().into()))?;
        let store = Self { shared: Arc::new(Shared { syncer, inbox, disk }) };
        // What a killed process left in the system's buffers is read now, so it is to be durable now [S25].
        store.sync()?;
        Ok(store)
    }

    /// The log of these partitions' action states. No two logs may share a partition.
    pub fn log(&self, partitions: impl IntoIterator<Item = PartitionId>) -> Result<EmbeddedLog, StoreError> {
        EmbeddedLog::open(self.clone(), partitions)
    }

    /// Calls back, on the store's own thread, once all that was written before is durable or can never be. Many requests
    /// share one sync.
    pub fn request_sync(&self, on_synced: impl FnOnce(Result<(), StoreError>) + Send + 'static) {
        self.shared.syncer.request(Box::new(on_synced));
    }

    /// Waits until all that was written before is durable.
    pub fn sync(&self) -> Result<(), StoreError> {
        let (sender, receiver) = mpsc::sync_channel(1);
        self.request_sync(move |result| {
            let _ = sender.send(result);
        });
        receiver.recv().expect("the syncer answers every request while a handle of the store is held")
    }

    fn disk(&self) -> &Disk {
        &self.shared.disk
    }
}
