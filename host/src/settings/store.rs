//! Where action states and keyed state live: `[store]`.

use super::error::Problem;
use serde::Deserialize;
use std::path::PathBuf;

/// `[store]` as it may be written.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StoreManifest {
    pub(super) kind: Option<StoreKindManifest>,
    pub(super) directory: Option<PathBuf>,
    checkpoint_interval_ms: Option<u64>,
}

/// The kinds that may be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum StoreKindManifest {
    Embedded,
    Kafka,
    Memory,
}

/// Where state lives, and how often it is made durable as one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreSettings {
    /// The backend.
    pub kind: StoreKind,
    /// The store's folder; the control socket is in it too.
    pub directory: PathBuf,
    /// From one checkpoint to the next, milliseconds.
    pub checkpoint_interval_ms: u64,
}

/// The backend of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreKind {
    /// Files in the store's folder.
    Embedded,
    /// Topics of Kafka; the folder has what can be read from them again.
    Kafka,
    /// The host's memory: nothing survives it.
    Memory,
}

impl StoreManifest {
    /// The settings; what is silent is in `folder`.
    pub(super) fn resolve(self, folder: &std::path::Path) -> Result<StoreSettings, Problem> {
        let kind = match self.kind.unwrap_or(StoreKindManifest::Embedded) {
            StoreKindManifest::Embedded => StoreKind::Embedded,
            StoreKindManifest::Memory => StoreKind::Memory,
            StoreKindManifest::Kafka => StoreKind::Kafka,
        };
        let directory = self.directory.unwrap_or_else(|| folder.join(".weir"));
        if directory.as_os_str().is_empty() {
            return Err(Problem::new("store.directory", "directory is empty"));
        }
        let checkpoint_interval_ms = self.checkpoint_interval_ms.unwrap_or(match kind {
            StoreKind::Kafka => 100,
            StoreKind::Embedded | StoreKind::Memory => 1_000,
        });
        if checkpoint_interval_ms == 0 {
            return Err(Problem::new("store.checkpoint_interval_ms", "an interval is 1 ms at least"));
        }
        Ok(StoreSettings { kind, directory, checkpoint_interval_ms })
    }
}
