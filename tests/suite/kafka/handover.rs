//! Partitions that go from host to host under load, and none of the hosts killed. Longer and rougher in `torture`.

use super::application::Application;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use weir_tests::{guests, kafka};

const KEYS: usize = 24;
const HANDOVERS: usize = 4;

/// One event for each key.
fn round() -> Vec<Value> {
    (0..KEYS).map(|key| json!({"key": format!("key-{key}"), "do": [{"count": "n"}]})).collect()
}

// [S6] [S30] [S31] [S32]
#[test]
fn no_event_is_lost_or_done_twice_when_partitions_change_hands_again_and_again() {
    let Some(cluster) = kafka::shared() else { return };
    let application = Application::new(cluster, "handover", 6);
    let manifest = application.manifest(&guests::probe());
    let projects = [application.host(&manifest), application.host(&manifest)];
    let is_over = AtomicBool::new(false);
    let (mut last, rounds) = std::thread::scope(|scope| {
        let load = scope.spawn(|| {
            let mut rounds = 0;
            while !is_over.load(Ordering::Relaxed) {
                application.produce_json(&round());
                rounds += 1;
                std::thread::sleep(Duration::from_millis(50));
            }
            rounds
        });
        let mut host = projects[0].start();
        host.wait_for_log("is taken over");
        for handover in 0..HANDOVERS {
            let mut next = projects[(handover + 1) % 2].start();
            // Some of the partitions at once, the rest when the other leaves.
            next.wait_for_log("is taken over");
            std::mem::replace(&mut host, next).stop().expect(0);
        }
        is_over.store(true, Ordering::Relaxed);
        (host, load.join().expect("the load ends"))
    });
    application.wait_for_outputs(&mut last, rounds * KEYS);
    last.stop().expect(0);
    let counts: Vec<Value> = (1..=rounds).map(|n| json!([n])).collect();
    let output = application.output();
    for key in 0..KEYS {
        assert_eq!(output.payloads_of(&format!("key-{key}")), counts, "key-{key}");
    }
    assert_eq!(application.live_action_states(), [""; 0]);
}
