//! Keys of all kinds, from producers that partition them in different ways.

use super::application::{Application, Record};
use quakes_world::Faults;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use weir_core::partition::partition_of;
use weir_tests::torture::{Scene, check_effects};
use weir_tests::{guests, kafka};

const PARTITIONS: u32 = 3;
const ROUNDS: u64 = 3;

fn keys() -> Vec<Vec<u8>> {
    let mut keys: Vec<Vec<u8>> =
        ["_", "a_b_1", "%", "%41", "a@1.2", "x#3?", "fence@1", "Гуалянь", "\0", "a\0b"].map(|key| key.into()).into();
    keys.extend([vec![0xff, 0xfe, b'_'], vec![b'k'; 10_000], vec![b'k'; 10_001]]);
    keys
}

/// Counts, calls, and goes on to another action, which has an effect.
fn event(origin: &str, key: usize, n: u64) -> Value {
    let what = json!({"key": key, "n": n});
    let at = format!("{origin}/effect/charge");
    json!({"do": [
        {"count": "n"},
        {"call": ["fee", what, {"ok": n}]},
        {"emit": ["again", {"do": [{"get": "n"}, {"http-call": ["charge", what, at, at]}]}]},
    ]})
}

fn produce(application: &Application<'_>, partitioner: &str, origin: &str, n: u64) {
    let keys = keys();
    let values: Vec<String> = (0..keys.len()).map(|key| event(origin, key, n).to_string()).collect();
    let events = keys.iter().zip(&values).map(|(key, value)| (Some(&key[..]), Some(value.as_bytes())));
    application.produce(partitioner, events);
}

/// The partitions that a topic has each key in.
fn places(records: &[Record], keys: &[Vec<u8>], is_of: impl Fn(&Record, &[u8]) -> bool) -> Vec<BTreeSet<i32>> {
    let of_key = |key: &Vec<u8>| records.iter().filter(|r| is_of(r, key)).map(|record| record.partition).collect();
    keys.iter().map(of_key).collect()
}

fn check_keys(partitioner: &str) {
    let Some(cluster) = kafka::shared() else { return };
    let application = Application::new(cluster, "keys", PARTITIONS);
    let scene = Scene::new(0, Faults::NONE);
    let origin = scene.world.origin();
    let project = application.host(&application.manifest(&guests::probe()).granting(&origin));
    let keys = keys();
    for round in 0..ROUNDS {
        produce(&application, partitioner, &origin, round);
        let mut host = project.start();
        if round == 1 {
            // Somewhere in the middle of it.
            std::thread::sleep(Duration::from_millis(1_500));
            host.kill_in_place();
            scene.world.note_kill();
            host = project.start();
        }
        application.wait_for_outputs(&mut host, (round as usize + 1) * keys.len() * 2);
        host.stop().expect(0);
    }
    let output = application.records(&format!("{}-out", application.name));
    let mut counts: BTreeMap<&[u8], Vec<Value>> = BTreeMap::new();
    for record in &output {
        let key = record.key.as_deref().expect("outputs have keys");
        assert_eq!(record.partition as u32, partition_of(key, PARTITIONS).0, "outputs go by murmur2");
        let seen: Value = serde_json::from_slice(record.value.as_deref().expect("a payload")).expect("JSON");
        counts.entry(key).or_default().push(seen[0].clone());
    }
    let expected: Vec<Value> = (1..=ROUNDS).flat_map(|n| [json!(n), json!(n)]).collect();
    for key in &keys {
        assert_eq!(counts.get(&key[..]), Some(&expected), "key {:?}", String::from_utf8_lossy(key));
    }
    assert_eq!(counts.len(), keys.len(), "no other keys came out");
    check_effects(&scene.ledger());
    assert_eq!(scene.ledger().effects().len() as u64, keys.len() as u64 * ROUNDS);
    check_topics(&application, &keys);
}

/// The states of a key stand in the partition that it was read from, and nothing stays of what is done.
fn check_topics(application: &Application<'_>, keys: &[Vec<u8>]) {
    let records = |topic: &str| application.records(&format!("{}{topic}", application.name));
    let input = places(&records("-in"), keys, |record, key| record.key.as_deref() == Some(key));
    assert!(input.iter().all(|partitions| partitions.len() == 1), "{input:?}");
    let is_state = |record: &Record, key: &[u8]| {
        let rest = record.key.as_deref().unwrap_or_default().strip_prefix(key).unwrap_or_default();
        rest.strip_prefix(b"_").is_some_and(|rest| rest.iter().filter(|byte| **byte == b'_').count() == 2)
    };
    assert_eq!(places(&records(".action-state"), keys, is_state), input);
    let is_entry = |record: &Record, key: &[u8]| record.key.as_deref().unwrap_or_default() == header_name(key);
    assert_eq!(places(&application.kept(".keyed-state"), keys, is_entry), input);
    assert_eq!(application.live_action_states(), [""; 0], "what is done is pruned");
}

/// The name of a key's header in the changelog.
fn header_name(key: &[u8]) -> Vec<u8> {
    let mut name = Vec::new();
    let prefix = weir_core::checkpoint::EntryKey::prefix(&weir_core::key::Key::new(key));
    weir_kafka::changelog::write_entry_name(weir_core::checkpoint::EntrySpace::Header, &prefix, &mut name);
    name
}

// [S19] [S20] [S22] [S24] [P18] [D1] [D5]
#[test]
fn odd_keys_keep_their_states_whatever_they_hold() {
    check_keys("murmur2");
}

// [S20] [P18]
#[test]
fn keys_that_were_partitioned_by_crc32_keep_their_states_where_they_were_read() {
    check_keys("consistent_random");
}
