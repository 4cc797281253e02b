//! The stamp of a store's folder: whose it is and how it is written.
//!
//! `stamp.json`, written last when a store is made: a folder without it holds no store yet.

use super::error::{StoreError, not_opened};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::Write;
use std::path::Path;

/// The version of all that a store's folder holds.
pub(super) const FORMAT_VERSION: u32 = 1;

const FILE_NAME: &str = "stamp.json";
/// Stands while a store is made, and becomes the stamp: what a folder without either holds is not ours.
const DRAFT_NAME: &str = "stamp.json.new";

/// What the stamp says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stamp {
    version: u32,
    application: String,
    partitions: u32,
}

impl Stamp {
    /// The stamp of a store made now.
    pub(super) fn new(application: &str, partitions: u32) -> Self {
        Self { version: FORMAT_VERSION, application: application.to_owned(), partitions }
    }

    /// The stamp in this folder; none where there is no store.
    pub(super) fn read(directory: &Path) -> Result<Option<Self>, StoreError> {
        let bytes = match std::fs::read(directory.join(FILE_NAME)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(not_opened(directory, &error)),
        };
        // The version decides whether the rest can be understood, so it is read alone first.
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        let damaged = |error: serde_json::Error| StoreError::Damaged {
            directory: directory.to_owned(),
            what: format!("{FILE_NAME} is no stamp ({error})").into(),
        };
        let Version { version } = serde_json::from_slice(&bytes).map_err(damaged)?;
        if version > FORMAT_VERSION {
            let directory = directory.to_owned();
            return Err(StoreError::NewerVersion { directory, found: version, known: FORMAT_VERSION });
        }
        serde_json::from_slice(&bytes).map(Some).map_err(damaged)
    }

    /// Whether a store was made in this folder.
    pub(super) fn exists(directory: &Path) -> bool {
        directory.join(FILE_NAME).exists()
    }

    /// Whether a host began to make a store in this folder and did not come to its stamp.
    pub(super) fn is_drafted(directory: &Path) -> bool {
        directory.join(DRAFT_NAME).exists()
    }

    /// Says, durably, that a store is being made in this folder.
    pub(super) fn draft(directory: &Path) -> std::io::Result<()> {
        File::create(directory.join(DRAFT_NAME))?.sync_all()?;
        File::open(directory)?.sync_all()
    }

    /// Writes the stamp so that it is there whole or not at all.
    pub(super) fn write(&self, directory: &Path) -> std::io::Result<()> {
        let draft = directory.join(DRAFT_NAME);
        let mut file = File::create(&draft)?;
        file.write_all(&serde_json::to_vec_pretty(self)?)?;
        file.sync_all()?;
        std::fs::rename(&draft, directory.join(FILE_NAME))?;
        File::open(directory)?.sync_all()
    }

    /// Whether a store of this stamp may be opened with what another says.
    pub(super) fn check(&self, directory: &Path, wanted: &Stamp) -> Result<(), StoreError> {
        let directory = directory.to_owned();
        if self.application != wanted.application {
            let (found, wanted) = (self.application.clone(), wanted.application.clone());
            return Err(StoreError::OtherApplication { directory, found, wanted });
        }
        if self.partitions != wanted.partitions {
            let (found, wanted) = (self.partitions, wanted.partitions);
            return Err(StoreError::OtherPartitions { directory, found, wanted });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamp_is_as_the_fixture_shows() {
        let fixture = include_bytes!("../../../tests/fixtures/store-stamp.json");
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join(FILE_NAME), fixture).unwrap();
        let stamp = Stamp::read(directory.path()).unwrap().unwrap();
        assert_eq!(stamp, Stamp::new("quakes", 64));
        stamp.write(directory.path()).unwrap();
        assert_eq!(std::fs::read(directory.path().join(FILE_NAME)).unwrap(), fixture.trim_ascii_end());
    }
}
