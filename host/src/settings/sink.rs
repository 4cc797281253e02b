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
    /// Records of a topic, each seen exactly once by readers of committed records.
    Kafka {
        /// The topic.
        topic: String,
    },
    /// Nowhere: the application has effects and memory only.
    Nowhere,
}

/// Where dead letters, and events set aside, go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeadLetters {
    /// Lines of a file.
    File(PathBuf),
    /// Records of a topic.
    Kafka {
        /// The topic.
        topic: String,
    },
}

impl SinkManifest {
    /// The name of a sink that is there and is not Kafka.
    pub(super) fn other(&self) -> Option<&'static str> {
        match (&self.file, self.stdout) {
            (Some(_), _) => Some("file"),
            (None, Some(true)) => Some("stdout"),
            _ => None,
        }
    }

    /// The settings.
    pub(super) fn resolve(self) -> Result<Sink, Problem> {
        match (self.file, self.stdout.unwrap_or(false), self.kafka) {
            (Some(_), true, _) => Err(Problem::new("sink.stdout", "two sinks, `file` and `stdout`: name one")),
            (Some(file), false, _) if file.as_os_str().is_empty() => Err(Problem::new("sink.file", "file is empty")),
            (Some(file), false, _) => Ok(Sink::File(file)),
            (None, true, _) => Ok(Sink::Stdout),
            (None, false, Some(kafka)) => Ok(Sink::Kafka { topic: kafka.resolve("sink.kafka")? }),
            (None, false, None) => Ok(Sink::Nowhere),
        }
    }
}
