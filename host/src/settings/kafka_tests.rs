//! What a manifest may say of Kafka, and each mistake in it.

use super::*;
use std::path::Path;

const GOOD: &str = r#"name = "quakes"
[source]
kafka = { topic = "in" }
[store]
kind = "kafka"
[kafka]
bootstrap_servers = "a:9092"
[[component]]
path = "quakes.wasm"
"#;

fn parse(text: &str, overrides: &[&str]) -> Result<Settings, String> {
    let overrides: Vec<String> = overrides.iter().map(|one| one.to_string()).collect();
    Settings::parse(text, Path::new("app/weir.toml"), &overrides).map_err(|error| error.to_string())
}

const TOGETHER: &str = "Kafka source, store and sink go together only (the sink may be left out)";

#[test]
fn kafka_source_store_and_sink_go_together_only() {
    let cases = [
        ("[store]\nkind = \"kafka\"\n", "", "3:1", ": add `kind = \"kafka\"` to [store]"),
        (
            "kafka = { topic = \"in\" }",
            "file = \"in.jsonl\"\nkey = \"k\"",
            "6:1",
            ": name the topic of the input, `kafka = { topic = \"…\" }` in [source]",
        ),
        ("[store]", "[sink]\nfile = \"out.jsonl\"\n[store]", "5:1", ": name a topic, `kafka = { topic = \"…\" }`"),
        ("[store]", "[sink]\nstdout = true\n[store]", "5:1", ": name a topic, `kafka = { topic = \"…\" }`"),
    ];
    for (from, to, place, what) in cases {
        let expected = format!("app/weir.toml:{place}: {TOGETHER}{what}");
        assert_eq!(parse(&GOOD.replace(from, to), &[]), Err(expected), "{to}");
    }
    let sink = "name = \"a\"\n[source]\nfile = \"in.jsonl\"\nkey = \"k\"\n[sink]\nkafka = { topic = \"t\" }\n";
    assert!(parse(sink, &[]).unwrap_err().starts_with(&format!("app/weir.toml:6:1: {TOGETHER}")));
}

#[test]
fn a_build_without_kafka_says_so() {
    let manifest: Manifest = toml::from_str(GOOD).unwrap();
    let problem = kafka::check_together(&manifest, kafka::Build::WithoutKafka).unwrap_err();
    assert_eq!(problem.path, "store.kind");
    assert!(problem.message.starts_with("this build of weir has no Kafka: use one that has"), "{problem:?}");
    assert_eq!(kafka::check_together(&manifest, kafka::Build::WithKafka), Ok(()));
    let elsewhere: Manifest = toml::from_str("[source]\nstdin = true\n[kafka]\nbootstrap_servers = \"a:1\"\n").unwrap();
    assert_eq!(kafka::check_together(&elsewhere, kafka::Build::WithoutKafka), Ok(()), "nothing of it is on Kafka");
}

#[cfg(feature = "kafka")]
mod with_kafka {
    use super::*;

    const WHOLE: &str = r#"name = "quakes"
[source]
kafka = { topic = "in" }
start = "latest"
kind = "type"
[sink]
kafka = { topic = "alerts" }
[store]
kind = "kafka"
[kafka]
bootstrap_servers = "a:9092,b:9092"
replication_factor = 3
lease_ms = 2000
connect_timeout_ms = 500
state_topic = { "segment.ms" = 5000, "min.cleanable.dirty.ratio" = 0.1 }
[kafka.client]
"security.protocol" = "SASL_SSL"
"session.timeout.ms" = 6000
"ssl.ca.location" = "ca.pem"
"sasl.username" = "weir"
"sasl.password" = { env = "KAFKA_PASSWORD" }
"ssl.key.password" = { file = "key-password" }
[[component]]
path = "quakes.wasm"
"#;

    #[test]
    fn a_whole_manifest_for_kafka_is_read() {
        let settings = parse(WHOLE, &[]).unwrap();
        assert_eq!(settings.source.from, Source::Kafka { topic: "in".into(), start: Start::Latest });
        assert_eq!(settings.source.key, None);
        assert_eq!(settings.sink, Sink::Kafka { topic: "alerts".into() });
        assert_eq!(settings.dead_letters, DeadLetters::Kafka { topic: "quakes.dead-letter".into() });
        assert_eq!((settings.store.kind, settings.store.checkpoint_interval_ms), (StoreKind::Kafka, 100));
        let kafka = settings.kafka.unwrap();
        assert_eq!(kafka.bootstrap_servers, "a:9092,b:9092");
        assert_eq!((kafka.replication_factor, kafka.lease_ms, kafka.connect_timeout_ms), (Some(3), 2_000, 500));
        assert_eq!(kafka.state_topic["segment.ms"], "5000");
        assert_eq!(kafka.state_topic["min.cleanable.dirty.ratio"], "0.1");
        let text = |text: &str| ClientProperty::Text(text.to_owned());
        assert_eq!(kafka.client["session.timeout.ms"], text("6000"));
        assert_eq!(kafka.client["ssl.ca.location"], text("app/ca.pem"));
        let password = ClientProperty::Secret(SecretPlace::Environment("KAFKA_PASSWORD".into()));
        assert_eq!(kafka.client["sasl.password"], password);
        let password = ClientProperty::Secret(SecretPlace::File("app/key-password".into()));
        assert_eq!(kafka.client["ssl.key.password"], password);
    }

