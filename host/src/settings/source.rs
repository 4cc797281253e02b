//! Where input events come from: `[source]`.

use super::error::Problem;
use super::field_path::FieldPath;
use super::host::address;
use super::kafka::TopicManifest;
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::PathBuf;

/// `[source]` as it may be written.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SourceManifest {
    file: Option<PathBuf>,
    stdin: Option<bool>,
    listen: Option<String>,
    pub(super) kafka: Option<TopicManifest>,
    key: Option<String>,
    kind: Option<String>,
    timestamp: Option<String>,
    on_bad_event: Option<OnBadEvent>,
    start: Option<Start>,
}

/// Where a Kafka source starts when its application runs for the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Start {
    /// With the oldest record of the topic.
    Earliest,
    /// With what comes after the start.
    Latest,
}

/// Where input events come from and how they are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceSettings {
    /// The one ordered source.
    pub from: Source,
    /// Where in the payload the key stands. Always there for files and stdin; a posted event has its key in the URL, a
    /// record of Kafka has one of its own.
    pub key: Option<FieldPath>,
    /// Where in the payload the kind stands; else it is `input`.
    pub kind: Option<FieldPath>,
    /// Where in the payload the source timestamp stands, milliseconds since 1970 UTC; else a record of Kafka has its own.
    pub timestamp: Option<FieldPath>,
    /// What becomes of what is no event.
    pub on_bad_event: OnBadEvent,
}

/// The one ordered source of an application [S1].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Lines of a file.
    File(PathBuf),
    /// Lines of standard input, by way of the inbox.
    Stdin,
    /// Events posted to this address, by way of the inbox.
    Listen(SocketAddr),
    /// Records of a topic.
    Kafka {
        /// The topic.
        topic: String,
        /// Where it is read from when the application runs for the first time.
        start: Start,
    },
}

/// What becomes of what is no event: not JSON, no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnBadEvent {
    /// The host stops.
    Stop,
    /// It goes to the dead letters.
    SetAside,
}

impl SourceManifest {
    /// The settings.
    pub(super) fn resolve(self) -> Result<SourceSettings, Problem> {
        let field = |name: &str, text: Option<String>| {
            text.map(|text| FieldPath::parse(&text))
                .transpose()
                .map_err(|message| Problem::new(format!("source.{name}"), message))
        };
        let settings = SourceSettings {
            key: field("key", self.key)?,
            kind: field("kind", self.kind)?,
            timestamp: field("timestamp", self.timestamp)?,
            on_bad_event: self.on_bad_event.unwrap_or(OnBadEvent::Stop),
            from: one_source(self.file, self.stdin, self.listen, self.kafka, self.start)?,
        };
        let on_kafka = matches!(settings.from, Source::Kafka { .. });
        if on_kafka && settings.key.is_some() {
            let message =
                "key can't be set on Kafka: it is the record's, by which the topic is partitioned; leave it out";
            return Err(Problem::new("source.key", message));
        }
        if self.start.is_some() && !on_kafka {
            return Err(Problem::new(
                "source.start",
                "start is for a Kafka source: files and the inbox are read from their beginning",
            ));
        }
        if settings.key.is_none() && matches!(settings.from, Source::File(_) | Source::Stdin) {
            let message = "key is missing in [source]: name the field of the payload that events are keyed by, such as `key = \"user.id\"`";
            return Err(Problem::new("source.key", message));
        }
        Ok(settings)
    }
}

fn one_source(
    file: Option<PathBuf>,
    stdin: Option<bool>,
    listen: Option<String>,
    kafka: Option<TopicManifest>,
    start: Option<Start>,
) -> Result<Source, Problem> {
    match (file, stdin.unwrap_or(false), listen, kafka) {
        (Some(file), false, None, None) if file.as_os_str().is_empty() => {
            Err(Problem::new("source.file", "file is empty"))
        }
        (Some(file), false, None, None) => Ok(Source::File(file)),
        (None, true, None, None) => Ok(Source::Stdin),
        (None, false, Some(listen), None) => Ok(Source::Listen(address("source.listen", &listen)?)),
        (None, false, None, Some(kafka)) => {
            Ok(Source::Kafka { topic: kafka.resolve("source.kafka")?, start: start.unwrap_or(Start::Earliest) })
        }
        (None, false, None, None) => {
            Err(Problem::new("source", "no source: name one of `file`, `stdin`, `listen`, `kafka` in [source]"))
        }
        (file, stdin, listen, kafka) => {
            let written =
                [("file", file.is_some()), ("stdin", stdin), ("listen", listen.is_some()), ("kafka", kafka.is_some())];
            let mut names = written.iter().filter(|(_, there)| *there).map(|(name, _)| *name);
            let (first, second) = (names.next().unwrap_or_default(), names.next().unwrap_or_default());
            let message = format!(
                "two sources, `{first}` and `{second}`: an application has one, for events are read in one order"
            );
            Err(Problem::new(format!("source.{second}"), message))
        }
    }
}
