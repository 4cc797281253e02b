//! The memory of the first failed write [S26].

use super::error::{StoreError, cause_of};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

/// Set once a write or sync failed; from then on every one is refused.
#[derive(Debug)]
pub(super) struct Poison {
    directory: PathBuf,
    cause: OnceLock<Arc<str>>,
}

impl Poison {
    pub(super) fn new(directory: PathBuf) -> Self {
        Self { directory, cause: OnceLock::new() }
    }

    /// An error where an earlier write failed.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        match self.cause.get() {
            None => Ok(()),
            Some(cause) => Err(StoreError::Poisoned { directory: self.directory.clone(), cause: cause.clone() }),
        }
    }

    /// Remembers that a write failed, and gives the error to answer.
    pub(super) fn set(&self, cause: Arc<str>) -> StoreError {
        if let Some(earlier) = self.cause.get() {
            return StoreError::Poisoned { directory: self.directory.clone(), cause: earlier.clone() };
        }
        let _ = self.cause.set(cause.clone());
        StoreError::Write { directory: self.directory.clone(), cause }
    }

    /// The same, of a failure in fjall.
    pub(super) fn set_by(&self, error: &fjall::Error) -> StoreError {
        self.set(cause_of(error))
    }

    /// The error of a failed read, which poisons nothing.
    pub(super) fn read_failed(&self, error: &fjall::Error) -> StoreError {
        StoreError::Read { directory: self.directory.clone(), cause: cause_of(error) }
    }

    /// The error of bytes that can't be understood.
    pub(super) fn damaged(&self, what: String) -> StoreError {
        StoreError::Damaged { directory: self.directory.clone(), what: what.into() }
    }
}
