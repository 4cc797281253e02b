//! A deploy while runs are in flight: what was recorded is not made again, and what differs is not guessed.
//! The probe's script comes from its configuration here, so that a deploy changes it.

use quakes_world::Faults;
use serde_json::{Value, json};
use weir_tests::torture::Scene;
use weir_tests::{Manifest, Project, control, guests, wait_until};

/// A first call that is answered, and a second whose answer never comes in time.
fn scene() -> Scene {
    let slow = Faults { latency_ms: 30_000, ..Faults::NONE };
    Scene::with_faults_of(0, Faults::NONE, &[("slow", slow)])
}

fn event(origin: &str) -> Value {
    let post = |name: &str| json!({"http": ["POST", format!("{origin}/effect/{name}"), 1]});
    // What is configured as `first` goes in the arguments of a call, so another value is another call.
    json!({"key": "a", "do": [{"count": "n"}, post("first"), post("slow")]})
}

fn manifest(origin: &str) -> Manifest {
    Manifest::new(&guests::probe()).granting(origin)
}

/// A project whose host was killed while its run waited for the second answer, the first being recorded.
fn killed_in_flight(scene: &Scene, manifest: &Manifest) -> Project {
    let project = Project::with_events(manifest, &[event(&scene.world.origin())]);
    let host = project.start();
    wait_until("the second call is open", || scene.ledger().effects_of("slow").len() == 1);
    host.kill();
    scene.world.note_kill();
    project
}

// [S2] [S29] [P4]
#[test]
fn a_task_whose_action_is_gone_from_the_plan_quarantines_its_key() {
    let scene = scene();
    let project = killed_in_flight(&scene, &manifest(&scene.world.origin()));
    // The tally component has no action `script`; a checkpoint must hold the task for the deploy to meet it.
    let host = project.start();
    wait_until("it is under way again", || scene.ledger().effects_of("slow")[0].requests == 2);
    wait_until("a checkpoint holds it", || control::keys(&project).first().is_some_and(|key| key["tasks"] == 1));
    host.kill();
    project.deploy(&Manifest::new(&guests::tally()));
    project.run().expect(3);
    let key = &control::quarantined(&project)[0];
    assert_eq!((&key["key"], &key["action"]), (&json!("a"), &json!("script")));
    assert_eq!(scene.ledger().effects_of("first")[0].requests, 1, "no second effect");

    project.deploy(&manifest(&scene.world.origin()));
    project.weir(&["quarantine", "discard", "a"]).expect(0);
    project.run().expect(0);
    assert_eq!(project.dead_letters().lines.len(), 1);
}

// [S18] [P9]
#[test]
fn an_action_that_completed_before_a_deploy_is_not_run_again() {
    let origin = scene().world.origin();
    let event = json!({"key": "a", "do": [{"count": "n"}, {"emit": ["first", {}]}]});
    let project = Project::with_events(&manifest(&origin).checkpoints_every_ms(60_000), &[event]);
    project.run().expect(0);
    let before = project.read("out.jsonl");
    project.deploy(&Manifest::new(&guests::tally()));
    project.run().expect(0);
    assert_eq!(project.read("out.jsonl"), before);
}
