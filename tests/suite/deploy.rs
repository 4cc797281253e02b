//! A deploy while runs are in flight: what was recorded is not made again, and what differs is not guessed.
//! Part of the probe's script comes from its configuration here, so that a deploy changes it.

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
    let slow = json!({"http": ["POST", format!("{origin}/effect/slow"), 1]});
    json!({"key": "a", "do": [{"count": "n"}, {"configured": "steps"}, slow]})
}

/// The application whose script makes these effects, in this order, before the slow one.
fn making(origin: &str, names: &[&str]) -> Manifest {
    let post = |name: &&str| json!({"http": ["POST", format!("{origin}/effect/{name}"), 1]});
    let steps = Value::Array(names.iter().map(post).collect()).to_string();
    Manifest::new(&guests::probe()).granting(origin).component(&format!("config.steps = {steps:?}"))
}

fn manifest(origin: &str) -> Manifest {
    making(origin, &["first"])
}

/// How often the world was asked for an effect.
fn asked(scene: &Scene, name: &str) -> usize {
    scene.ledger().requests.iter().filter(|request| request.endpoint == name).count()
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

// [S14] [S12] [S28] [P15] [D12]
#[test]
fn other_calls_than_the_recorded_ones_quarantine_the_key_and_nothing_is_made_again() {
    for deployed in [&["other"][..], &["other", "first"], &[]] {
        let scene = scene();
        let origin = scene.world.origin();
        let project = killed_in_flight(&scene, &manifest(&origin));
        let slow = asked(&scene, "slow");
        project.deploy(&making(&origin, deployed));
        let ended = project.run().expect(3);
        assert!(ended.stderr.contains("diverges"), "{}", ended.stderr);
        let key = &control::quarantined(&project)[0];
        assert_eq!((&key["failure"]["class"], &key["attempts"]), (&json!("divergence"), &json!(1)));
        assert_eq!((asked(&scene, "first"), asked(&scene, "other")), (1, 0), "{deployed:?}");
        assert_eq!(asked(&scene, "slow"), slow, "{deployed:?}");
        assert!(project.output().lines.is_empty());

        // The release that fits takes it up again where it was.
        project.deploy(&manifest(&origin));
        project.weir(&["quarantine", "retry", "a"]).expect(0);
        let host = project.start();
        wait_until("the second call is open again", || asked(&scene, "slow") > slow);
        host.kill();
        assert_eq!(asked(&scene, "first"), 1, "{deployed:?}");
    }
}

// [S14] [P15]
#[test]
fn on_divergence_execute_drops_the_records_from_there_and_makes_the_other_call() {
    let scene = scene();
    let origin = scene.world.origin();
    let project = killed_in_flight(&scene, &making(&origin, &["first", "second"]));
    let execute = "[action.script]\non_divergence = \"execute\"";
    project.deploy(&making(&origin, &["first", "other"]).with(execute));
    let mut host = project.start();
    let slow = asked(&scene, "slow");
    wait_until("the last call is open", || asked(&scene, "slow") > slow);
    let warning = host.wait_for_log("diverges");
    assert!(warning.contains("/effect/second"), "{warning}");
    host.kill();
    let count = |name| asked(&scene, name);
    assert_eq!((count("first"), count("second"), count("other")), (1, 1, 1), "what fits is kept");
}

// [S2] [S29]
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

// [S12] [S19] [S35]
#[test]
fn another_key_path_is_refused_while_a_run_is_in_flight_that_would_be_made_again_under_another_key() {
    let scene = scene();
    let origin = scene.world.origin();
    let manifest = manifest(&origin).checkpoints_every_ms(60_000);
    let mut event = event(&origin);
    event["account"] = json!("b");
    let project = Project::with_events(&manifest, &[event]);
    let host = project.start();
    wait_until("the second call is open", || scene.ledger().effects_of("slow").len() == 1);
    host.kill();

    let other = manifest.clone().source("file = \"in.jsonl\"\nkey = \"account\"");
    project.deploy(&other);
    for _ in 0..2 {
        let words = ["weir.toml:4:1: ", "\"account\"", "keyed by \"key\"", "event for key a", "then change it"];
        project.run().expect_error(2, &words);
    }
    assert_eq!(asked(&scene, "first"), 1, "it is not made again under another key");

    // A stop with the path as it was takes the run into the checkpoint; what comes then is keyed anew.
    project.deploy(&manifest.with("[limits]\ndrain_ms_max = 1"));
    let host = project.start();
    wait_until("the second call is open again", || asked(&scene, "slow") == 2);
    host.stop().expect(0);
    project.deploy(&other.checkpoints_every_ms(20));
    project.append_events(&[json!({"key": "a", "account": "c", "do": [{"output": "c"}]})]);
    let host = project.start();
    wait_until("the other key has its output", || project.output().by_key().contains_key("c"));
    host.kill();
    assert_eq!(asked(&scene, "first"), 1);
}
