//! Toolchains of the languages that guests are written in.
//!
//! `WEIR_LANGUAGES` names the languages that are tested, with commas; `make test-languages` names all. One whose
//! toolchain can't be had is a failure where the variable `CI` is set; elsewhere the test is left out, and a loud line
//! says so.

use crate::files::root;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

const LANGUAGES_BY_DEFAULT: &str = "rust,javascript,python";

/// What a build in a language finds in its environment.
pub struct Toolchain {
    folder: PathBuf,
    environment: Vec<(&'static str, OsString)>,
}

impl Toolchain {
    /// The toolchain of a language that is tested; TypeScript's is JavaScript's.
    pub fn of(language: &str) -> Option<Self> {
        let script = if language == "typescript" { "javascript" } else { language };
        let chosen = std::env::var("WEIR_LANGUAGES").unwrap_or_else(|_| LANGUAGES_BY_DEFAULT.to_owned());
        if !chosen.split(',').any(|one| one == script) {
            eprintln!("not tested, for WEIR_LANGUAGES is {chosen}: {language}");
            return None;
        }
        if script == "rust" {
            return Some(Self { folder: PathBuf::from("/usr"), environment: rust() });
        }
        let output =
            Command::new(root().join("scripts/toolchain")).arg(script).output().expect("run scripts/toolchain");
        if output.status.success() {
            let folder = PathBuf::from(String::from_utf8(output.stdout).expect("it is text").trim_end());
            let tools = folder.join("bin");
            let path = std::env::var_os("PATH").unwrap_or_default();
            let path = std::env::join_paths([tools].into_iter().chain(std::env::split_paths(&path)));
            return Some(Self { folder, environment: vec![("PATH", path.expect("no colon is in these paths"))] });
        }
        let message = format!("no toolchain of {language}: {}", String::from_utf8_lossy(&output.stderr).trim_end());
        assert!(std::env::var_os("CI").is_none(), "{message}");
        eprintln!("\n!!! NOT RUN: {message}\n");
        None
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Gives a command this environment, and nothing of another toolchain.
    pub fn lend<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        for foreign in ["CARGO_TARGET_DIR", "NODE_PATH", "PYTHONPATH", "GOFLAGS"] {
            command.env_remove(foreign);
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)))
    }
}

/// What a build of a guest in Rust needs in its environment, as `scripts/wasm-target` says.
fn rust() -> Vec<(&'static str, OsString)> {
    let output = Command::new(root().join("scripts/wasm-target")).output().expect("run scripts/wasm-target");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let script = String::from_utf8(output.stdout).expect("it is text") + "\nprintf %s \"${RUSTC-}\"";
    let rustc = Command::new("sh").arg("-c").arg(script).output().expect("run sh").stdout;
    let rustc = String::from_utf8(rustc).expect("it is text");
    if rustc.is_empty() { Vec::new() } else { vec![("RUSTC", rustc.into())] }
}
