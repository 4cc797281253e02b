//! A project in Rust.

use super::ProjectFile;
use std::path::Path;

const FILES: [(&str, &str); 6] = [
    ("Cargo.toml", include_str!("templates/rust/Cargo.toml.in")),
    ("weir.toml", include_str!("templates/rust/weir.toml.in")),
    ("src/lib.rs", include_str!("templates/rust/lib.rs.in")),
    ("events.jsonl", include_str!("templates/rust/events.jsonl")),
    ("README.md", include_str!("templates/rust/README.md.in")),
    (".gitignore", include_str!("templates/rust/gitignore")),
];

/// The SDK, from the folder of this crate.
const SDK: &str = "../guest-sdk/rust/sdk";

/// The files of a project of this name.
pub(super) fn files(name: &str) -> Vec<ProjectFile> {
    let artifact = name.replace('-', "_");
    let fill = |text: &str| {
        text.replace("{{name}}", name).replace("{{artifact}}", &artifact).replace("{{sdk}}", &sdk_dependency())
    };
    FILES.iter().map(|(path, text)| ProjectFile { path, text: fill(text) }).collect()
}

/// Where the SDK comes from: the checkout that this binary was built in, while it is there, else the registry.
fn sdk_dependency() -> String {
    match Path::new(env!("CARGO_MANIFEST_DIR")).join(SDK).canonicalize() {
        Ok(path) => format!("{{ path = {:?} }}", path.display().to_string()),
        Err(_) => format!("{:?}", env!("CARGO_PKG_VERSION")),
    }
}