    #[test]
    fn an_argument_sets_a_property_as_it_is_written() {
        let overrides = [
            "kafka.client.\"sasl.password\"=1e5",
            "kafka.client.\"ssl.ca.location\"=ca.pem",
            "kafka.client.\"ssl.key.password\"={ env = \"KEY\" }",
            "kafka.state_topic.\"segment.ms\"=10",
        ];
        let kafka = parse(GOOD, &overrides).unwrap().kafka.unwrap();
        assert_eq!(kafka.client["sasl.password"], ClientProperty::Text("1e5".into()));
        assert_eq!(kafka.client["ssl.ca.location"], ClientProperty::Text("ca.pem".into()));
        assert!(matches!(kafka.client["ssl.key.password"], ClientProperty::Secret(_)));
        assert_eq!(kafka.state_topic["segment.ms"], "10");
    }

    #[test]
    fn what_is_not_on_kafka_takes_the_place_of_what_is() {
        let settings = parse(GOOD, &["source.file=in.jsonl", "source.key=k", "store.kind=memory"]).unwrap();
        assert_eq!(settings.source.from, Source::File("in.jsonl".into()));
        assert_eq!(settings.dead_letters, DeadLetters::File("app/dead-letters.jsonl".into()));
        assert_eq!(settings.store.checkpoint_interval_ms, 1_000);
    }

    // [S20]
    #[test]
    fn a_key_path_on_a_kafka_source_is_refused() {
        let message = parse(&GOOD.replace("[store]", "key = \"region\"\n[store]"), &[]).unwrap_err();
        let expected = "app/weir.toml:4:1: key can't be set on Kafka: it is the record's, by which the topic is \
                        partitioned; leave it out";
        assert_eq!(message, expected);
    }

    // [S31]
    #[test]
    fn a_property_that_exactly_once_rests_on_is_refused_by_name() {
        for name in ["acks", "isolation.level", "transactional.id", "enable.auto.commit", "max.in.flight"] {
            let message = parse(GOOD, &[&format!("kafka.client.\"{name}\"=1")]).unwrap_err();
            assert!(message.contains(&format!(": `{name}` can't be set: ")), "{message}");
        }
        let text = GOOD.replace("[[component]]", "client = { acks = 1 }\n[[component]]");
        let expected = "app/weir.toml:8:1: `acks` can't be set: a put is durable when it is acknowledged";
        assert_eq!(parse(&text, &[]), Err(expected.to_owned()));
    }

    #[test]
    fn each_mistake_about_kafka_gets_its_line() {
        let cases = [
            ("[kafka]\nbootstrap_servers = \"a:9092\"\n", "", "app/weir.toml: no [kafka]: say where its brokers are"),
            ("\"a:9092\"", "\" \"", "app/weir.toml:7:1: bootstrap_servers is empty: name a broker"),
            ("\"in\"", "\"\"", "app/weir.toml:3:11: \"\" can't name a topic: use 1 to 249 letters, digits"),
            ("\"in\"", "\"i n\"", "app/weir.toml:3:11: \"i n\" can't name a topic"),
            (
                "\"in\"",
                "\"quakes.control\"",
                "app/weir.toml:3:11: quakes.control is a topic that weir keeps for quakes itself: name another one",
            ),
            (
                "[store]",
                "[sink]\nkafka = { topic = \"in\" }\n[store]",
                "app/weir.toml:5:11: source and sink are the same topic",
            ),
            (
                "[store]",
                "[dead_letter]\nfile = \"d\"\n[store]",
                "app/weir.toml:5:1: dead letters go to a topic where the source is one, NAME.dead-letter: leave the file out",
            ),
            ("[store]", "file = \"in\"\n[store]", "app/weir.toml:3:1: two sources, `file` and `kafka`"),
            (
                "[store]",
                "start = \"first\"\n[store]",
                "app/weir.toml:4:9: unknown value `first`, there are: earliest, latest",
            ),
            ("[[", "lease_ms = 0\n[[", "app/weir.toml:8:1: lease_ms is 1 at least"),
            (
                "[[",
                "lease_ms = 199\n[[",
                "app/weir.toml:8:1: lease_ms is 199, less than two checkpoint intervals of 100 ms",
            ),
            ("[[", "connect_timeout_ms = 0\n[[", "app/weir.toml:8:1: connect_timeout_ms is 1 at least"),
            ("[[", "replication_factor = 0\n[[", "app/weir.toml:8:1: replication_factor is from 1 to 32767"),
            (
                "[[",
                "state_topic = { \"cleanup.policy\" = \"delete\" }\n[[",
                "app/weir.toml:8:1: `cleanup.policy` can't be set",
            ),
            (
                "[[",
                "servers = \"a\"\n[[",
                "app/weir.toml:8:1: unknown field `servers` in [kafka], did you mean `bootstrap_servers`?",
            ),
            (
                "[[",
                "client = { acks = [1] }\n[[",
                "app/weir.toml:8:19: found something else where a string, a number, true, false or { env = \"…\" } or \
                 { file = \"…\" } is expected",
            ),
            (
                "[[",
                "client = { \"sasl.password\" = { env = \"a\", file = \"b\" } }\n[[",
                "app/weir.toml:8:1: a property is read from one place: name `env` or `file`",
            ),
        ];
        for (from, to, expected) in cases {
            let message = parse(&GOOD.replace(from, to), &[]).unwrap_err();
            assert!(message.starts_with(expected), "{to}\n{message}\n{expected}");
        }
    }
}
