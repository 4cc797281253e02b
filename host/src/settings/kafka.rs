//! What a manifest may say of Kafka: `[kafka]`, the topics of source and sink, and what goes together.

use super::component::TextManifest;
use super::error::Problem;
use super::manifest::Manifest;
use super::secret::SecretPlace;
use super::store::StoreKindManifest;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What a build without Kafka answers to a manifest for Kafka.
const ABSENT: &str = "this build of weir has no Kafka: use one that has, such as `cargo build --release -p weir` makes";
/// What is said where only a part of source, store and sink is on Kafka.
const TOGETHER: &str = "Kafka source, store and sink go together only (the sink may be left out)";

const LEASE_MS: u64 = 1_000;
const CONNECT_TIMEOUT_MS: u64 = 10_000;
/// What Kafka takes for a topic's name.
const TOPIC_BYTES_MAX: usize = 249;

/// `kafka = { topic = "…" }`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TopicManifest {
    pub(super) topic: String,
}

/// `[kafka]` as it may be written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KafkaManifest {
    bootstrap_servers: String,
    #[serde(default)]
    client: BTreeMap<String, ClientManifest>,
    replication_factor: Option<u32>,
    #[serde(default)]
    state_topic: BTreeMap<String, TextManifest>,
    lease_ms: Option<u64>,
    connect_timeout_ms: Option<u64>,
}

/// A property of the client: what it is, or where it is read from.
#[derive(Clone, Debug, Deserialize)]
#[serde(
    untagged,
    expecting = "invalid type: something else, expected a string, a number, true, false or { env = \"…\" } or { file = \"…\" }"
)]
enum ClientManifest {
    Here(TextManifest),
    There(PlaceManifest),
}

/// Where a property is read from, as it may be written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PlaceManifest {
    env: Option<String>,
    file: Option<PathBuf>,
}

/// How Kafka is reached and used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KafkaSettings {
    /// Brokers to begin with.
    pub bootstrap_servers: String,
    /// Properties of librdkafka.
    pub client: BTreeMap<String, ClientProperty>,
    /// Replicas of topics that are made; none: as many as the brokers' default.
    pub replication_factor: Option<u32>,
    /// Settings of the state topics when they are made, over Weir's own.
    pub state_topic: BTreeMap<String, String>,
    /// How long a shard may act after the sending of its last committed checkpoint [S32].
    pub lease_ms: u64,
    /// How long a start may take to find its brokers and be let in.
    pub connect_timeout_ms: u64,
}

/// The value of a property of librdkafka.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientProperty {
    /// Text.
    Text(String),
    /// What the manifest names and does not hold.
    Secret(SecretPlace),
}

impl ClientProperty {
    /// Looks the value up; what is wrong is told without its name.
    #[cfg(feature = "kafka")]
    pub(crate) fn read(&self) -> Result<String, String> {
        match self {
            Self::Text(text) => Ok(text.clone()),
            Self::Secret(place) => place.read(),
        }
    }
}

impl ClientManifest {
    /// The value; `path` is that of the property.
    fn resolve(self, path: &str) -> Result<ClientProperty, Problem> {
        match self {
            Self::Here(text) => Ok(ClientProperty::Text(text.into_text())),
            Self::There(PlaceManifest { env: Some(name), file: None }) => {
                Ok(ClientProperty::Secret(SecretPlace::Environment(name)))
            }
            Self::There(PlaceManifest { env: None, file: Some(file) }) => {
                Ok(ClientProperty::Secret(SecretPlace::File(file)))
            }
            Self::There(_) => Err(Problem::new(path, "a property is read from one place: name `env` or `file`")),
        }
    }
}

