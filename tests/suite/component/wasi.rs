//! What a guest gets through WASI: nothing, and the same again [S10].

use super::{STARTED_AT_MS, Trial};
use serde_json::json;
use weir_core::key::Key;

// [S10]
#[test]
fn a_guest_has_no_ambient_authority() {
    let trial = Trial::of(json!([
        {"outside": "environment"},
        {"outside": {"read-file": "/etc/passwd"}},
        {"outside": {"write-file": "/tmp/weir-probe"}},
        {"outside": {"connect": "127.0.0.1:80"}},
    ]));
    let seen = trial.seen();
    assert_eq!(seen[0], json!([[], []]));
    for refused in [&seen[1], &seen[2], &seen[3]] {
        assert!(refused["error"].is_string(), "{seen}");
    }
    assert!(!std::path::Path::new("/tmp/weir-probe").exists());
}

// [S10]
#[test]
fn clocks_and_randomness_are_the_same_when_a_task_runs_again() {
    let steps = json!([
        {"outside": "clock"}, {"outside": "random"}, "random", "now",
        {"call": ["f", 1, {"ok": 1}]},
        {"outside": "random"}, "random",
    ]);
    let trial = Trial::of(steps.clone());
    let first = trial.seen();
    assert_eq!(trial.seen(), first);
    assert_eq!(first[0][0].as_u64().unwrap() / 1_000_000, STARTED_AT_MS / 1000);

    let mut other = Trial::of(steps);
    other.start.task.key = Key::new("south");
    let other = other.seen();
    assert_ne!(other[1], first[1], "another task draws other numbers");
    assert_ne!(other[2], first[2], "another task draws other numbers");
}

// [S10]
#[test]
fn a_sleep_outside_calls_moves_the_clock_and_waits_for_nothing() {
    let hour_ms = 3_600_000;
    let trial = Trial::of(json!([{"outside": {"sleep-ms": hour_ms}}, "now"]));
    let seen = trial.seen();
    assert_eq!(seen[0], json!([hour_ms, hour_ms]));
    assert_eq!(seen[1].as_u64().unwrap(), STARTED_AT_MS + hour_ms);
}

// [S10]
#[test]
fn the_clock_shows_when_the_outcome_of_a_call_was_recorded_and_again_on_replay() {
    let steps = |end| json!(["now", {"call": ["f", 1, {"ok": 1}]}, "now", end]);
    let fail = json!({"fail": {"retryable": ["busy", "x"]}});
    let failed = Trial::of(steps(fail)).run();
    let recorded_at_ms = failed.recorded()[&0].completed_at_ms;
    let seen = Trial::of(steps(json!("now"))).recorded(&failed).seen();
    assert_eq!(seen[0].as_u64().unwrap(), STARTED_AT_MS);
    assert_eq!(seen[2].as_u64().unwrap(), recorded_at_ms);
}

// [S10]
#[test]
fn a_body_skipped_on_replay_changes_no_clock_or_randomness_after_it() {
    // Its hash tables are left out: Rust seeds each a little further than the last, wherever that was made.
    let body = json!(["random", "random", "now", {"outside": "clock"}, {"outside": {"sleep-ms": 1}}]);
    let steps = |end| json!([{"call-doing": ["f", 1, body, {"ok": 1}]}, {"outside": "random"}, "random", "now", end]);
    let executed = Trial::of(steps(json!("key"))).run().seen();
    let failed = Trial::of(steps(json!({"fail": {"retryable": ["busy", "x"]}}))).run();
    let replayed = Trial::of(steps(json!("key"))).recorded(&failed).run().seen();
    assert_eq!(replayed[1], executed[1]);
    assert_eq!(replayed[2], executed[2]);
}
