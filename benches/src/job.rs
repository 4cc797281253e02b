//! The job "tally": its input events and its manifest.

use anyhow::{Context, ensure};
use std::fmt::Write as _;
use std::io::{BufWriter, Write};
use std::path::Path;

/// Keys of the input events.
pub const KEYS: u64 = 1_000;

/// The payload of an input event.
pub fn payload(number: u64, keys: u64) -> String {
    let key = number % keys;
    format!("{{\"key\":\"key-{key}\",\"n\":{number},\"price\":12}}")
}

/// Writes so many input events, a line each.
pub fn write_events(path: &Path, events: u64, keys: u64) -> anyhow::Result<()> {
    let mut file = BufWriter::new(std::fs::File::create(path)?);
    for number in 0..events {
        writeln!(file, "{}", payload(number, keys))?;
    }
    file.flush()?;
    Ok(())
}

/// Writes so many input events: the lines of a file, again and again.
pub fn repeat_lines(path: &Path, events: u64, lines: &Path) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(lines).with_context(|| format!("read events {}", lines.display()))?;
    ensure!(!text.trim().is_empty(), "{} holds no events", lines.display());
    let mut file = BufWriter::new(std::fs::File::create(path)?);
    for line in text.lines().cycle().take(events as usize) {
        writeln!(file, "{line}")?;
    }
    file.flush()?;
    Ok(())
}

/// How the host of a manifest is set up.
#[derive(Clone, Copy, Debug)]
pub struct Setup<'a> {
    /// The component.
    pub guest: &'a Path,
    /// `source` but for the key.
    pub source: &'a str,
    /// `memory` or `embedded`.
    pub store: &'a str,
    /// Shards.
    pub shards: usize,
    /// Whether output events go to a file.
    pub has_sink: bool,
}

/// Writes the manifest of the job.
pub fn write_manifest(path: &Path, setup: &Setup<'_>) -> anyhow::Result<()> {
    let Setup { guest, source, store, shards, has_sink } = setup;
    let mut text = String::new();
    writeln!(text, "name = \"tally\"\n[host]\nshards = {shards}\n[source]\n{source}\nkey = \"key\"")?;
    if *has_sink {
        writeln!(text, "[sink]\nfile = \"outputs.jsonl\"")?;
    }
    writeln!(text, "[store]\nkind = \"{store}\"\ndirectory = \"store\"")?;
    writeln!(text, "[[component]]\npath = {:?}", guest)?;
    std::fs::write(path, text)?;
    Ok(())
}
