//! What weir-kafka is told, from the settings.

use crate::settings::{ClientProperty, DeadLetters, Settings, SettingsError, Sink, Source, Start};
use std::collections::BTreeMap;
use weir_kafka::KafkaSettings;

/// The settings of an application on Kafka, its secrets looked up; none for one that is not.
pub fn kafka_settings(settings: &Settings) -> Result<Option<KafkaSettings>, SettingsError> {
    let (Source::Kafka { topic, start }, DeadLetters::Kafka { topic: dead_letter_topic }, Some(kafka)) =
        (&settings.source.from, &settings.dead_letters, &settings.kafka)
    else {
        return Ok(None);
    };
    Ok(Some(KafkaSettings {
        application: settings.name.clone(),
        bootstrap_servers: kafka.bootstrap_servers.clone(),
        client: read(&kafka.client)?,
        replication_factor: kafka.replication_factor,
        state_topic: kafka.state_topic.clone(),
        lease_ms: kafka.lease_ms,
        connect_timeout_ms: kafka.connect_timeout_ms,
        source_topic: topic.clone(),
        start: match start {
            Start::Earliest => weir_kafka::Start::Earliest,
            Start::Latest => weir_kafka::Start::Latest,
        },
        sink_topic: match &settings.sink {
            Sink::Kafka { topic } => Some(topic.clone()),
            Sink::File(_) | Sink::Stdout | Sink::Nowhere => None,
        },
        dead_letter_topic: dead_letter_topic.clone(),
    }))
}

fn read(client: &BTreeMap<String, ClientProperty>) -> Result<BTreeMap<String, String>, SettingsError> {
    let values = client.iter().map(|(name, property)| {
        let value = property.read();
        let value = value.map_err(|why| SettingsError::unplaced(format!("kafka.client.{name:?} {why}")))?;
        Ok((name.clone(), value))
    });
    values.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    const MANIFEST: &str = "name = \"quakes\"\n[source]\nkafka = { topic = \"in\" }\n[store]\nkind = \"kafka\"\n\
        [kafka]\nbootstrap_servers = \"localhost:9092\"\n[[component]]\npath = \"a.wasm\"\n";

    fn settings(overrides: &[&str]) -> Settings {
        let overrides: Vec<String> = overrides.iter().map(|one| (*one).to_owned()).collect();
        Settings::parse(MANIFEST, Path::new("app/weir.toml"), &overrides).unwrap()
    }

    #[test]
    fn a_manifest_that_says_no_more_gets_the_defaults() {
        let expected = KafkaSettings::new("quakes", "localhost:9092", "in");
        assert_eq!(kafka_settings(&settings(&[])).unwrap(), Some(expected));
        let elsewhere = ["source.file=in.jsonl", "source.key=\"k\"", "store.kind=embedded"];
        assert_eq!(kafka_settings(&settings(&elsewhere)).unwrap(), None);
    }

    // [D20]
    #[test]
    fn a_password_is_read_from_where_the_manifest_says() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        std::fs::write(&file, "hunter2\n").unwrap();
        let place = format!("kafka.client.\"sasl.password\"={{ file = {:?} }}", file.display().to_string());
        let read = kafka_settings(&settings(&[&place])).unwrap().unwrap();
        assert_eq!(read.client["sasl.password"], "hunter2");
        let absent = settings(&["kafka.client.\"sasl.password\"={ env = \"WEIR_TEST_ABSENT\" }"]);
        let message = kafka_settings(&absent).unwrap_err().to_string();
        assert_eq!(
            message,
            "kafka.client.\"sasl.password\" is not there: set the environment variable WEIR_TEST_ABSENT"
        );
    }
}
