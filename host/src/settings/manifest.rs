//! The manifest as it may be written: every field that there is, under the name that is the contract.

use super::Settings;
use super::action::ActionManifest;
use super::component::ComponentManifest;
use super::error::{Problem, Written};
use super::host::HostManifest;
use super::kafka::{self, Build, KafkaManifest};
use super::limits::HostLimitsManifest;
use super::sink::{DeadLetterManifest, DeadLetters, Sink, SinkManifest};
use super::source::{Source, SourceManifest};
use super::store::StoreManifest;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

/// A whole manifest.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    name: Option<String>,
    #[serde(default)]
    host: HostManifest,
    #[serde(default)]
    limits: HostLimitsManifest,
    #[serde(default)]
    pub(super) source: SourceManifest,
    #[serde(default)]
    pub(super) sink: SinkManifest,
    #[serde(default)]
    pub(super) dead_letter: DeadLetterManifest,
    #[serde(default)]
    pub(super) store: StoreManifest,
    pub(super) kafka: Option<KafkaManifest>,
    #[serde(default)]
    component: Vec<ComponentManifest>,
    #[serde(default)]
    action: BTreeMap<String, ActionManifest>,
}

impl Manifest {
    /// The settings; paths in it are whole already, what is silent is in `folder`.
    pub(super) fn resolve(self, file: &Path, folder: &Path) -> Result<Settings, Problem> {
        let name = application_name(self.name.clone())?;
        kafka::check_together(&self, Build::THIS)?;
        if self.component.is_empty() {
            return Err(Problem::new(
                "component",
                "no [[component]]: name at least one, such as `path = \"actions.wasm\"`",
            ));
        }
        let components = self.component.into_iter().enumerate();
        let components = components.map(|(index, component)| component.resolve(&format!("component.{index}")));
        let actions = self.action.into_iter().map(|(name, action)| {
            let settings = action.resolve(&format!("action.{name}"))?;
            Ok((name, settings))
        });
        let dead_letters = match &self.source.kafka {
            Some(_) => DeadLetters::Kafka { topic: format!("{name}.dead-letter") },
            None => DeadLetters::File(self.dead_letter.file.unwrap_or_else(|| folder.join("dead-letters.jsonl"))),
        };
        let kafka = self.kafka.map(KafkaManifest::resolve).transpose()?;
        let settings = Settings {
            manifest: file.to_owned(),
            folder: folder.to_owned(),
            name,
            host: self.host.resolve()?,
            limits: self.limits.resolve("limits")?,
            source: self.source.resolve()?,
            sink: self.sink.resolve()?,
            dead_letters,
            store: self.store.resolve(folder)?,
            kafka,
            components: components.collect::<Result<_, _>>()?,
            actions: actions.collect::<Result<_, _>>()?,
            written: Written::default(),
        };
        check_together(&settings)?;
        Ok(settings)
    }
}

/// The application's id: it becomes a part of topic names and labels.
fn application_name(name: Option<String>) -> Result<String, Problem> {
    let Some(name) = name else {
        return Err(Problem::new("name", "the application has no name: begin with `name = \"…\"`"));
    };
    let valid = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if name.is_empty() || name.len() > 200 || !name.bytes().all(valid) || name == "." || name == ".." {
        let message = format!("{name:?} can't name an application: use 1 to 200 letters, digits, `.`, `_` and `-`");
        return Err(Problem::new("name", message));
    }
    Ok(name)
}

/// What only shows when sections are looked at together.
fn check_together(settings: &Settings) -> Result<(), Problem> {
    let dead_letters = match &settings.dead_letters {
        DeadLetters::File(file) => Some(file),
        DeadLetters::Kafka { .. } => None,
    };
    if let Source::File(source) = &settings.source.from {
        if matches!(&settings.sink, Sink::File(sink) if sink == source) {
            return Err(Problem::new("sink.file", "source and sink are the same file"));
        }
        if dead_letters == Some(source) {
            return Err(Problem::new("dead_letter.file", "source and dead letters are the same file"));
        }
    }
    if matches!(&settings.sink, Sink::File(sink) if Some(sink) == dead_letters) {
        return Err(Problem::new("dead_letter.file", "sink and dead letters are the same file"));
    }
    check_topics(settings)?;
    if let (Some(health), Source::Listen(events)) = (settings.host.listen, &settings.source.from)
        && health == *events
        && health.port() != 0
    {
        return Err(Problem::new(
            "host.listen",
            "host.listen and source.listen are the same address: events and /metrics need one each",
        ));
    }
    Ok(())
}

/// Topics are different ones, as files are, and effects have the time they need.
fn check_topics(settings: &Settings) -> Result<(), Problem> {
    let Source::Kafka { topic: source, .. } = &settings.source.from else { return Ok(()) };
    let own = ["action-state", "keyed-state", "control", "dead-letter"].map(|part| format!("{}.{part}", settings.name));
    let sink = match &settings.sink {
        Sink::Kafka { topic } => Some(topic),
        _ => None,
    };
    if sink == Some(source) {
        return Err(Problem::new("sink.kafka.topic", "source and sink are the same topic"));
    }
    for (path, topic) in [("source.kafka.topic", Some(source)), ("sink.kafka.topic", sink)] {
        if let Some(topic) = topic.filter(|topic| own.contains(topic)) {
            let message = format!("{topic} is a topic that weir keeps for {} itself: name another one", settings.name);
            return Err(Problem::new(path, message));
        }
    }
    let (interval, lease) =
        (settings.store.checkpoint_interval_ms, settings.kafka.as_ref().map(|kafka| kafka.lease_ms));
    if lease.is_some_and(|lease| lease < 2 * interval) {
        let message = format!(
            "lease_ms is {}, less than two checkpoint intervals of {interval} ms: effects would wait for a checkpoint \
             again and again",
            lease.unwrap_or_default()
        );
        return Err(Problem::new("kafka.lease_ms", message));
    }
    Ok(())
}