impl KafkaManifest {
    /// The settings.
    pub(super) fn resolve(self) -> Result<KafkaSettings, Problem> {
        if self.bootstrap_servers.trim().is_empty() {
            let message = "bootstrap_servers is empty: name a broker, such as `localhost:9092`";
            return Err(Problem::new("kafka.bootstrap_servers", message));
        }
        if let Some((name, reason)) = self.client.keys().find_map(|name| fixed(name).map(|reason| (name, reason))) {
            return Err(Problem::new("kafka.client", format!("`{name}` can't be set: {reason}")));
        }
        if self.state_topic.contains_key("cleanup.policy") {
            let message = "`cleanup.policy` can't be set: state stands in compacted topics, or it would be lost";
            return Err(Problem::new("kafka.state_topic", message));
        }
        let client = self.client.into_iter().map(|(name, value)| {
            let value = value.resolve(&format!("kafka.client.{name}"))?;
            Ok((name, value))
        });
        let settings = KafkaSettings {
            bootstrap_servers: self.bootstrap_servers,
            client: client.collect::<Result<_, _>>()?,
            replication_factor: self.replication_factor,
            state_topic: self.state_topic.into_iter().map(|(name, value)| (name, value.into_text())).collect(),
            lease_ms: self.lease_ms.unwrap_or(LEASE_MS),
            connect_timeout_ms: self.connect_timeout_ms.unwrap_or(CONNECT_TIMEOUT_MS),
        };
        if settings.replication_factor.is_some_and(|replicas| !(1..=i16::MAX as u32).contains(&replicas)) {
            return Err(Problem::new("kafka.replication_factor", "replication_factor is from 1 to 32767"));
        }
        for (value, name) in [(settings.lease_ms, "lease_ms"), (settings.connect_timeout_ms, "connect_timeout_ms")] {
            if value == 0 {
                return Err(Problem::new(format!("kafka.{name}"), format!("{name} is 1 at least")));
            }
        }
        Ok(settings)
    }
}

impl TopicManifest {
    /// The topic's name; `path` is that of this table.
    pub(super) fn resolve(self, path: &str) -> Result<String, Problem> {
        let topic = self.topic;
        let valid = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if topic.is_empty()
            || topic.len() > TOPIC_BYTES_MAX
            || !topic.bytes().all(valid)
            || matches!(&*topic, "." | "..")
        {
            let message =
                format!("{topic:?} can't name a topic: use 1 to {TOPIC_BYTES_MAX} letters, digits, `.`, `_` and `-`");
            return Err(Problem::new(format!("{path}.topic"), message));
        }
        Ok(topic)
    }
}

/// What a build of weir has in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Build {
    WithKafka,
    WithoutKafka,
}

impl Build {
    /// This one.
    pub(super) const THIS: Self = if cfg!(feature = "kafka") { Self::WithKafka } else { Self::WithoutKafka };
}

/// Looks at whether source, store and sink go together, and whether the build has what they need.
pub(super) fn check_together(manifest: &Manifest, build: Build) -> Result<(), Problem> {
    let source = manifest.source.kafka.is_some();
    let sink = manifest.sink.kafka.is_some();
    let store = manifest.store.kind == Some(StoreKindManifest::Kafka);
    if !(source || sink || store) {
        return Ok(());
    }
    let missing = |path: &str, what: &str| Err(Problem::new(path, format!("{TOGETHER}: {what}")));
    if !source {
        let path = if store { "store.kind" } else { "sink.kafka" };
        return missing(path, "name the topic of the input, `kafka = { topic = \"…\" }` in [source]");
    }
    if !store {
        return missing("source.kafka", "add `kind = \"kafka\"` to [store]");
    }
    if let Some(other) = manifest.sink.other() {
        return missing(&format!("sink.{other}"), "name a topic, `kafka = { topic = \"…\" }`");
    }
    if manifest.dead_letter.file.is_some() {
        let message = "dead letters go to a topic where the source is one, NAME.dead-letter: leave the file out";
        return Err(Problem::new("dead_letter.file", message));
    }
    if build == Build::WithoutKafka {
        return Err(Problem::new("store.kind", ABSENT));
    }
    if manifest.kafka.is_none() {
        let message = "no [kafka]: say where its brokers are, such as `bootstrap_servers = \"localhost:9092\"`";
        return Err(Problem::new("kafka", message));
    }
    Ok(())
}

#[cfg(feature = "kafka")]
fn fixed(name: &str) -> Option<&'static str> {
    weir_kafka::properties::fixed(name)
}

#[cfg(not(feature = "kafka"))]
fn fixed(_: &str) -> Option<&'static str> {
    None
}

/// Whether what stands at this path of a manifest is the path of a file, by the property that it is of.
#[cfg(feature = "kafka")]
pub(super) fn is_path(path: &[String], value: &str) -> bool {
    matches!(path, [kafka, client, name] if kafka == "kafka" && client == "client"
        && weir_kafka::properties::is_path(name, value))
}

#[cfg(not(feature = "kafka"))]
pub(super) fn is_path(_: &[String], _: &str) -> bool {
    false
}
