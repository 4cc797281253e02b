//! What becomes of a final failure.

use super::{counts, fails};
use quakes_world::Faults;
use serde_json::{Value, json};
use weir_tests::torture::Scene;
use weir_tests::{Manifest, Project, control, guests, wait_until};

fn project(policy: &str) -> Project {
    let policy = format!(
        "[action.script]\non_failure = \"{policy}\"\nretry = {{ attempts = 3, backoff_ms = 5, backoff_ms_max = 5 }}"
    );
    let events = [counts("bad"), fails("bad"), counts("bad"), counts("good"), counts("good")];
    Project::with_events(&Manifest::new(&guests::probe()).with(&policy), &events)
}

fn counted(project: &Project, key: &str) -> Vec<Value> {
    project.output().payloads_of(key).iter().map(|seen| seen[0].clone()).collect()
}

// [S7] [S28] [S29] [P5] [D15] [D17]
#[test]
fn a_quarantined_key_is_parked_with_its_queue_and_the_others_go_on() {
    let project = project("quarantine");
    let ended = project.run().expect(3);
    assert!(ended.stderr.contains("but 1 key is quarantined"), "{}", ended.stderr);
    assert_eq!(counted(&project, "bad"), [1]);
    assert_eq!(counted(&project, "good"), [1, 2]);
    let detail = control::key(&project, "bad");
    assert_eq!(detail["short_term_memory"], json!({"n": 1}), "the failed attempt left nothing");
    assert_eq!((&detail["pending"], &detail["quarantined"]), (&json!(1), &json!(true)));

    project.run().expect(3);
    assert_eq!(counted(&project, "bad"), [1], "a restart does not run it again");
    project.append_events(&[counts("bad"), counts("good")]);
    project.run().expect(3);
    assert_eq!(control::quarantined(&project)[0]["pending"], 2);
    assert_eq!(counted(&project, "good"), [1, 2, 3]);
}

// [S29]
#[test]
fn however_many_events_wait_in_quarantine_the_other_keys_go_on() {
    // More than a shard lets wait for their turn.
    const WAITING: usize = 20_500;
    let policy = format!("[limits]\nquarantined_events_max = {}\n[host]\nshards = 1", 2 * WAITING);
    let mut events = vec![fails("bad")];
    events.extend(std::iter::repeat_n(counts("bad"), WAITING));
    events.extend([counts("good"), counts("good")]);
    let project = Project::with_events(&Manifest::new(&guests::probe()).with(&policy), &events);
    project.run().expect(3);
    assert_eq!(counted(&project, "good"), [1, 2]);
    assert_eq!(control::quarantined(&project)[0]["pending"], WAITING);
}

// [S29] [S7]
#[test]
fn a_dead_lettered_event_is_kept_aside_and_its_key_goes_on() {
    let project = project("dead-letter");
    for _ in 0..2 {
        project.run().expect(0);
        assert_eq!(counted(&project, "bad"), [1, 2]);
        assert_eq!(counted(&project, "good"), [1, 2]);
        let letters = project.dead_letters().lines;
        assert_eq!(letters.len(), 1);
        let letter = &letters[0];
        assert_eq!(
            (&letter["key"], &letter["sequence_number"], &letter["action"]),
            (&json!("bad"), &json!(1), &json!("script"))
        );
        assert_eq!(letter["failure"], json!({"kind": "refused", "message": "no funds"}));
        assert_eq!(letter["payload"], fails("bad"), "it can be sent again");
    }
}

// [S29]
#[test]
fn the_policy_stop_stops_the_host_and_a_repair_lets_it_go_on() {
    let project = project("stop");
    project.run().expect_error(1, &["its policy says stop", "refused: no funds"]);
    assert_eq!(control::quarantined(&project)[0]["key"], "bad");
    project.weir(&["quarantine", "skip", "bad"]).expect(0);
    project.run().expect(0);
    assert_eq!(counted(&project, "bad"), [1, 2]);
    assert_eq!(counted(&project, "good"), [1, 2]);
}

// [S29] [S6]
#[test]
fn many_failures_that_stop_the_host_do_not_hold_up_its_stop() {
    let scene = Scene::new(5, Faults { refusals_per_mille: 1000, per_effect_max: 9, latency_ms: 500, ..Faults::NONE });
    let origin = scene.world.origin();
    let ask = |n: u32| json!({"key": format!("k{n}"), "do": [{"http": ["POST", format!("{origin}/effect/ask"), n]}]});
    let events: Vec<Value> = (0..20).map(ask).collect();
    let policy = "[host]\nshards = 1\n[action.script]\non_failure = \"stop\"\nretry.attempts = 1";
    let project = Project::with_events(&Manifest::new(&guests::probe()).granting(&origin).with(policy), &events);
    let ended = project.run();
    assert!(!ended.stderr.contains("cut off"), "all calls had ended: {}", ended.stderr);
    ended.expect_error(1, &["its policy says stop"]);
    assert_eq!(control::quarantined(&project).len(), 20);
}

