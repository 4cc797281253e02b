//! Runs a build command, and says what to install when it lacks something.

use super::tools::missing_tool;
use super::warnings::warnings;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Why a build command came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// No shell.
    #[error("start `sh -c`: {0}")]
    Shell(std::io::Error),
    /// It starts a tool that is not there: which, and what to do.
    #[error("{0}")]
    Missing(String),
    /// It failed.
    #[error("`{command}` failed ({status}){hint}")]
    Failed {
        /// The command.
        command: String,
        /// How it ended.
        status: std::process::ExitStatus,
        /// What to install, where that is known.
        hint: String,
        /// All that it printed.
        output: String,
    },
}

/// What its output says is missing, and what to do about it.
const HINTS: [(&str, &str); 4] = [
    ("wasm32-wasip2` target may not be installed", "install the target: rustup target add wasm32-wasip2"),
    (
        "wasm32-unknown-unknown` target may not be installed",
        "install the target: rustup target add wasm32-unknown-unknown",
    ),
    ("target may not be installed", "install the target: rustup target add wasm32-wasip2"),
    (": not found", "install the tool that is not found, or put it on the PATH"),
];

/// The script that makes the target available in a checkout of Weir, where rustup is not to be had.
const TARGET_SCRIPT: &str = "../scripts/wasm-target";

/// Where a project's own tools are, as npm and Python's environments lay them: they come before those of the PATH.
const OWN_TOOLS: [&str; 2] = ["node_modules/.bin", ".venv/bin"];

/// Runs a command by the shell in this folder, and gives what it warns of; nothing if it does not. All that it printed
/// is told only if it fails.
pub fn run_command(command: &str, folder: &Path) -> Result<String, BuildError> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    // One stream, so that its lines stay in order.
    let script = format!("exec 2>&1\n{command}");
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(script).current_dir(folder).stdin(Stdio::null());
    if let Some(path) = path_with_own_tools(folder) {
        shell.env("PATH", path);
    }
    let output = shell.output().map_err(BuildError::Shell)?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(warnings(&text));
    }
    if let Some(missing) = missing_tool(&text) {
        return Err(BuildError::Missing(missing));
    }
    let hint = hint(&text);
    Err(BuildError::Failed { command: command.to_owned(), status: output.status, hint, output: text })
}

/// The PATH with the project's own tools before it; none where it has no tools.
fn path_with_own_tools(folder: &Path) -> Option<OsString> {
    let own: Vec<PathBuf> = OWN_TOOLS.iter().filter_map(|tools| folder.join(tools).canonicalize().ok()).collect();
    if own.is_empty() {
        return None;
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    // One with a colon in its name can't stand in a PATH.
    std::env::join_paths(own.into_iter().chain(std::env::split_paths(&path))).ok()
}

fn hint(output: &str) -> String {
    let Some((_, hint)) = HINTS.iter().find(|(sign, _)| output.contains(sign)) else { return String::new() };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(TARGET_SCRIPT);
    match (hint.starts_with("install the target"), script.canonicalize()) {
        (true, Ok(script)) => format!(": {hint}; or without rustup: eval \"$({})\"", script.display()),
        _ => format!(": {hint}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(command: &str) -> (String, String) {
        let folder = tempfile::tempdir().unwrap();
        let error = run_command(command, folder.path()).unwrap_err();
        let BuildError::Failed { output, .. } = &error else { panic!("{error}") };
        (error.to_string(), output.clone())
    }

    #[test]
    fn a_command_runs_in_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(run_command("pwd >where; echo noise", folder.path()).unwrap(), "");
        let written = std::fs::read_to_string(folder.path().join("where")).unwrap();
        assert_eq!(Path::new(written.trim()), folder.path().canonicalize().unwrap());
    }

    #[test]
    fn a_command_that_goes_well_gives_its_warnings() {
        let folder = tempfile::tempdir().unwrap();
        let script = "echo '   Compiling a v1'; echo 'warning: mind the gap' >&2";
        assert_eq!(run_command(script, folder.path()).unwrap(), "warning: mind the gap\n");
    }

    #[test]
    fn the_tools_of_a_project_come_first() {
        let folder = tempfile::tempdir().unwrap();
        for (tools, tool) in [("node_modules/.bin", "cc"), (".venv/bin", "my-own")] {
            std::fs::create_dir_all(folder.path().join(tools)).unwrap();
            let tool = folder.path().join(tools).join(tool);
            std::fs::write(&tool, "#!/bin/sh\necho mine >>ran\n").unwrap();
            std::fs::set_permissions(&tool, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        }
        run_command("cc && my-own && ls >/dev/null", folder.path()).unwrap();
        assert_eq!(std::fs::read_to_string(folder.path().join("ran")).unwrap(), "mine\nmine\n");
    }

    #[test]
    fn a_command_whose_tool_is_missing_says_what_to_install_and_no_more() {
        let folder = tempfile::tempdir().unwrap();
        let error = run_command("echo noise; PATH= componentize-py -o a.wasm", folder.path()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "componentize-py is missing: python3 -m venv .venv && .venv/bin/pip install componentize-py==0.25.1"
        );
    }

    #[test]
    fn a_command_that_fails_says_how_and_what_to_install() {
        let (message, output) = failure("echo out; echo err >&2; exit 3");
        assert_eq!(message, "`echo out; echo err >&2; exit 3` failed (exit status: 3)");
        assert_eq!(output, "out\nerr\n");
        let (message, _) = failure("no-such-tool-at-all build");
        assert!(message.ends_with("install the tool that is not found, or put it on the PATH"), "{message}");
        let (message, _) = failure("echo 'note: the `wasm32-wasip2` target may not be installed'; exit 101");
        assert!(message.contains("rustup target add wasm32-wasip2"), "{message}");
    }
}
