//! The components under test.

use crate::files::root;
use std::path::PathBuf;

/// Does what its events tell it; see `tests/guests/probe`.
pub fn probe() -> PathBuf {
    built(root().join("target/guests/probe.wasm"))
}

/// Counts, with one durable call computed in place.
pub fn tally() -> PathBuf {
    built(root().join("target/guests/tally.wasm"))
}

/// The actions of the example.
pub fn quakes() -> PathBuf {
    built(root().join("examples/quakes/quakes.wasm"))
}

fn built(path: PathBuf) -> PathBuf {
    assert!(path.exists(), "there is no component at {}: scripts/build-guests", path.display());
    path
}
