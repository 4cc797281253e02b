//! Where things are.

use std::path::{Path, PathBuf};

/// The repository.
pub fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("the tests are a folder of the repository").to_owned()
}

/// The folder that this very test binary was built into, such as `target/release`.
fn built() -> PathBuf {
    let suite = std::env::current_exe().expect("a process knows its binary");
    let deps = suite.parent().expect("a binary is in a folder");
    deps.parent().expect("which is in that of the profile").to_owned()
}

/// The host under test: `WEIR_BINARY`, or the one built beside this suite.
pub fn weir() -> PathBuf {
    let path = std::env::var_os("WEIR_BINARY").map_or_else(|| built().join("weir"), PathBuf::from);
    assert!(path.exists(), "there is no host at {}: cargo build --release -p weir", path.display());
    path
}

/// Where compiled components are kept between tests, so that each is compiled once.
pub fn cache() -> PathBuf {
    built().join("weir-tests-cache")
}
