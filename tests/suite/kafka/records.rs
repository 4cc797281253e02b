//! Records that are no events, or none that an action takes; records of the log that can't be decoded.

use super::application::Application;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use serde_json::{Value, json};
use std::time::Duration;
use weir_tests::{Manifest, Project, guests, kafka, wait_until};

fn dead_letters(application: &Application<'_>) -> Vec<Value> {
    let records = application.records(&format!("{}.dead-letter", application.name));
    let values = records.iter().map(|record| record.value.as_deref().expect("a letter"));
    values.map(|value| serde_json::from_slice(value).expect("a letter is JSON")).collect()
}

const COUNTS: &[u8] = br#"{"do":[{"count":"n"}]}"#;

// [S20] [S29] [D13]
#[test]
fn values_that_are_not_json_and_tombstones_reach_the_action_as_json() {
    let Some(cluster) = kafka::shared() else { return };
    let application = Application::new(cluster, "wrapped", 1);
    let policy = "[action.script]\non_failure = \"dead-letter\"\nretry = { attempts = 1 }";
    let manifest = application.manifest(&guests::probe()).with(policy);
    let values: [Option<&[u8]>; 6] =
        [Some(COUNTS), Some(b"plain \"text\""), Some(b"\xff\x00"), None, Some(b""), Some(COUNTS)];
    application.produce("murmur2", values.map(|value| (Some(&b"k"[..]), value)));
    let project = application.host(&manifest);
    let mut host = project.start();
    application.wait_for_outputs(&mut host, 2);
    host.stop().expect(0);
    let letters = dead_letters(&application);
    let payloads: Vec<&Value> = letters.iter().map(|letter| &letter["payload"]).collect();
    assert_eq!(payloads, [&json!("plain \"text\""), &json!("/wA="), &Value::Null, &json!("")]);
    for (at, letter) in letters.iter().enumerate() {
        assert_eq!((&letter["key"], &letter["source_position"]), (&json!("k"), &json!(at + 1)), "{letter}");
    }
    assert_eq!(application.output().payloads_of("k"), [json!([1]), json!([2])]);
    assert_eq!(application.output().lines[1]["sequence_number"], 5);
    assert_eq!(application.live_action_states(), [""; 0]);
}

// [S11] [S20] [S26] [D14]
#[test]
fn a_record_that_is_no_event_stops_the_host_with_its_place_or_is_set_aside() {
    let Some(cluster) = kafka::shared() else { return };
    let application = Application::new(cluster, "no-event", 1);
    let (good, long_key) = ((Some(&b"k"[..]), Some(COUNTS)), vec![b'k'; 40_000]);
    // The largest records that the input takes: as pending events they would fit into no record of the state topics.
    let large = json!({"do": [{"count": "n"}], "fill": "x".repeat(1_040_000)}).to_string();
    let grows = vec![0xff; 900_000];
    let bad = [
        (None, Some(COUNTS)),
        (Some(&long_key[..]), Some(COUNTS)),
        (Some(&b"k"[..]), Some(large.as_bytes())),
        (Some(b"k"), Some(&grows[..])),
    ];
    application.produce("murmur2", bad.into_iter().flat_map(|bad| [good, bad]).chain([good]));
    let manifest = application.manifest(&guests::probe());
    let project = application.host(&manifest);
    let place = format!("{}-in, partition 0, offset 1", application.name);
    let words = [&place[..], "has no key", "set source.on_bad_event to \"set-aside\""];
    project.run_with(&SMALL).expect_error(1, &words);
    // What came before it is done by then, or now.
    let mut host = project.start_with(&[&SMALL[..], &["--set", "source.on_bad_event=set-aside"]].concat());
    application.wait_for_outputs(&mut host, 5);
    host.stop().expect(0);
    let counts: Vec<Value> = (1..=5).map(|n| json!([n])).collect();
    assert_eq!(application.output().payloads_of("k"), counts);
    let letters = dead_letters(&application);
    let why = ["has no key", "has a key of 40000 bytes", "max.message.bytes", "max.message.bytes"];
    assert_eq!(letters.len(), why.len());
    for (at, (letter, why)) in letters.iter().zip(why).enumerate() {
        let place = (&letter["partition"], &letter["source_position"]);
        assert_eq!(place, (&json!(0), &json!(2 * at + 1)));
        assert_eq!(letter["failure"]["kind"], "bad-event");
        let message = letter["failure"]["message"].as_str().expect("a message");
        assert!(message.contains(why), "{message}");
    }
    assert_eq!(letters[0]["value"], weir_core::base64::encode(COUNTS));
    // All of them are behind it.
    application.produce("murmur2", [good]);
    let mut host = project.start_with(&SMALL);
    application.wait_for_outputs(&mut host, 6);
    host.stop().expect(0);
}

