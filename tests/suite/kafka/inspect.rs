//! `weir inspect` on Kafka: topics are looked into beside running hosts and without any, and nothing is changed by it.

use super::application::Application;
use rdkafka::consumer::{BaseConsumer, Consumer};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use weir_tests::{Project, control, guests, kafka, wait_until};

const KEYS: [&[u8]; 5] = [b"ann", b"Hualian, Taiwan", b"\xff\x00", b"k1", b"k2"];

/// Two events of each key, in partitions that Weir would not choose.
fn produce(application: &Application<'_>) {
    let events = KEYS.iter().chain(&KEYS).map(|key| (Some(*key), Some(&b"{}"[..])));
    application.produce("consistent", events);
}

/// Where the input has each key.
fn partitions(application: &Application<'_>) -> BTreeMap<Vec<u8>, i32> {
    let records = application.records(&format!("{}-in", application.name));
    records.into_iter().map(|record| (record.key.expect("events have keys"), record.partition)).collect()
}

/// Where each of the application's topics ends.
fn ends(application: &Application<'_>) -> Vec<i64> {
    let mut config = application.cluster.client();
    let consumer: BaseConsumer = config.set("group.id", "ends").create().expect("make a consumer");
    let topics = ["in", "out", "dead-letter", "action-state", "keyed-state", "control"];
    let names = topics.map(|topic| match topic {
        "in" | "out" => format!("{}-{topic}", application.name),
        _ => format!("{}.{topic}", application.name),
    });
    let end = |topic: &String, partition| {
        let (_, end) = consumer.fetch_watermarks(topic, partition, Duration::from_secs(30)).expect("an end");
        end
    };
    names.iter().flat_map(|topic| (0..3).map(move |partition| (topic, partition))).map(|(t, p)| end(t, p)).collect()
}

/// All that can be seen, but for action states, which a running host is about to prune.
fn seen(project: &Project) -> (Vec<Value>, Value) {
    (control::keys(project), control::key(project, "ann"))
}

// [S19] [S20] [S31]
#[test]
fn topics_show_the_same_while_a_host_runs_and_when_none_does() {
    let Some(cluster) = kafka::shared() else { return };
    let application = Application::new(cluster, "inspect", 3);
    let project = application.host(&application.manifest(&guests::tally()));
    // Whoever looks needs nothing of the hosts but the manifest.
    let elsewhere = application.host(&application.manifest(&guests::tally()));
    elsewhere.weir(&["inspect", "keys"]).expect_error(2, &[".action-state is not there", "has not run yet"]);
    let host = project.start();
    produce(&application);
    wait_until("all outputs are there", || application.outputs() == 2 * KEYS.len());
    wait_until("a checkpoint forgets their states", || control::states(&elsewhere).is_empty());
    let live = seen(&elsewhere);
    host.stop().expect(0);
    let before = ends(&application);
    assert_eq!(live, seen(&elsewhere));
    assert_eq!(ends(&application), before, "a look writes nothing");

    let partitions = partitions(&application);
    assert_eq!(live.0.len(), KEYS.len());
    assert_eq!(live.1["short_term_memory"], json!({"count": 2, "total": 4}));
    assert_eq!((&live.1["last_completed"], &live.1["partition"]), (&json!(1), &json!(partitions[&b"ann"[..]])));
    let odd = live.0.iter().find(|key| key["key_is_text"] == false).expect("a key that is not text");
    assert_eq!((&odd["key"], &odd["partition"]), (&json!("%FF%00"), &json!(partitions[&b"\xff\x00"[..]])));
    elsewhere.weir(&["inspect", "key", "nobody"]).expect_error(2, &["no event of key \"nobody\" was ever taken"]);
    let text = elsewhere.weir(&["inspect", "key", "ann"]).expect(0).stdout;
    assert!(text.contains("partition"), "{text}");
}

// [S30]
#[test]
fn keys_come_in_pages_over_all_partitions_and_a_look_moves_no_partition() {
    let Some(cluster) = kafka::shared() else { return };
    let application = Application::new(cluster, "pages", 3);
    let project = application.host(&application.manifest(&guests::tally()));
    let host = project.start();
    produce(&application);
    // A key in two partitions is a key in each of them.
    for partitioner in ["consistent", "murmur2", "fnv1a", "consistent"] {
        application.produce(partitioner, [(Some(&b"both"[..]), Some(&b"{}"[..]))]);
    }
    wait_until("all outputs are there", || application.outputs() == 2 * KEYS.len() + 4);
    let (mut names, mut after) = (Vec::new(), None::<Value>);
    loop {
        let mut arguments = vec!["inspect", "keys", "--json", "--limit", "2"];
        let last = after.take();
        if let Some(last) = &last {
            arguments.extend(["--after", last["key"].as_str().expect("a name")]);
            if last["key_is_text"] == false {
                arguments.push("--encoded");
            }
        }
        let page = project.weir(&arguments).expect(0).json();
        names.extend(page["keys"].as_array().expect("a list").iter().map(|key| key["key"].clone()));
        if page["more"] == false {
            break;
        }
        after = page["keys"].as_array().and_then(|keys| keys.last()).cloned();
    }
    let copies = names.iter().filter(|name| **name == "both").count();
    assert!((1..=3).contains(&copies), "{names:?}");
    names.dedup();
    assert_eq!(names, ["k1", "k2", "%FF%00", "ann", "both", "Hualian, Taiwan"]);
    let said = project.weir(&["inspect", "key", "both", "--json"]).expect(0).stderr;
    assert_eq!(said.contains("its producers do not agree"), copies > 1, "{said}");
    assert!(!host.stderr().contains("given up"), "{}", host.stderr());
    host.stop().expect(0);
}
