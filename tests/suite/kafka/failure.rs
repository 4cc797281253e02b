//! Actions that fail for good, on more hosts than one; and hosts that leave as they should.

use super::application::Application;
use quakes_world::Faults;
use serde_json::{Value, json};
use weir_tests::torture::{Scene, check_effects};
use weir_tests::{guests, kafka};

const KEYS: [&str; 6] = ["bad", "a", "b", "c", "d", "e"];

fn counts(key: &str) -> Value {
    json!({"key": key, "do": [{"count": "n"}]})
}

fn fails(origin: &str, key: &str) -> Value {
    let at = format!("{origin}/effect/charge");
    json!({"key": key, "do": [
        {"set": ["left", true]},
        {"output": "left"},
        {"http-call": ["charge", {"key": key}, at, at]},
        {"fail": {"fatal": ["refused", "no funds"]}},
    ]})
}

// [S7] [S18] [S29] [S30] [D15] [D17]
#[test]
fn a_quarantined_key_stays_so_on_another_host_and_the_others_go_on() {
    let Some(cluster) = kafka::shared() else { return };
    let application = Application::new(cluster, "quarantine", 2);
    let scene = Scene::new(0, Faults::NONE);
    let origin = scene.world.origin();
    let manifest = application.manifest(&guests::probe()).granting(&origin);
    let projects = [application.host(&manifest), application.host(&manifest)];
    let events = [counts("bad"), fails(&origin, "bad"), counts("bad")];
    application.produce_json(events.iter().chain(&KEYS[1..].iter().map(|key| counts(key)).collect::<Vec<_>>()));
    let mut host = projects[0].start();
    host.wait_for_log("failed for good, key quarantined");
    application.wait_for_outputs(&mut host, KEYS.len());
    host.kill_in_place();
    scene.world.note_kill();
    // The other host, another disk.
    let mut host = projects[1].start();
    application.produce_json(&KEYS.map(counts));
    application.wait_for_outputs(&mut host, 2 * KEYS.len() - 1);
    let ended = host.stop().expect(0);
    assert!(!ended.stderr.contains("no funds"), "it is not tried again:\n{}", ended.stderr);
    assert_eq!(application.output().payloads_of("bad"), [json!([1])]);
    for key in &KEYS[1..] {
        assert_eq!(application.output().payloads_of(key), [json!([1]), json!([2])], "{key}");
    }
    check_effects(&scene.ledger());
    assert_eq!(scene.ledger().effects().len(), 1);
    let live = application.live_action_states();
    assert!(!live.is_empty() && live.iter().all(|name| name.starts_with("bad_1_")), "{live:?}");
}

// [S29] [S31] [D15]
#[test]
fn a_dead_letter_goes_to_its_topic_once_and_the_key_goes_on() {
    let Some(cluster) = kafka::shared() else { return };
    let application = Application::new(cluster, "dead-letter", 1);
    let scene = Scene::new(0, Faults::NONE);
    let origin = scene.world.origin();
    let policy = "[action.script]\non_failure = \"dead-letter\"";
    let manifest = application.manifest(&guests::probe()).granting(&origin).with(policy);
    let project = application.host(&manifest);
    application.produce_json(&[counts("k"), fails(&origin, "k"), counts("k")]);
    for outputs in [2, 3] {
        let mut host = project.start();
        application.wait_for_outputs(&mut host, outputs);
        host.kill_in_place();
        scene.world.note_kill();
        application.produce_json(&[counts("k")]);
    }
    let mut host = project.start();
    application.wait_for_outputs(&mut host, 4);
    host.stop().expect(0);
    assert_eq!(application.output().payloads_of("k"), [1, 2, 3, 4].map(|n| json!([n])));
    let letters = application.records(&format!("{}.dead-letter", application.name));
    assert_eq!(letters.len(), 1, "{letters:?}");
    assert_eq!(letters[0].key.as_deref(), Some(&b"k"[..]));
    let letter: Value = serde_json::from_slice(letters[0].value.as_deref().expect("a letter")).expect("JSON");
    assert_eq!((&letter["sequence_number"], &letter["failure"]["message"]), (&json!(1), &json!("no funds")));
    check_effects(&scene.ledger());
    assert_eq!(application.live_action_states(), [""; 0]);
}

/// The newest checkpoint record of each partition.
fn checkpoint_records(application: &Application<'_>) -> Vec<Value> {
    let kept = application.kept(".keyed-state").into_iter();
    let records = kept.filter(|record| record.key.as_deref() == Some(weir_kafka::changelog::PARTITION_RECORD));
    records.map(|record| serde_json::from_slice(&record.value.expect("it is kept")).expect("JSON")).collect()
}

// [S6] [S30] [S32]
#[test]
fn a_host_that_is_told_to_stop_releases_its_partitions_so_that_nobody_waits_for_its_lease() {
    let Some(cluster) = kafka::shared() else { return };
    let application = Application::new(cluster, "released", 3);
    // A lease that nobody who waits for it outlives.
    let mut manifest = application.manifest(&guests::probe());
    manifest.more = manifest.more.replacen("client =", "lease_ms = 3600000\nclient =", 1);
    let projects = [application.host(&manifest), application.host(&manifest)];
    let mut first = projects[0].start();
    first.wait_for_log("is taken over");
    application.produce_json(&KEYS.map(counts));
    application.wait_for_outputs(&mut first, KEYS.len());
    let mut second = projects[1].start();
    // Some partitions move at once, the rest when the first leaves.
    second.wait_for_log("is taken over");
    first.stop().expect(0);
    application.produce_json(&KEYS.map(counts));
    application.wait_for_outputs(&mut second, 2 * KEYS.len());
    assert!(checkpoint_records(&application).iter().all(|record| record["released"] == false));
    second.stop().expect(0);
    let records = checkpoint_records(&application);
    assert_eq!(records.len(), 3);
    assert!(records.iter().all(|record| record["released"] == true), "{records:?}");
    for key in KEYS {
        assert_eq!(application.output().payloads_of(key), [json!([1]), json!([2])], "{key}");
    }
}
