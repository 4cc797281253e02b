//! The folder of a store and the database in it: how it is made, opened and written.

use super::error::{StoreError, cause_of, not_opened};
use super::journal::{Journal, newest};
use super::lock::StoreLock;
use super::poison::Poison;
use super::settings::StoreSettings;
use super::stamp::Stamp;
use super::torn;
use fjall::config::{BloomConstructionPolicy, CompressionPolicy, FilterPolicy, FilterPolicyEntry};
use fjall::{AbstractTree, CompressionType, Database, Keyspace, KeyspaceCreateOptions, OwnedWriteBatch, PersistMode};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;
use weir_core::checkpoint::EntrySpace;

/// Blocks that point reads and scans keep: small, for an idle host is to stay small.
const BLOCK_CACHE_BYTES: u64 = 16 << 20;
/// Journals beyond this make the keyspaces that hold them back flush; a restart replays up to about this much.
const JOURNAL_BYTES_MAX: u64 = 64 << 20;
/// Records live from a put to the prune after the next checkpoint: most begin and end in one memtable of this size.
const LOG_MEMTABLE_BYTES: u64 = 64 << 20;
const INBOX_MEMTABLE_BYTES: u64 = 16 << 20;
const ENTRIES_MEMTABLE_BYTES: u64 = 8 << 20;
/// Each commit to a full memtable asks fjall's worker, by its queue of 1,000, to rotate it. The worker itself sends to
/// that queue: were it full, it would wait for itself. So a writer waits before.
const LOG_COMMITS_TO_FULL_MAX: u32 = 600;
const INBOX_COMMITS_TO_FULL_MAX: u32 = 300;

/// The longest name that fjall takes.
pub(super) const NAME_BYTES_MAX: usize = u16::MAX as usize;

/// The name within every keyspace of an entry that each checkpoint writes.
///
/// fjall removes a journal when each keyspace has flushed past it. A keyspace whose flushed entries were all removed
/// again would never be seen to: this entry is never removed. No other name starts with these bytes.
pub(super) const BEAT: &[u8] = &[0xff; 8];

/// An opened database with the lock of its folder. Fields are dropped in their order: the lock last.
pub(super) struct Disk {
    pub(super) database: Database,
    pub(super) log: Keyspace,
    entries: [Keyspace; EntrySpace::ALL.len()],
    pub(super) inbox: Keyspace,
    pub(super) inbox_ids: Keyspace,
    pub(super) meta: Keyspace,
    pub(super) poison: Arc<Poison>,
    pub(super) directory: PathBuf,
    log_room: Room,
    inbox_room: Room,
    _lock: StoreLock,
}

impl Disk {
    /// Opens the store of a folder, or makes one.
    pub(super) fn open(directory: &Path, application: &str, settings: &StoreSettings) -> Result<Self, StoreError> {
        let refused = |error: std::io::Error| not_opened(directory, &error);
        std::fs::create_dir_all(directory).map_err(refused)?;
        let lock = StoreLock::take(directory)?;
        let wanted = Stamp::new(application, settings.partitions);
        let found = Stamp::read(directory)?;
        let data = directory.join("data");
        match &found {
            Some(found) => {
                found.check(directory, &wanted)?;
                check_all_there(directory, &data)?;
            }
            // A host that died while it made the store: nothing in there was ever used.
            None if data.exists() && Stamp::is_drafted(directory) => {
                std::fs::remove_dir_all(&data).map_err(refused)?;
            }
            None if data.exists() => return Err(StoreError::NotAStore { directory: directory.to_owned() }),
            None => Stamp::draft(directory).map_err(refused)?,
        }
        let database = open_database(&data).or_else(|error| match error {
            fjall::Error::JournalRecovery(_) => match torn::cut(&data)? {
                0 => Err(error),
                bytes => {
                    let directory = directory.display();
                    tracing::warn!(%directory, bytes, "journal has a torn end, as a loss of power leaves it: cut off");
                    open_database(&data)
                }
            },
            error => Err(error),
        });
        let disk = database.and_then(|database| Self::new(directory, database, lock)).map_err(|error| match error {
            fjall::Error::Io(error) | fjall::Error::Storage(fjall::LsmError::Io(error)) => match error.kind() {
                // A store that is there misses a file, or the end of one.
                ErrorKind::NotFound | ErrorKind::UnexpectedEof if found.is_some() => damaged(directory, &error),
                _ => refused(error),
            },
            error => StoreError::Damaged { directory: directory.to_owned(), what: cause_of(&error) },
        })?;
        if found.is_none() {
            disk.database.persist(PersistMode::SyncAll).map_err(|error| disk.poison.set_by(&error))?;
            wanted.write(directory).map_err(refused)?;
        }
        Ok(disk)
    }

    fn new(directory: &Path, database: Database, lock: StoreLock) -> Result<Self, fjall::Error> {
        let entries = [
            database.keyspace("header", || options(ENTRIES_MEMTABLE_BYTES))?,
            database.keyspace("memory", || options(ENTRIES_MEMTABLE_BYTES))?,
            database.keyspace("queued", || options(ENTRIES_MEMTABLE_BYTES))?,
            database.keyspace("pending", || options(ENTRIES_MEMTABLE_BYTES))?,
            database.keyspace("quarantined", || options(ENTRIES_MEMTABLE_BYTES))?,
        ];
        Ok(Self {
            log: database.keyspace("log", log_options)?,
            entries,
            inbox: database.keyspace("inbox", || options(INBOX_MEMTABLE_BYTES))?,
            inbox_ids: database.keyspace("inbox-ids", || options(ENTRIES_MEMTABLE_BYTES))?,
            meta: database.keyspace("meta", || options(ENTRIES_MEMTABLE_BYTES))?,
            poison: Arc::new(Poison::new(directory.to_owned())),
            directory: directory.to_owned(),
            log_room: Room::new(LOG_MEMTABLE_BYTES, LOG_COMMITS_TO_FULL_MAX),
            inbox_room: Room::new(INBOX_MEMTABLE_BYTES, INBOX_COMMITS_TO_FULL_MAX),
            _lock: lock,
            database,
        })
    }

