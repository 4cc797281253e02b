//! Carries the SDKs in the binary: no registry has them yet, so `weir new` writes them into projects.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// The SDKs: the name of the list, and the folder beside this crate; of Python's, the package itself.
const SDKS: [(&str, &str); 5] = [
    ("RUST", "../guest-sdk/rust"),
    ("JAVASCRIPT", "../guest-sdk/javascript"),
    ("PYTHON", "../guest-sdk/python/src/weir"),
    ("GO", "../guest-sdk/go"),
    ("C", "../guest-sdk/c"),
];
/// A guide that stands outside of what is carried: its list, and where it is.
const GUIDES: [(&str, &str); 1] = [("PYTHON", "../guest-sdk/python/README.md")];
/// What an SDK is made of. Anything else in its folder is a cache or an output.
const KINDS: [&str; 15] =
    ["c", "go", "h", "js", "json", "md", "mjs", "mod", "py", "rs", "s", "toml", "ts", "typed", "wit"];
/// Folders that are caches, outputs, or the SDK's own tests.
const LEFT_OUT: [&str; 6] = ["node_modules", "target", "test", "tests", "__pycache__", "examples"];

fn main() -> io::Result<()> {
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let mut text = String::new();
    for (list, folder) in SDKS {
        let folder = here.join(folder);
        let mut files = Vec::new();
        collect(&folder, Path::new(""), &mut files)?;
        files.sort();
        writeln!(text, "pub(super) const {list}: &[(&str, &[u8])] = &[").expect("a string takes all");
        for file in files {
            text += &carried(&file.display().to_string(), &folder.join(&file));
        }
        for (_, guide) in GUIDES.iter().filter(|(of, _)| *of == list) {
            text += &carried("README.md", &here.join(guide));
        }
        text += "];\n";
    }
    fs::write(PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it")).join("sdks.rs"), text)
}

/// An entry of a list.
fn carried(path: &str, file: &Path) -> String {
    let file = file.display().to_string();
    println!("cargo::rerun-if-changed={file}");
    format!("    ({path:?}, include_bytes!({file:?})),\n")
}

/// Adds the files below `folder/below`, by their path in `folder`; whether nothing there is left out. Only such a folder is
/// watched for new files: cargo looks at all that is in it.
fn collect(folder: &Path, below: &Path, files: &mut Vec<PathBuf>) -> io::Result<bool> {
    let mut whole = true;
    for entry in fs::read_dir(folder.join(below))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = below.join(&name);
        if !entry.file_type()?.is_dir() {
            if is_part_of_an_sdk(&path, &name) {
                files.push(path);
            }
        } else if name.starts_with('.') || LEFT_OUT.contains(&name.as_str()) {
            whole = false;
        } else {
            whole &= collect(folder, &path, files)?;
        }
    }
    if whole {
        println!("cargo::rerun-if-changed={}", folder.join(below).display());
    }
    Ok(whole)
}

fn is_part_of_an_sdk(path: &Path, name: &str) -> bool {
    let kind = path.extension().and_then(|kind| kind.to_str()).unwrap_or_default();
    KINDS.contains(&kind) && !name.starts_with('.') && name != "package-lock.json" && !name.ends_with("_test.go")
}
