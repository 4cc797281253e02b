//! The journal's file, synced apart from the lock that its writers hold.
//!
//! fjall's own `persist` syncs while it holds the lock of the journal, so that no shard could append meanwhile. Here the
//! newest journal file is synced through a handle of our own. That is enough: fjall syncs a journal before it makes the
//! next one (`Writer::rotate`), so what was appended stands in the newest or is durable already.

use std::fs::File;
use std::io::{Error, ErrorKind, Result};
use std::path::{Path, PathBuf};

/// The newest journal file of a database, `NUMBER.jnl`.
#[derive(Debug)]
pub(super) struct Journal {
    directory: PathBuf,
    number: u64,
    file: File,
}

impl Journal {
    /// The newest journal in a database's folder.
    pub(super) fn open(directory: &Path) -> Result<Self> {
        let number = newest(directory)?.ok_or_else(|| Error::new(ErrorKind::NotFound, "no journal"))?;
        Ok(Self { directory: directory.to_owned(), number, file: File::open(path_of(directory, number))? })
    }

    /// Makes durable all that was handed to the system before.
    pub(super) fn sync(&mut self) -> Result<()> {
        loop {
            let next = self.number + 1;
            match File::open(path_of(&self.directory, next)) {
                Ok(file) => (self.number, self.file) = (next, file),
                Err(error) if error.kind() == ErrorKind::NotFound => break,
                Err(error) => return Err(error),
            }
        }
        self.file.sync_data()
    }
}

/// The number of the newest journal; none where there is no journal.
pub(super) fn newest(directory: &Path) -> Result<Option<u64>> {
    let mut newest = None;
    for entry in std::fs::read_dir(directory)? {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(".jnl")).and_then(|stem| stem.parse::<u64>().ok());
        newest = newest.max(number);
    }
    Ok(newest)
}

/// Where the journal of this number is.
pub(super) fn path_of(directory: &Path, number: u64) -> PathBuf {
    directory.join(format!("{number}.jnl"))
}