// [S28]
#[test]
fn a_retryable_failure_is_tried_so_often_and_then_is_final() {
    let later = json!({"key": "bad", "do": [{"fail": {"retryable": ["later", "not now"]}}]});
    let project = project("quarantine");
    project.write_events(&[later]);
    let ended = project.run().expect(3);
    let failed: Vec<&str> = ended.stderr.lines().filter(|line| line.contains("failed, next in")).collect();
    assert_eq!(failed.len(), 2, "{}", ended.stderr);
    let key = &control::quarantined(&project)[0];
    assert_eq!((&key["attempts"], &key["failure"]["class"]), (&json!(3), &json!("retryable")));
}

// [S11] [S28] [S9]
#[test]
fn a_trap_and_a_limit_park_their_key_alone_and_say_why() {
    let step = |step: Value| json!({"do": [step]});
    let outside = |what: Value| step(json!({"outside": what}));
    let cases = [
        ("trap", outside(json!({"panic": "that was unexpected"})), "that was unexpected"),
        ("limit", step(json!({"emit-many": ["again", 30]})), "limits.events_max"),
        ("limit", outside(json!("allocate-forever")), "limits.memory_bytes_max"),
        ("timeout", outside(json!("loop-forever")), "limits.cpu_ms_max"),
    ];
    let limits = "limits.events_max = 20\nlimits.cpu_ms_max = 1000";
    let retry = "[action.script]\nretry.attempts = 1";
    let project = Project::new(&Manifest::new(&guests::probe()).component(limits).with(retry));
    let mut events = vec![];
    for (number, (_, event, _)) in cases.iter().enumerate() {
        let mut event = event.clone();
        event["key"] = number.to_string().into();
        events.extend([event, counts("good")]);
    }
    project.write_events(&events);
    project.run().expect(3);
    assert_eq!(counted(&project, "good"), [1, 2, 3, 4]);
    let keys = control::quarantined(&project);
    for (number, (class, _, words)) in cases.iter().enumerate() {
        let key = keys.iter().find(|key| key["key"] == number.to_string().as_str()).expect("it is parked");
        assert_eq!(key["failure"]["class"], *class, "{key}");
        assert!(key["failure"].to_string().contains(words), "{words}: {key}");
    }
}

// [S29]
#[test]
fn a_full_queue_of_a_quarantined_key_sends_events_to_the_dead_letters() {
    let limits = "[limits]\nquarantined_events_max = 2";
    let project = Project::with_events(&Manifest::new(&guests::probe()).with(limits), &[fails("bad")]);
    project.run().expect(3);
    let mut events: Vec<Value> = (0..6).map(|_| counts("bad")).collect();
    events.push(counts("good"));
    project.append_events(&events);
    for _ in 0..2 {
        project.run().expect(3);
        assert_eq!(control::quarantined(&project)[0]["pending"], 2);
        assert_eq!(project.dead_letters().lines.len(), 4);
        assert_eq!(counted(&project, "good"), [1]);
    }
}

// [S29]
#[test]
fn a_full_queue_of_a_quarantined_key_makes_the_source_wait_where_the_settings_say_so() {
    let settings = "[limits]\nquarantined_events_max = 2\n[host]\non_quarantine_full = \"pause\"";
    let events: Vec<Value> = [fails("bad")].into_iter().chain((0..2000).map(|_| counts("bad"))).collect();
    let project = Project::with_events(&Manifest::new(&guests::probe()).with(settings), &events);
    let mut host = project.start();
    host.wait_for_log("failed for good, key quarantined");
    let is_parked = || control::quarantined(&project).first().is_some_and(|key| key["pending"].as_u64() >= Some(2));
    wait_until("the key is parked with its queue", is_parked);
    project.weir(&["quarantine", "skip", "bad"]).expect(0);
    host.wait().expect(0);
    assert_eq!(counted(&project, "bad"), (1..=2000).map(Value::from).collect::<Vec<_>>());
    assert!(project.dead_letters().lines.is_empty(), "nothing was given up");
}
