//! Outputs that are put into the open transaction before their checkpoint is taken.

use super::application::Application;
use rdkafka::consumer::{BaseConsumer, Consumer};
use serde_json::{Value, json};
use std::time::Duration;
use weir_tests::{Manifest, guests, kafka, wait_until};

const EVENTS: u64 = 1_500;
const KEYS: [&str; 4] = ["a", "b", "c", "d"];
/// More than a partition's outputs that are put ahead together.
const AHEAD: i64 = 600;

/// Where the outputs end for readers of this kind, over all partitions.
fn end(application: &Application<'_>, isolation: &str) -> i64 {
    let mut config = application.cluster.client();
    config.set("isolation.level", isolation);
    let consumer: BaseConsumer = config.create().expect("make a consumer");
    let topic = format!("{}-out", application.name);
    let end = |partition| consumer.fetch_watermarks(&topic, partition, Duration::from_secs(30)).expect("an end").1;
    (0..3).map(end).sum()
}

/// Writes so many events for each of four keys.
fn produce(application: &Application<'_>) {
    let events: Vec<Value> =
        (0..EVENTS).flat_map(|_| KEYS.map(|key| json!({"key": key, "do": [{"count": "n"}]}))).collect();
    application.produce_json(&events);
}

/// Each event of each key has its output once, and in order.
fn check(application: &Application<'_>) {
    let output = application.output();
    let counts: Vec<Value> = (1..=EVENTS).map(|n| json!([n])).collect();
    for key in KEYS {
        assert!(output.payloads_of(key) == counts, "{key}: each once and in order");
    }
}

// [S31] [S33]
#[test]
fn outputs_that_were_put_ahead_are_seen_with_their_checkpoint_and_once_after_a_kill() {
    let Some(cluster) = kafka::shared() else { return };
    let application = Application::new(cluster, "ahead", 2);
    produce(&application);
    // So far apart that there is time to look between two of them, and to kill.
    let project = application.host(&application.manifest(&guests::probe()));
    let rare = ["--set", "store.checkpoint_interval_ms=4000", "--set", "kafka.lease_ms=8000"];
    let host = project.start_with(&rare);
    wait_until("outputs stand in an open transaction", || {
        end(&application, "read_uncommitted") > end(&application, "read_committed") + AHEAD
    });
    host.kill();
    let mut host = project.start_with(&rare);
    application.wait_for_outputs(&mut host, 4 * EVENTS as usize);
    host.stop().expect(0);
    check(&application);
}

// [S31]
#[test]
fn a_transaction_is_not_kept_open_for_longer_than_the_brokers_bear() {
    let Some(cluster) = kafka::shared() else { return };
    let application = Application::new(cluster, "ahead-timeout", 2);
    produce(&application);
    let mut manifest = application.manifest(&guests::probe());
    with_client(&mut manifest, "transaction.timeout.ms", "2500");
    let project = application.host(&manifest);
    // Nearly all events are taken long before the first checkpoint.
    let mut host = project.start_with(&["--set", "store.checkpoint_interval_ms=4900", "--set", "kafka.lease_ms=10000"]);
    application.wait_for_outputs(&mut host, 4 * EVENTS as usize);
    let told = host.stderr();
    host.stop().expect(0);
    assert!(!told.contains("another host took over"), "the brokers ended the shard's own transaction:\n{told}");
    check(&application);
}

/// One more property of its clients.
fn with_client(manifest: &mut Manifest, name: &str, value: &str) {
    manifest.more = manifest.more.replace("client = {", &format!("client = {{ {name:?} = {value:?},"));
}
