//! `weir dev`: an application as it is being written. Built, run on the memory store, shown run by run; and again at
//! every change of its sources.
//!
//! *Invariant:* nothing here touches the store, the sink or the dead letters that the manifest names: a run in
//! development begins anew each time, and what leaves it is shown.

mod narrator;
mod sources;

pub use narrator::Narrator;
pub use sources::{Change, Sources};

use crate::settings::{DeadLetters, Settings, Sink, Source, StoreKind};
use std::path::{Path, PathBuf};

/// Why an application can't be run in development: its source is Kafka.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "`weir dev` runs on this machine alone, and the manifest's source is Kafka: give it a manifest of its own, with \
     events in a file: weir dev dev.toml"
)]
pub struct NeedsKafka;

/// Whether an application can be run in development, by where its events come from.
pub fn check_source(settings: &Settings) -> Result<(), NeedsKafka> {
    match settings.source.from {
        Source::Kafka { .. } => Err(NeedsKafka),
        Source::File(_) | Source::Stdin | Source::Listen(_) => Ok(()),
    }
}

/// The settings by which an application runs in development: events as the manifest says, all else in memory, and in one
/// thread, so that what is shown keeps its order. Dead letters go into this folder, to be looked at.
pub fn settings_of_development(mut settings: Settings, scratch: &Path) -> Settings {
    settings.store.kind = StoreKind::Memory;
    settings.sink = Sink::Nowhere;
    settings.dead_letters = DeadLetters::File(dead_letters(scratch));
    settings.host.shards = 1;
    settings
}

/// Where dead letters of a run in development are.
pub fn dead_letters(scratch: &Path) -> PathBuf {
    scratch.join("dead-letters.jsonl")
}
