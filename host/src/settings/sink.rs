//! Where output events and dead letters go: `[sink]`, `[dead_letter]`.

use super::error::Problem;
use super::kafka::TopicManifest;
use serde::Deserialize;
use std::path::PathBuf;

/// `[sink]` as it may be written.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SinkManifest {
    file: Option<PathBuf>,
    stdout: Option<bool>,
    pub(super) kafka: Option<TopicManifest>,
}

/// `[dead_letter]` as it may be written.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DeadLetterManifest {
    pub(super) file: Option<PathBuf>,
}

/// Where output events go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sink {
    /// Lines of a file, each exactly once.
    File(PathBuf),
    /// Lines on standard output, each at least once.
    Stdout,
    /// Nowhere: the application has effects and memory only.
    Nowhere,
}

impl SinkManifest {
    /// The settings.
    pub(super) fn resolve(self) -> Result<Sink, Problem> {
        match (self.file, self.stdout.unwrap_or(false)) {
            (Some(_), true) => Err(Problem::new("sink.stdout", "two sinks, `file` and `stdout`: name one")),
            (Some(file), false) if file.as_os_str().is_empty() => Err(Problem::new("sink.file", "file is empty")),
            (Some(file), false) => Ok(Sink::File(file)),
            (None, true) => Ok(Sink::Stdout),
            (None, false) => Ok(Sink::Nowhere),
        }
    }
}
