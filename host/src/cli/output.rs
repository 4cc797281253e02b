//! What goes to standard output.

use anyhow::Context;
use serde::Serialize;
use std::io::Write;

/// Prints text. A reader that has seen enough (`| head`) is no error.
pub fn print(text: &str) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other.context("write to standard output"),
    }
}

/// Says something to people on standard error. Nobody listens if this fails.
pub fn say(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// Prints data, for machines.
pub fn print_json(data: &impl Serialize) -> anyhow::Result<()> {
    print(&(serde_json::to_string_pretty(data)? + "\n"))
}
