//! Toolchains of the languages that guests are written in.

use crate::files::root;
use crate::languages::{VARIABLE, base, is_tested, not_run};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What a build in a language finds in its environment.
pub struct Toolchain {
    folder: Option<PathBuf>,
    environment: Vec<(&'static str, OsString)>,
}

impl Toolchain {
    /// The toolchain of a language that is tested; TypeScript's is JavaScript's.
    pub fn of(language: &str) -> Option<Self> {
        if !is_tested(language) {
            eprintln!("not tested, for {VARIABLE} does not name it: {language}");
            return None;
        }
        if language == "rust" {
            return Some(Self { folder: None, environment: rust() });
        }
        let mut script = Command::new(root().join("scripts/toolchain"));
        let output = script.arg(base(language)).output().expect("run scripts/toolchain");
        if output.status.success() {
            let folder = PathBuf::from(String::from_utf8(output.stdout).expect("it is text").trim_end());
            let tools = folder.join("bin");
            let path = std::env::var_os("PATH").unwrap_or_default();
            let path = std::env::join_paths([tools].into_iter().chain(std::env::split_paths(&path)));
            let environment = vec![("PATH", path.expect("no colon is in these paths"))];
            return Some(Self { folder: Some(folder), environment });
        }
        not_run(&format!("no toolchain of {language}: {}", String::from_utf8_lossy(&output.stderr).trim_end()));
        None
    }

    /// Where it is; Rust's is wherever the PATH says.
    pub fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
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
