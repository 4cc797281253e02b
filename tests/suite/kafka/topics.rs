//! `weir topics`, and what a start does about topics.

use serde_json::{Value, json};
use std::sync::Barrier;
use std::time::{Duration, Instant};
use weir_kafka::KafkaSettings;
use weir_tests::kafka::{self, Cluster, manifest, unique};
use weir_tests::{Manifest, Project};

/// An application whose input has so many partitions; none: it is not there.
struct Application {
    name: String,
    project: Project,
}

impl Application {
    fn new(cluster: &Cluster, test: &str, partitions: Option<u32>) -> Self {
        let name = unique(test);
        if let Some(partitions) = partitions {
            cluster.create_topic(&format!("{name}-in"), partitions, &[]);
        }
        let project = Project::new(&manifest(&name, cluster.bootstrap(), "a.wasm".as_ref()));
        Self { name, project }
    }

    fn topic(&self, part: &str) -> String {
        format!("{}{part}", self.name)
    }

    fn settings(&self, cluster: &Cluster) -> KafkaSettings {
        KafkaSettings::new(&self.name, cluster.bootstrap(), &self.topic("-in"))
    }
}

fn of_role<'a>(report: &'a Value, role: &str) -> &'a Value {
    let topics = report["topics"].as_array().expect("a list");
    topics.iter().find(|topic| topic["role"] == role).unwrap_or_else(|| panic!("no {role} in {report}"))
}

// [D20]
#[test]
fn missing_topics_are_made_with_the_settings_that_state_needs() {
    let Some(cluster) = kafka::shared() else { return };
    let application = Application::new(cluster, "made", Some(3));
    let before = application.project.weir(&["topics", "--json"]).expect(0).json();
    assert_eq!(of_role(&before, "keyed-state")["presence"], "missing");
    let set = ["--set", "kafka.state_topic.\"segment.ms\"=5000"];
    let made = application.project.weir(&[&["topics", "--create", "--json"], &set[..]].concat()).expect(0).json();
    for role in ["action-state", "keyed-state"] {
        let topic = of_role(&made, role);
        assert_eq!(topic["name"], application.topic(&format!(".{role}")));
        assert_eq!((&topic["presence"], &topic["partitions"]), (&json!("there"), &json!(3)));
        let settings = &topic["settings"];
        assert_eq!(settings["cleanup.policy"], "compact");
        assert_eq!(settings["segment.bytes"], "67108864");
        assert_eq!(settings["min.cleanable.dirty.ratio"], "0.3");
        assert_eq!(settings["max.compaction.lag.ms"], "3600000");
        assert_eq!(settings["delete.retention.ms"], "3600000");
        assert_eq!(settings["segment.ms"], "5000", "the manifest's stands over Weir's own");
    }
    assert_eq!(of_role(&made, "control")["settings"]["cleanup.policy"], "delete");
    assert_eq!(of_role(&made, "sink")["name"], application.topic("-out"));
    assert_eq!(of_role(&made, "dead-letter")["name"], application.topic(".dead-letter"));
    let text = application.project.weir(&["topics"]).expect(0).stdout;
    assert!(text.contains("all is well"), "{text}");
}

// [S26]
#[test]
fn a_start_knows_how_large_a_record_may_be() {
    let Some(cluster) = kafka::shared() else { return };
    let application = Application::new(cluster, "sizes", Some(1));
    cluster.create_topic(&application.topic(".dead-letter"), 2, &[("max.message.bytes", "200000")]);
    let topics = weir_kafka::ensure(&application.settings(cluster)).unwrap();
    assert_eq!(topics.action_state.record_bytes_max, 16_777_216 - 512);
    assert_eq!((topics.dead_letter.record_bytes_max, topics.dead_letter.partitions), (200_000 - 512, 2));
    assert_eq!(topics.keyed_state.reading_ms_max, 3_600_000);
    assert_eq!((topics.partitions, topics.sink), (1, None));
}

// [D20]
#[test]
fn hosts_that_start_together_all_make_the_topics_and_none_fails() {
    let Some(cluster) = kafka::shared() else { return };
    let application = Application::new(cluster, "race", Some(2));
    let settings = application.settings(cluster);
    let together = Barrier::new(4);
    let topics: Vec<_> = std::thread::scope(|scope| {
        let start = || {
            together.wait();
            weir_kafka::ensure(&settings)
        };
        let hosts: Vec<_> = (0..4).map(|_| scope.spawn(start)).collect();
        hosts.into_iter().map(|host| host.join().unwrap().unwrap()).collect()
    });
    assert!(topics.iter().all(|one| *one == topics[0]), "{topics:?}");
}

