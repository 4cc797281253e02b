//! What goes to standard output.

use serde::Serialize;
use std::io::Write;

/// Prints text. A reader that has seen enough (`| head`) is no error.
pub fn print(text: &str) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

/// Prints data, for machines.
pub fn print_json(data: &impl Serialize) -> anyhow::Result<()> {
    print(&(serde_json::to_string_pretty(data)? + "\n"))
}
