//! An application in a folder of its own.

use crate::lines::Output;
use crate::manifest::Manifest;
use crate::process::{Ended, Weir};
use serde_json::Value;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A folder with a manifest; gone when dropped.
pub struct Project {
    folder: TempDir,
}

impl Project {
    /// An empty folder.
    pub fn empty() -> Self {
        Self { folder: tempfile::Builder::new().prefix("weir-").tempdir().expect("make a folder") }
    }

    /// A folder with this manifest.
    pub fn new(manifest: &Manifest) -> Self {
        let project = Self::empty();
        project.write("weir.toml", manifest.text());
        project
    }

    /// A folder with this manifest, and events in `in.jsonl`.
    pub fn with_events<'a>(manifest: &Manifest, events: impl IntoIterator<Item = &'a Value>) -> Self {
        let project = Self::new(manifest);
        project.write_events(events);
        project
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A file in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    /// Writes a file.
    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), text).expect("write a file of the project");
    }

    /// Changes the manifest.
    pub fn deploy(&self, manifest: &Manifest) {
        self.write("weir.toml", manifest.text());
    }

    /// Writes `in.jsonl`.
    pub fn write_events<'a>(&self, events: impl IntoIterator<Item = &'a Value>) {
        self.write("in.jsonl", to_lines(events));
    }

    /// Appends to `in.jsonl`.
    pub fn append_events<'a>(&self, events: impl IntoIterator<Item = &'a Value>) {
        use std::io::Write;
        let file = std::fs::OpenOptions::new().append(true).open(self.path("in.jsonl"));
        let appended = file.and_then(|mut file| file.write_all(to_lines(events).as_bytes()));
        appended.expect("append to the input");
    }

    /// A file's text.
    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("read {name}: {error}"))
    }

    /// What the sink `out.jsonl` has.
    pub fn output(&self) -> Output {
        Output::read(&self.path("out.jsonl"))
    }

    /// What the dead letters are.
    pub fn dead_letters(&self) -> Output {
        Output::read(&self.path("dead-letters.jsonl"))
    }

    /// Runs the host on it to its end.
    pub fn run(&self) -> Ended {
        self.run_with(&[])
    }

    /// As `run`, with more arguments.
    pub fn run_with(&self, arguments: &[&str]) -> Ended {
        self.start_with(arguments).wait()
    }

    /// Starts the host on it.
    pub fn start(&self) -> Weir {
        self.start_with(&[])
    }

    /// As `start`, with more arguments.
    pub fn start_with(&self, arguments: &[&str]) -> Weir {
        Weir::start(self.folder(), &[&["run"], arguments].concat())
    }

    /// Runs another command of the host in its folder.
    pub fn weir(&self, arguments: &[&str]) -> Ended {
        Weir::start(self.folder(), arguments).wait()
    }
}

/// Events as lines.
pub fn to_lines<'a>(events: impl IntoIterator<Item = &'a Value>) -> String {
    events.into_iter().map(|event| event.to_string() + "\n").collect()
}
