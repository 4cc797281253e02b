//! Chained actions with plain, reconcilable and parallel calls.

use quakes_world::{Faults, Ledger, Outcome};
use serde_json::{Value, json};
use weir_tests::torture::{Plan, Scene, check_effects, kills_wanted};
use weir_tests::{Manifest, Output, Project, Random, assert_same_by_key, guests};

/// Keys hold anything.
const KEYS: [&str; 6] = ["plain", "", "under_score_7", "%41", "Гуалянь", "a/b?c#d e"];
const EVENTS_PER_KEY: u64 = 8;
const KILLS_PER_ROUND: usize = 10;
const PLAN: Plan = Plan { requests_max: 60, clock_ms_max: 700 };

/// Counts, charges reconcilably, computes in place, sends two notes at once; then another action ships.
fn events(origin: &str) -> Vec<Value> {
    let at = |name: &str| format!("{origin}/effect/{name}");
    let mut events = Vec::new();
    for n in 0..EVENTS_PER_KEY {
        for key in KEYS {
            let what = json!({"key": key, "n": n});
            let ship = json!({"do": [
                {"get": "n"},
                {"sensory": {"get": "seen"}},
                {"http-call": ["ship", what, at("ship"), at("ship")]},
            ]});
            events.push(json!({"key": key, "do": [
                {"count": "n"},
                {"sensory": {"set": ["seen", n]}},
                {"http-call": ["charge", what, at("charge"), at("charge")]},
                {"call": ["fee", what, {"ok": n * 2}]},
                {"send-all": [["POST", at("note"), what], ["POST", at("copy"), what]]},
                {"http": ["POST", at("tell"), what]},
                {"emit": ["again", ship]},
            ]}));
        }
    }
    events
}

fn manifest(origin: &str, interval_ms: u64) -> Manifest {
    Manifest::new(&guests::probe())
        .granting(origin)
        .component("limits.effect_ms_max = 300")
        .checkpoints_every_ms(interval_ms)
        .with("[action.script]\nretry = { attempts = 40, backoff_ms = 5, backoff_ms_max = 50 }")
}

fn undisturbed() -> Output {
    let scene = Scene::new(0, Faults::NONE);
    let origin = scene.world.origin();
    let project = Project::with_events(&manifest(&origin, 1000), &events(&origin));
    project.run().expect(0);
    project.output()
}

/// A reconciler was asked wherever an effect might have happened, so no such effect was even asked for twice.
fn check_reconciled(ledger: &Ledger) {
    for request in ledger.requests.iter().filter(|r| r.endpoint == "charge" || r.endpoint == "ship") {
        assert_ne!(request.outcome, Outcome::Repeated, "{request:?}");
        assert_ne!(request.outcome, Outcome::Conflict, "{request:?}");
    }
}

// [S2] [S3] [S7] [S12] [S13] [S15] [S16] [S19] [S28] [S33] [S36] [P1] [P9] [P10] [P13] [P14] [D1] [D12]
#[test]
fn chained_actions_with_calls_take_effect_once_through_kills() {
    let mut random = Random::new("chained actions");
    let expected = undisturbed();
    assert_eq!(expected.lines.len() as u64, 2 * EVENTS_PER_KEY * KEYS.len() as u64);
    let mut kills = 0;
    while kills < kills_wanted() {
        // A failed one of several sent together is no failure of the action, so these are only slow.
        let slow = Faults { latency_ms: 5, ..Faults::NONE };
        let scene = Scene::with_faults_of(random.number(), Faults::ROUGH, &[("note", slow), ("copy", slow)]);
        let origin = scene.world.origin();
        let interval = *random.pick(&[5, 50, 1000]);
        let project = Project::with_events(&manifest(&origin, interval), &events(&origin));
        for _ in 0..KILLS_PER_ROUND.min(kills_wanted() - kills) {
            if scene.run_and_kill(project.start(), PLAN, &mut random).is_none() {
                break;
            }
            kills += 1;
        }
        project.run().expect(0);
        assert_same_by_key(&project.output().by_key_without_ids(), &expected.by_key_without_ids());
        check_effects(&scene.ledger());
        check_reconciled(&scene.ledger());
        let effects = 5 * EVENTS_PER_KEY as usize * KEYS.len();
        assert_eq!(scene.ledger().effects().len(), effects, "none is missing");
    }
}
