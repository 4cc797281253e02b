//! Two hosts of one application, killed with -9 at random moments, before an outside ledger.

use super::application::{Application, SESSION_MS};
use quakes_world::{Faults, Ledger, Outcome};
use serde_json::{Value, json};
use std::time::Duration;
use weir_tests::process::Weir;
use weir_tests::torture::{Scene, check_effects, kills_wanted};
use weir_tests::wait::comes;
use weir_tests::{Manifest, Output, Project, Random, assert_same_by_key, guests, kafka};

/// Keys hold anything.
pub const KEYS: [&str; 8] = ["plain", "", "under_score_7", "%41", "Гуалянь", "a/b?c#d e", "@1.2", "x#3?"];

/// Counts, charges reconcilably, computes in place, sends two notes at once; then another action ships.
pub fn round(origin: &str, n: u64) -> Vec<Value> {
    let at = |name: &str| format!("{origin}/effect/{name}");
    KEYS.map(|key| {
        let what = json!({"key": key, "n": n});
        let ship = json!({"do": [
            {"get": "n"},
            {"sensory": {"get": "seen"}},
            {"http-call": ["ship", what, at("ship"), at("ship")]},
        ]});
        json!({"key": key, "do": [
            {"count": "n"},
            {"sensory": {"set": ["seen", n]}},
            {"http-call": ["charge", what, at("charge"), at("charge")]},
            {"call": ["fee", what, {"ok": n * 2}]},
            {"send-all": [["POST", at("note"), what], ["POST", at("copy"), what]]},
            {"emit": ["again", ship]},
        ]})
    })
    .into()
}

pub fn with_policy(manifest: Manifest, origin: &str) -> Manifest {
    manifest
        .granting(origin)
        .component("limits.effect_ms_max = 2000")
        .with("[action.script]\nretry = { attempts = 60, backoff_ms = 5, backoff_ms_max = 100 }")
}

/// What the same events give on one machine, where nobody disturbs it.
pub fn undisturbed(rounds: u64) -> Output {
    let scene = Scene::new(0, Faults::NONE);
    let origin = scene.world.origin();
    let events: Vec<Value> = (0..rounds).flat_map(|n| round(&origin, n)).collect();
    let project = Project::with_events(&with_policy(Manifest::new(&guests::probe()), &origin), &events);
    project.run().expect(0);
    project.output()
}

/// A reconciler was asked wherever an effect might have happened, so no such effect was even asked for twice.
pub fn check_reconciled(ledger: &Ledger) {
    for request in ledger.requests.iter().filter(|r| r.endpoint == "charge" || r.endpoint == "ship") {
        assert_ne!(request.outcome, Outcome::Repeated, "{request:?}");
        assert_ne!(request.outcome, Outcome::Conflict, "{request:?}");
    }
}

/// A world that is slow and loses things.
pub fn rough(seed: u64) -> Scene {
    // A failed one of several sent together is no failure of the action, so these are only slow.
    let slow = Faults { latency_ms: 5, ..Faults::NONE };
    Scene::with_faults_of(seed, Faults::ROUGH, &[("note", slow), ("copy", slow)])
}

/// Waits until all rounds have come out, stops the hosts, and looks at everything.
pub fn check_end(application: &Application<'_>, hosts: Vec<Weir>, scene: &Scene, rounds: u64) {
    let expected = undisturbed(rounds);
    let all_are_out = comes(|| {
        std::thread::sleep(Duration::from_millis(200));
        application.outputs() >= expected.lines.len()
    });
    let said = || hosts.iter().map(Weir::stderr).collect::<Vec<_>>().join("\n--- the next host\n");
    let (outputs, due) = (application.outputs(), expected.lines.len());
    assert!(all_are_out, "{outputs} of {due} outputs; the hosts say:\n{}", said());
    for host in hosts {
        host.stop().expect(0);
    }
    assert_same_by_key(&application.output().by_key_without_ids(), &expected.by_key_without_ids());
    check_effects(&scene.ledger());
    check_reconciled(&scene.ledger());
    assert_eq!(scene.ledger().effects().len(), 4 * rounds as usize * KEYS.len(), "none is missing");
    assert_eq!(application.live_action_states(), [""; 0], "what is done is pruned");
}

// [S12] [S13] [S18] [S22] [S24] [S25] [S26] [S30] [S31] [S32] [S33] [D1] [D2] [D3] [D5] [D7] [D8] [D9] [D11]
#[test]
fn two_hosts_take_effect_once_through_kills() {
    let Some(cluster) = kafka::shared() else { return };
    let mut random = Random::new("two hosts");
    let application = Application::new(cluster, "kills", 4);
    let scene = rough(random.number());
    let origin = scene.world.origin();
    let manifest = with_policy(application.manifest(&guests::probe()), &origin);
    let projects = [application.host(&manifest), application.host(&manifest)];
    let mut hosts = projects.each_ref().map(Project::start);
    let mut rounds = 0;
    for _ in 0..kills_wanted() {
        for _ in 0..1 + random.below(3) {
            application.produce_json(&round(&origin, rounds));
            rounds += 1;
        }
        std::thread::sleep(Duration::from_millis(random.below(3 * SESSION_MS / 2)));
        let victim = random.below(2) as usize;
        hosts[victim].kill_in_place();
        scene.world.note_kill();
        if random.below(2) == 0 {
            // Long enough for the other to take over.
            std::thread::sleep(Duration::from_millis(SESSION_MS + random.below(2_000)));
        }
        hosts[victim] = projects[victim].start();
    }
    check_end(&application, hosts.into(), &scene, rounds);
}
