//! What can go wrong with a store.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why a store can't be opened, read or written. One line each, with what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The folder can't be made or written.
    #[error("open store {directory}: {cause}; give a directory that this user may write")]
    Directory {
        /// The store's folder.
        directory: PathBuf,
        /// What the system says.
        cause: Arc<str>,
    },
    /// Another process has it.
    #[error("open store {directory}: in use by {}; stop that host, or give another directory", holder(.pid))]
    InUse {
        /// The store's folder.
        directory: PathBuf,
        /// The process that holds the lock, where its number can be read.
        pid: Option<u32>,
    },
    /// Something stands where the database is to be, and no host put it there.
    #[error(
        "open store {directory}: it has no stamp.json, and what is in its folder `data` is not Weir's to remove; \
         give another directory, or put the stamp back"
    )]
    NotAStore {
        /// The folder.
        directory: PathBuf,
    },
    /// Made by an application of another name.
    #[error(
        "open store {directory}: it belongs to application {found:?}, not {wanted:?}; \
         set `name` to {found:?}, or give another directory"
    )]
    OtherApplication {
        /// The store's folder.
        directory: PathBuf,
        /// Whose it is.
        found: String,
        /// Who opens it.
        wanted: String,
    },
    /// Made by a later release.
    #[error("open store {directory}: its format is version {found}, this host knows up to {known}; use a later weir")]
    NewerVersion {
        /// The store's folder.
        directory: PathBuf,
        /// Its version.
        found: u32,
        /// The latest version known here.
        known: u32,
    },
    /// Made with another number of partitions.
    #[error(
        "open store {directory}: it has {found} partitions, not {wanted}; \
         the number is fixed when a store is made: keep {found}, or give another directory"
    )]
    OtherPartitions {
        /// The store's folder.
        directory: PathBuf,
        /// How many it has.
        found: u32,
        /// How many are asked for.
        wanted: u32,
    },
    /// What stands in it can't be understood.
    #[error("read store {directory}: {what}; restore the directory from a copy, or start with another one")]
    Damaged {
        /// The store's folder.
        directory: PathBuf,
        /// What can't be understood.
        what: Arc<str>,
    },
    /// A write or sync failed. It is not tried again [S26].
    #[error("write store {directory}: {cause}; the store takes no more writes, restart the host once that is mended")]
    Write {
        /// The store's folder.
        directory: PathBuf,
        /// What the system says.
        cause: Arc<str>,
    },
    /// A read failed.
    #[error("read store {directory}: {cause}")]
    Read {
        /// The store's folder.
        directory: PathBuf,
        /// What the system says.
        cause: Arc<str>,
    },
    /// An earlier write failed [S26].
    #[error("write store {directory}: an earlier write failed ({cause}); restart the host once that is mended")]
    Poisoned {
        /// The store's folder.
        directory: PathBuf,
        /// Why the earlier one failed.
        cause: Arc<str>,
    },
}

impl StoreError {
    /// Whether the store is refused as a whole: wrong directory, wrong application, in use. Not an error at run time.
    pub fn is_refusal(&self) -> bool {
        !matches!(self, Self::Write { .. } | Self::Read { .. } | Self::Poisoned { .. })
    }
}

/// The error of a failure at the opening: a full disk is to be mended, all else asks for another folder.
pub(super) fn not_opened(directory: &Path, error: &std::io::Error) -> StoreError {
    let (directory, cause) = (directory.to_owned(), error.to_string().into());
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            StoreError::Write { directory, cause }
        }
        _ => StoreError::Directory { directory, cause },
    }
}

fn holder(pid: &Option<u32>) -> String {
    pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
}

/// The cause of a failure of fjall as people read it.
pub(super) fn cause_of(error: &fjall::Error) -> Arc<str> {
    match error {
        fjall::Error::Io(error) | fjall::Error::Storage(fjall::LsmError::Io(error)) => error.to_string().into(),
        fjall::Error::Poisoned => "a write in the background failed, is the disk full?".into(),
        other => format!("{other:?}").into(),
    }
}
