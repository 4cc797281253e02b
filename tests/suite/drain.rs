//! How a host ends: at the end of its input, and when it is told to stop.

use quakes_world::Faults;
use serde_json::{Value, json};
use weir_tests::torture::Scene;
use weir_tests::{Manifest, Project, guests, post, wait_until};

/// A world whose answers take so long.
fn slow(latency_ms: u64) -> Scene {
    Scene::new(0, Faults { latency_ms, ..Faults::NONE })
}

fn asks(origin: &str, key: &str) -> Value {
    json!({"key": key, "do": [{"count": "n"}, {"http": ["POST", format!("{origin}/effect/ask"), key]}]})
}

fn manifest(origin: &str) -> Manifest {
    Manifest::new(&guests::probe()).granting(origin)
}

// [S6]
#[test]
fn open_calls_may_finish_when_the_host_is_told_to_stop_and_nothing_new_begins() {
    let scene = slow(1500);
    let origin = scene.world.origin();
    // The second event of the key would make the next effect.
    let project = Project::with_events(&manifest(&origin), &[asks(&origin, "a"), asks(&origin, "a")]);
    let host = project.start();
    wait_until("the call is open", || scene.ledger().requests.len() == 1);
    let ended = host.stop().expect(0);
    assert!(ended.stderr.contains("stopping"), "{}", ended.stderr);
    assert!(!ended.stderr.contains("cut off"), "{}", ended.stderr);
    let ledger = scene.ledger();
    assert_eq!((ledger.requests.len(), ledger.requests[0].answered), (1, true));
    assert_eq!(project.output().lines.len(), 1, "the last checkpoint holds what was finished");

    project.run().expect(0);
    let numbers: Vec<Value> = project.output().payloads().iter().map(|seen| seen[0].clone()).collect();
    assert_eq!(numbers, [1, 2]);
    assert_eq!(scene.ledger().requests.len(), 2, "the answered call was not made again");
}

// [S6]
#[test]
fn open_calls_are_cut_off_in_the_end_and_made_again_with_the_same_key() {
    let scene = slow(30_000);
    let origin = scene.world.origin();
    let limits = "[limits]\ndrain_ms_max = 100";
    let project = Project::with_events(&manifest(&origin).with(limits), &[asks(&origin, "a")]);
    let host = project.start();
    wait_until("the call is open", || scene.ledger().requests.len() == 1);
    let ended = host.stop().expect(0);
    assert!(ended.stderr.contains("cut off after limits.drain_ms_max (100 ms)"), "{}", ended.stderr);
    assert!(project.output().lines.is_empty());

    let host = project.start();
    wait_until("the call is made again", || scene.ledger().requests.len() == 2);
    host.kill();
    let effects = scene.ledger().effects();
    assert_eq!((effects[0].sent, effects[0].idempotency_keys), (1, 1));
}

// [S6]
#[test]
fn a_second_signal_stops_at_once() {
    let scene = slow(30_000);
    let origin = scene.world.origin();
    let project = Project::with_events(&manifest(&origin), &[asks(&origin, "a")]);
    for interrupted in [true, false] {
        let mut host = project.start();
        let before = scene.ledger().requests.len();
        wait_until("the call is open", || scene.ledger().requests.len() > before);
        if interrupted {
            host.interrupt()
        } else {
            host.terminate()
        }
        host.wait_for_log("a second signal stops at once");
        host.interrupt();
        let ended = host.wait();
        assert_eq!(ended.code(), Some(130), "{}", ended.stderr);
    }
}

// [S6]
#[test]
fn a_host_that_drains_answers_503() {
    let scene = slow(3000);
    let origin = scene.world.origin();
    let project = Project::new(&manifest(&origin).listening());
    let mut host = project.start();
    let address = host.origin();
    let event = asks(&origin, "a").to_string();
    assert_eq!(post(&address, b"a", None, &event).expect("it answers").status, 202);
    wait_until("the call is open", || scene.ledger().requests.len() == 1);
    host.terminate();
    host.wait_for_log("stopping");
    wait_until("it takes no more", || post(&address, b"b", None, "{\"do\":[]}").is_ok_and(|it| it.status == 503));
    host.wait().expect(0);
    assert_eq!(project.output().payloads_of("a").len(), 1);
}

// [S6] [P12] [S28]
#[test]
fn the_end_of_the_input_waits_for_running_keys_and_their_retries() {
    let scene = Scene::new(3, Faults { refusals_per_mille: 1000, per_effect_max: 3, latency_ms: 50, ..Faults::NONE });
    let origin = scene.world.origin();
    let retry = "[action.script]\nretry = { attempts = 5, backoff_ms = 100, backoff_ms_max = 200 }";
    let events: Vec<Value> = ["a", "b", "a"].iter().map(|key| asks(&origin, key)).collect();
    let project = Project::with_events(&manifest(&origin).with(retry), &events);
    project.run().expect(0);
    assert_eq!(project.output().lines.len(), 3);
    let effects = scene.ledger().effects();
    assert!(effects.iter().all(|effect| effect.requests >= 4), "each was refused three times: {effects:?}");
}

// [S6] [S28]
#[test]
fn a_retry_that_waits_does_not_hold_up_the_stop_and_its_count_survives() {
    let retry = "[action.script]\nretry = { attempts = 2, backoff_ms = 3000, backoff_ms_max = 3000, jitter = 0.0 }";
    let fails = json!({"key": "a", "do": [{"fail": {"retryable": ["later", "not now"]}}]});
    let project = Project::with_events(&Manifest::new(&guests::probe()).with(retry), &[fails]);
    let mut host = project.start();
    host.wait_for_log("attempt 1 failed");
    host.stop().expect(0);
    let ended = project.run().expect(3);
    assert!(!ended.stderr.contains("attempt 1 failed"), "{}", ended.stderr);
    assert_eq!(weir_tests::control::quarantined(&project)[0]["attempts"], 2);
}

// [S6]
#[test]
fn a_stopped_host_goes_on_where_it_was() {
    let events: Vec<Value> = (0..5000).map(|n| json!({"key": format!("k{}", n % 5), "do": [{"count": "n"}]})).collect();
    let project = Project::with_events(&Manifest::new(&guests::probe()), &events);
    for more in [1, 500, 1000] {
        let before = count_lines(&project);
        let mut host = project.start();
        wait_until("it is under way", || host.has_ended() || count_lines(&project) >= before + more);
        if !host.has_ended() {
            host.interrupt();
        }
        host.wait().expect(0);
    }
    project.run().expect(0);
    for lines in project.output().by_key().values() {
        let counts: Vec<u64> = lines.iter().filter_map(|line| line["payload"][0].as_u64()).collect();
        assert_eq!(counts, (1..=1000).collect::<Vec<u64>>());
    }
}

/// Whole lines of a file that is being written.
fn count_lines(project: &Project) -> usize {
    std::fs::read(project.path("out.jsonl")).map_or(0, |bytes| bytes.iter().filter(|byte| **byte == b'\n').count())
}