#[test]
fn an_input_that_is_not_there_says_how_to_make_it() {
    let Some(cluster) = kafka::shared() else { return };
    let application = Application::new(cluster, "no-input", None);
    let topic = application.topic("-in");
    let text = application.project.weir(&["topics", "--create"]).expect(2).stdout;
    let line = format!("error: topic {topic} is not there, the input of {}: make it, with as many", application.name);
    assert!(text.contains(&line) && text.contains(&format!("kafka-topics --create --topic {topic}")), "{text}");
    let error = weir_kafka::ensure(&application.settings(cluster)).unwrap_err();
    assert!(error.is_refusal() && error.to_string().contains("is not there"), "{error}");
}

// [S20]
#[test]
fn topics_that_do_not_fit_each_get_a_line_and_a_start_refuses_them() {
    let Some(cluster) = kafka::shared() else { return };
    let application = Application::new(cluster, "misfit", Some(2));
    cluster.create_topic(&application.topic(".action-state"), 3, &[("cleanup.policy", "compact")]);
    cluster.create_topic(&application.topic(".keyed-state"), 2, &[("cleanup.policy", "compact,delete")]);
    cluster.create_topic(&application.topic("-out"), 2, &[("min.insync.replicas", "2")]);
    let report = application.project.weir(&["topics", "--create", "--json"]).expect(2).json();
    let problems = |role: &str| of_role(&report, role)["problems"].to_string();
    assert!(problems("action-state").contains("has 3 partitions, its input 2 partitions: "));
    assert!(
        problems("keyed-state").contains("has cleanup.policy=compact,delete, its state would be lost: run `kafka-")
    );
    assert!(problems("sink").contains("has min.insync.replicas=2, and replicas 1"));
    assert_eq!(problems("control"), "[]");
    let error = weir_kafka::ensure(&application.settings(cluster)).unwrap_err().to_string();
    assert!(error.contains(".action-state has 3 partitions") && error.contains("(and 1 more: see `weir topics`)"));
}

#[test]
fn more_replicas_than_brokers_name_the_setting() {
    let Some(cluster) = kafka::shared() else { return };
    let application = Application::new(cluster, "replicas", Some(1));
    let words = ["the cluster has fewer brokers than", ", 7: change kafka.replication_factor"];
    let ended = application.project.weir(&["topics", "--create", "--set", "kafka.replication_factor=7"]);
    ended.expect_error(2, &words);
}

// [D20]
#[test]
fn brokers_that_can_not_be_found_are_one_line_within_the_timeout() {
    let project = |bootstrap: &str| Project::new(&manifest("lost", bootstrap, "a.wasm".as_ref()));
    let timeout = ["--set", "kafka.connect_timeout_ms=1500"];
    let cases = [
        ("nohost.invalid:9092", 2, "the name can't be resolved"),
        ("127.0.0.1:9", 1, "connection refused: start the brokers, or change kafka.bootstrap_servers"),
    ];
    for (bootstrap, code, words) in cases {
        let start = Instant::now();
        let ended = project(bootstrap).weir(&[&["topics"], &timeout[..]].concat());
        ended.expect_error(code, &[&format!("connect to Kafka at {bootstrap}: "), words]);
        assert!(start.elapsed() < Duration::from_secs(4), "{bootstrap} took {:?}", start.elapsed());
    }
}

// [S31]
#[test]
fn properties_that_do_not_go_are_one_line_each() {
    let project = Project::new(&manifest("properties", "127.0.0.1:9", "a.wasm".as_ref()));
    let cases = [
        ("\"acks\"=1", "`acks` can't be set: a put is durable when it is acknowledged"),
        ("\"bogus.property\"=1", "there is no property \"bogus.property\""),
        ("\"session.timeout.ms\"=often", "\"session.timeout.ms\" can't have this value"),
        ("\"security.protocol\"=SASL_PLAINTEXT", "name PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512"),
        ("\"ssl.ca.location\"={ env = \"WEIR_TEST_ABSENT\" }", "set the environment variable WEIR_TEST_ABSENT"),
    ];
    for (property, words) in cases {
        project.weir(&["topics", "--set", &format!("kafka.client.{property}")]).expect_error(2, &[words]);
    }
}

#[test]
fn an_application_that_is_not_on_kafka_has_no_topics() {
    let project = Project::new(&Manifest::new("a.wasm".as_ref()));
    project.weir(&["topics"]).expect_error(2, &["weir.toml is not on Kafka, and so has no topics"]);
}
