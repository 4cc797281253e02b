//! The lock of a store's folder: one process at a time.

use super::error::{StoreError, not_opened};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::time::{Duration, Instant};

/// How long to wait for a process that only looks into the store, or is about to end.
const WAIT: Duration = Duration::from_secs(2);
const POLL: Duration = Duration::from_millis(10);

/// The hold of this process on a store's folder. The system ends it with the process, however that ends.
#[derive(Debug)]
pub(super) struct StoreLock {
    _file: File,
}

impl StoreLock {
    /// Takes the lock, or names the process that has it.
    pub(super) fn take(directory: &Path) -> Result<Self, StoreError> {
        let refused = |error: std::io::Error| not_opened(directory, &error);
        let path = directory.join("lock");
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).map_err(refused)?;
        let until = Instant::now() + WAIT;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if Instant::now() < until => std::thread::sleep(POLL),
                Err(TryLockError::WouldBlock) => {
                    let mut text = String::new();
                    let pid = file.read_to_string(&mut text).ok().and_then(|_| text.trim().parse().ok());
                    return Err(StoreError::InUse { directory: directory.to_owned(), pid });
                }
                Err(TryLockError::Error(error)) => return Err(refused(error)),
            }
        }
        let write = |file: &mut File| {
            file.set_len(0)?;
            file.rewind()?;
            writeln!(file, "{}", std::process::id())
        };
        write(&mut file).map_err(refused)?;
        Ok(Self { _file: file })
    }
}
