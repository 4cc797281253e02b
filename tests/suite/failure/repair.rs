//! Repairs: durable before they are answered, refused when what they name no longer stands.

use super::counts;
use quakes_world::Faults;
use serde_json::{Value, json};
use weir_core::partition::partition_of;
use weir_tests::torture::Scene;
use weir_tests::{Manifest, Project, control, guests, post, wait_until};

fn manifest(origin: &str) -> Manifest {
    Manifest::new(&guests::probe()).granting(origin).with("[action.script]\nretry.attempts = 1")
}

/// An event that makes an effect and then fails until a script is deployed that does not.
fn pays_and_fails(origin: &str) -> Value {
    let pay = json!({"http": ["POST", format!("{origin}/effect/pay"), 5]});
    json!({"key": "bad", "do": [{"count": "n"}, pay, {"call": ["check", 1, {"fatal": ["refused", "no funds"]}]}]})
}

// [S29] [S12] [P13] [P15]
#[test]
fn a_retry_keeps_recorded_calls_and_drops_failed_ones_only_where_it_is_told_to() {
    let scene = Scene::new(0, Faults::NONE);
    let origin = scene.world.origin();
    let project = Project::with_events(&manifest(&origin), &[pays_and_fails(&origin), counts("bad")]);
    project.run().expect(3);
    for arguments in [&["quarantine", "retry", "bad"][..], &["quarantine", "retry", "bad", "--failed-calls"]] {
        project.weir(arguments).expect(0);
        project.run().expect(3);
    }
    assert_eq!(scene.ledger().requests.len(), 1, "the effect was recorded by the first attempt");
    assert_eq!(control::quarantined(&project)[0]["repairs"], 2);
}

// [S29]
#[test]
fn a_repair_that_was_answered_survives_a_kill_and_is_taken_once() {
    let scene = Scene::new(0, Faults::NONE);
    let origin = scene.world.origin();
    let manifest = manifest(&origin).listening().checkpoints_every_ms(60_000);
    let project = Project::new(&manifest);
    let mut host = project.start();
    let address = host.origin();
    for event in [pays_and_fails(&origin), counts("bad")] {
        assert_eq!(post(&address, b"bad", None, &event.to_string()).expect("it answers").status, 202);
    }
    wait_until("the key is parked", || control::quarantined(&project).len() == 1);
    let parked = control::quarantined(&project).remove(0);
    let state = parked["state"].as_str().expect("it has a name");
    let repair = ["quarantine", "discard", "bad", "--state", state, "--repairs", "0"];
    project.weir(&repair).expect(0);
    host.kill();
    assert!(control::quarantined(&project).is_empty(), "the repair is in the store");

    let mut host = project.start();
    host.origin();
    wait_until("its queue is worked off", || control::runs_finished(&project) == 2);
    project.weir(&repair).expect_error(2, &["is not quarantined"]);
    host.stop().expect(0);
    assert_eq!(project.dead_letters().lines.len(), 1);
    assert_eq!(project.output().payloads(), [json!([1])], "the discarded run left nothing");
    assert_eq!(scene.ledger().requests.len(), 1);
}

// [S29]
#[test]
fn of_two_repairs_of_one_state_the_second_is_refused() {
    let scene = Scene::new(0, Faults::NONE);
    let origin = scene.world.origin();
    let project = Project::with_events(&manifest(&origin), &[pays_and_fails(&origin)]);
    project.run().expect(3);
    let state = control::quarantined(&project)[0]["state"].as_str().expect("it has a name").to_owned();
    let retry = ["quarantine", "retry", "bad", "--state", &state, "--repairs", "0"];
    project.weir(&retry).expect(0);
    project.run().expect(3);
    let error = project.weir(&retry).expect_error(1, &["repair"]);
    assert!(error.contains(&state) || error.contains("repairs"), "{error}");
    assert_eq!(control::quarantined(&project)[0]["repairs"], 1);
}

// [S6] [S29] [P12]
#[test]
fn the_end_of_the_input_waits_for_a_key_that_was_repaired_meanwhile() {
    let faults = |latency_ms| Faults { latency_ms, ..Faults::NONE };
    let flaky = Faults { refusals_per_mille: 1000, per_effect_max: 1, ..faults(3000) };
    let scene = Scene::with_faults_of(0, faults(5000), &[("flaky", flaky)]);
    let origin = scene.world.origin();
    let asks =
        |key: &str, what: &str| json!({"key": key, "do": [{"http": ["POST", format!("{origin}/effect/{what}"), 1]}]});
    let shard = |key: &str| partition_of(key.as_bytes(), 64).0 % 2;
    let slow = ["s0", "s1", "s2", "s3", "s4", "s5"].into_iter().find(|key| shard(key) != shard("bad"));
    let slow = slow.expect("one of them is on the other shard");
    let manifest = manifest(&origin).with("[host]\nshards = 2");
    let project = Project::with_events(&manifest, &[asks("bad", "flaky"), asks(slow, "slow")]);
    let host = project.start();
    wait_until("both calls are open", || scene.ledger().requests.len() == 2);
    // Its shard has nothing left to do, and the other one waits for the slow answer.
    wait_until("the key is quarantined", || control::quarantined(&project).len() == 1);
    project.weir(&["quarantine", "retry", "bad"]).expect(0);
    host.wait().expect(0);
    assert_eq!(project.output().payloads_of("bad").len(), 1, "it was run to its end");
}
