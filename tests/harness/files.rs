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

/// The repository's own files with one of these endings, as path from the root and text, in order.
pub fn sources(endings: &[&str]) -> Vec<(String, String)> {
    let root = root();
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("list a folder of the repository") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            // What is built, fetched or hidden is not ours.
            if name == "target" || name == "node_modules" || name.starts_with('.') {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if endings.iter().any(|ending| name.ends_with(&format!(".{ending}"))) {
                let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
                let from_root = path.strip_prefix(&root).expect("it is below the root");
                found.push((from_root.display().to_string(), text));
            }
        }
    }
    found.sort();
    found
}