    /// The keyspace of entries of this kind.
    pub(super) fn entries(&self, space: EntrySpace) -> &Keyspace {
        match space {
            EntrySpace::Header => &self.entries[0],
            EntrySpace::Memory => &self.entries[1],
            EntrySpace::Queued => &self.entries[2],
            EntrySpace::Pending => &self.entries[3],
            EntrySpace::Quarantined => &self.entries[4],
        }
    }

    /// Every keyspace that a checkpoint beats.
    pub(super) fn beaten(&self) -> impl Iterator<Item = &Keyspace> {
        self.entries.iter().chain([&self.log, &self.inbox, &self.inbox_ids])
    }

    /// An empty batch for so many items.
    pub(super) fn batch(&self, items: usize) -> OwnedWriteBatch {
        OwnedWriteBatch::with_capacity(self.database.clone(), items)
    }

    /// Hands a batch to the system, whole: it survives the end of this process, not yet a loss of power.
    pub(super) fn commit(&self, batch: OwnedWriteBatch) -> Result<(), StoreError> {
        self.poison.check()?;
        let batch = batch.durability(Some(PersistMode::Buffer));
        batch.commit().map_err(|error| self.poison.set_by(&error))?;
        self.log_room.wait(&self.log, self)?;
        self.inbox_room.wait(&self.inbox, self)
    }

    /// The journal, to sync it apart from its writers.
    pub(super) fn journal(&self) -> Result<Journal, StoreError> {
        Journal::open(&self.directory.join("data")).map_err(|error| self.poison.set(error.to_string().into()))
    }
}

/// How many commits went to the memtable of a keyspace since it was full.
struct Room {
    memtable_bytes_max: u64,
    commits_max: u32,
    commits: AtomicU32,
}

impl Room {
    fn new(memtable_bytes_max: u64, commits_max: u32) -> Self {
        Self { memtable_bytes_max, commits_max, commits: AtomicU32::new(0) }
    }

    /// Waits until the worker has rotated the memtable, where that is long due.
    fn wait(&self, keyspace: &Keyspace, disk: &Disk) -> Result<(), StoreError> {
        let is_full = || keyspace.tree.active_memtable().size() > self.memtable_bytes_max;
        if !is_full() {
            self.commits.store(0, Relaxed);
            return Ok(());
        }
        if self.commits.fetch_add(1, Relaxed) < self.commits_max {
            return Ok(());
        }
        while is_full() {
            std::thread::sleep(Duration::from_millis(1));
            // A worker that died rotates nothing, but says so here.
            disk.database.persist(PersistMode::Buffer).map_err(|error| disk.poison.set_by(&error))?;
        }
        Ok(())
    }
}

/// That a store which was made still has its journal and its keyspaces: fjall would make empty ones in their place, and
/// all that took effect would do so again.
fn check_all_there(directory: &Path, data: &Path) -> Result<(), StoreError> {
    let missing = |name: PathBuf| damaged(directory, &format!("{} is not there", name.display()));
    if !data.join("version").exists() {
        return Err(missing("data/version".into()));
    }
    if !matches!(newest(data), Ok(Some(_))) {
        return Err(missing("data/*.jnl".into()));
    }
    let keyspaces = std::fs::read_dir(data.join("keyspaces")).map_err(|error| damaged(directory, &error))?;
    for keyspace in keyspaces.flatten().filter(|entry| entry.path().is_dir()) {
        if !keyspace.path().join("current").exists() {
            return Err(missing(Path::new("data/keyspaces").join(keyspace.file_name()).join("current")));
        }
    }
    Ok(())
}

fn damaged(directory: &Path, what: &dyn std::fmt::Display) -> StoreError {
    StoreError::Damaged { directory: directory.to_owned(), what: format!("its database is damaged ({what})").into() }
}

fn open_database(data: &Path) -> Result<Database, fjall::Error> {
    Database::builder(data)
        .cache_size(BLOCK_CACHE_BYTES)
        .max_journaling_size(JOURNAL_BYTES_MAX)
        .journal_compression(CompressionType::None)
        // One worker: then no memtable is sealed between the sync of the journal and the flush that relies on it, so no
        // table on disk is ever ahead of the journal.
        .worker_threads(1)
        .open()
}

/// Records are short-lived, and only ever scanned: neither compression nor filters are worth their time.
fn log_options() -> KeyspaceCreateOptions {
    KeyspaceCreateOptions::default()
        .max_memtable_size(LOG_MEMTABLE_BYTES)
        .data_block_compression_policy(CompressionPolicy::disabled())
        .filter_policy(FilterPolicy::all(FilterPolicyEntry::None))
}

fn options(memtable_bytes: u64) -> KeyspaceCreateOptions {
    KeyspaceCreateOptions::default()
        .max_memtable_size(memtable_bytes)
        .data_block_compression_policy(CompressionPolicy::new([CompressionType::None, CompressionType::Lz4]))
        // Most keys that are looked up and not there are new ones: filters at every level answer without a read.
        .filter_policy(FilterPolicy::all(FilterPolicyEntry::Bloom(BloomConstructionPolicy::BitsPerKey(10.0))))
}
