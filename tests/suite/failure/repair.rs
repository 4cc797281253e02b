//! Repairs: durable before they are answered, refused when what they name no longer stands.

use super::counts;
use quakes_world::Faults;
use serde_json::{Value, json};
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
