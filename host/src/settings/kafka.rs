//! What a manifest may say of Kafka: parsed whole, so that a mistake is found, and refused by this build.

use super::error::Problem;
use super::manifest::Manifest;
use super::store::StoreKindManifest;
use serde::Deserialize;
use std::collections::BTreeMap;

/// What this build answers to a manifest for Kafka.
pub(super) const ABSENT: &str =
    "this build has no Kafka yet: use a file, stdin or listen, and `store.kind = \"embedded\"`";

/// `kafka = { topic = "…" }`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TopicManifest {
    topic: String,
}

/// `[kafka]` as it may be written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KafkaManifest {
    bootstrap_servers: String,
    #[serde(default)]
    client: BTreeMap<String, String>,
    replication_factor: Option<u32>,
    lease_ms: Option<u64>,
}

/// Client properties that exactly-once rests on [S31].
const FIXED: [&str; 10] = [
    "bootstrap.servers",
    "group.id",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "isolation.level",
    "transactional.id",
    "enable.idempotence",
    "enable.gapless.guarantee",
    "acks",
    "max.in.flight.requests.per.connection",
];

/// Looks at all that a manifest says of Kafka.
pub(super) fn check(manifest: &Manifest) -> Result<(), Problem> {
    let source = manifest.source.kafka.as_ref();
    let sink = manifest.sink.kafka.as_ref();
    let store = manifest.store.kind == Some(StoreKindManifest::Kafka);
    for (path, topic) in [("source.kafka", source), ("sink.kafka", sink)] {
        if topic.is_some_and(|kafka| kafka.topic.is_empty()) {
            return Err(Problem::new(format!("{path}.topic"), "topic is empty"));
        }
    }
    if let Some(kafka) = &manifest.kafka {
        check_client(kafka)?;
    }
    if (source.is_some() || sink.is_some() || store) && !(source.is_some() && store) {
        let path = if store {
            "store.kind"
        } else if source.is_some() {
            "source.kafka"
        } else {
            "sink.kafka"
        };
        let message = "Kafka source, store and sink go together only (the sink may be left out)";
        return Err(Problem::new(path, message));
    }
    match () {
        () if store => Err(Problem::new("store.kind", ABSENT)),
        () if manifest.kafka.is_some() => Err(Problem::new("kafka", ABSENT)),
        () => Ok(()),
    }
}

fn check_client(kafka: &KafkaManifest) -> Result<(), Problem> {
    if kafka.bootstrap_servers.is_empty() {
        return Err(Problem::new("kafka.bootstrap_servers", "bootstrap_servers is empty"));
    }
    for (number, path) in
        [(kafka.replication_factor.map(u64::from), "replication_factor"), (kafka.lease_ms, "lease_ms")]
    {
        if number == Some(0) {
            return Err(Problem::new(format!("kafka.{path}"), format!("{path} is 1 at least")));
        }
    }
    match kafka.client.keys().find(|name| FIXED.contains(&name.as_str())) {
        Some(name) => {
            Err(Problem::new("kafka.client", format!("`{name}` can't be set: exactly-once rests on Weir's own value")))
        }
        None => Ok(()),
    }
}