// [S19] [S26] [S29]
#[test]
fn dead_letters_fit_into_a_topic_that_takes_less_than_the_state_topics_whatever_their_keys_hold() {
    let Some(cluster) = kafka::shared() else { return };
    let application = Application::new(cluster, "small-letters", 1);
    cluster.create_topic(&format!("{}.dead-letter", application.name), 1, &[("max.message.bytes", "131072")]);
    let policy = "[action.script]\non_failure = \"dead-letter\"\nretry = { attempts = 1 }";
    let manifest = application.manifest(&guests::probe()).with(policy);
    let (binary, longest, large) = (vec![0xff; 10_000], vec![1; 32 << 10], vec![0xff; 900_000]);
    let fails = json!({"do": [{"fail": {"fatal": ["refused", "\u{1}".repeat(10_000)]}}]}).to_string();
    let events = [
        (Some(&binary[..]), Some(fails.as_bytes())),
        // As text it takes six times its bytes.
        (Some(&longest), Some(fails.as_bytes())),
        (None, Some(&large)),
        (Some(b"k"), Some(COUNTS)),
    ];
    application.produce("murmur2", events);
    let project = application.host(&manifest);
    let mut host = project.start_with(&["--set", "source.on_bad_event=set-aside"]);
    application.wait_for_outputs(&mut host, 1);
    host.stop().expect(0);
    let mut letters = dead_letters(&application);
    letters.sort_by_key(|letter| letter["source_position"].as_u64());
    let places: Vec<&Value> = letters.iter().map(|letter| &letter["source_position"]).collect();
    assert_eq!(places, [0, 1, 2]);
    assert_eq!(letters[0]["key"], "%FF".repeat(10_000));
    assert_eq!(
        (&letters[1]["failure"]["kind"], &letters[1]["key"]),
        (&json!("refused"), &json!("\u{1}".repeat(1_024)))
    );
    assert_eq!((&letters[2]["value"], &letters[2]["value_bytes"]), (&Value::Null, &json!(900_000)));
}

// [S26] [S31]
#[test]
fn many_outputs_go_at_once_to_a_topic_that_takes_less_than_a_batch() {
    let Some(cluster) = kafka::shared() else { return };
    let application = Application::new(cluster, "small-output", 1);
    let small = format!("{}-small", application.name);
    cluster.create_topic(&small, 1, &[("max.message.bytes", "131072")]);
    let manifest = application.manifest(&guests::probe());
    let manifest = manifest.sink(Some(&format!("kafka = {{ topic = {small:?} }}")));
    const EVENTS: usize = 300;
    let events: Vec<Value> = (0..EVENTS)
        .map(|n| json!({"key": format!("k{n}"), "do": [{"output": format!("{n}{}", "x".repeat(2_000))}]}))
        .collect();
    application.produce_json(&events);
    let project = application.host(&manifest);
    let mut host = project.start_with(&["--set", "store.checkpoint_interval_ms=500"]);
    host.wait_for_log("is taken over");
    wait_until("all outputs are there", || {
        assert!(!host.has_ended(), "the host ended:\n{}", host.stderr());
        // What an event says, and what its action saw.
        application.records(&small).len() == 2 * EVENTS
    });
    let ended = host.stop().expect(0);
    assert!(!ended.stderr.contains("aborted"), "{}", ended.stderr);
}

/// State topics that take no more than the input does.
const SMALL: [&str; 2] = ["--set", "kafka.state_topic.\"max.message.bytes\"=1048588"];

fn put(application: &Application<'_>, topic: &str, key: &[u8], value: &[u8]) {
    let producer: BaseProducer = application.cluster.client().create().expect("make a producer");
    let topic = format!("{}{topic}", application.name);
    let record = BaseRecord::to(&topic).partition(0).key(key).payload(value);
    producer.send(record).map_err(|(error, _)| error).expect("the queue has room");
    producer.flush(Duration::from_secs(30)).expect("it arrives");
}

fn run_one(application: &Application<'_>, project: &Project, arguments: &[&str], outputs: usize) {
    application.produce("murmur2", [(Some(&b"k"[..]), Some(COUNTS))]);
    let mut host = project.start_with(arguments);
    application.wait_for_outputs(&mut host, outputs);
    host.stop().expect(0);
}

// [S27] [D14]
#[test]
fn an_action_state_that_can_not_be_decoded_stops_the_host_with_its_place_and_is_set_aside_by_a_flag() {
    let Some(cluster) = kafka::shared() else { return };
    let application = Application::new(cluster, "undecodable", 1);
    let manifest: Manifest = application.manifest(&guests::probe());
    let project = application.host(&manifest);
    run_one(&application, &project, &[], 1);
    let topic = format!("{}.action-state", application.name);
    let of_states =
        |record: &super::application::Record| !record.key.as_deref().unwrap_or_default().starts_with(b"fence@");
    let states = application.records(&topic).into_iter().filter(of_states);
    let mut name = states.map(|record| record.key.expect("a name")).next().expect("an action state");
    // Of another key, by the same owner.
    name[0] = b'l';
    put(&application, ".action-state", &name, b"{torn");
    put(&application, ".action-state", b"no state", b"{}");
    let offset = application.records(&topic).last().expect("a record").offset - 1;
    let place = format!("{topic}, partition 0, offset {offset}");
    project.run().expect_error(1, &[&place, "--set-aside-undecodable"]);
    run_one(&application, &project, &["--set-aside-undecodable"], 2);
    let aside = project.read(".weir/undecodable.jsonl");
    let aside: Vec<Value> = aside.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(aside.len(), 2, "{aside:?}");
    assert_eq!((&aside[0]["partition"], &aside[0]["position"]), (&json!(0), &json!(offset)));
    assert_eq!(aside[0]["value"], weir_core::base64::encode(b"{torn"));
    // The next start needs no flag.
    run_one(&application, &project, &[], 3);
    assert_eq!(application.output().payloads_of("k"), [json!([1]), json!([2]), json!([3])]);
}
