//! Limits: each failure names the one that was passed [S11].

use super::{Trial, runtime};
use serde_json::json;
use std::sync::Mutex;
use weir_core::failure::FailureClass;
use weir_core::limits::InvocationLimits;

// [S11]
#[test]
fn memory_is_limited_by_name() {
    let trial = Trial::limited(|limits| limits.memory_bytes_max = 8 << 20, json!([{"outside": "allocate-forever"}]));
    trial.run().fails_with(FailureClass::Limit, "limits.memory_bytes_max");
    // What fits goes on, in the same limit.
    let trial =
        Trial::limited(|limits| limits.memory_bytes_max = 8 << 20, json!([{"outside": {"allocate-bytes": 1 << 20}}]));
    assert_eq!(trial.seen(), json!([1 << 20]));
}

// [S11]
#[test]
fn the_stack_is_limited_by_name() {
    Trial::of(json!([{"outside": "recurse-forever"}])).run().fails_with(FailureClass::Limit, "limits.stack_bytes_max");
    // The stack in the guest's own memory ends with a trap of the guest.
    let outcome = Trial::of(json!([{"outside": "recurse-with-frames"}])).run();
    outcome.fails_with(FailureClass::Trap, "own stack is full");
}

// [S11]
#[test]
fn time_on_the_processor_is_limited_by_name() {
    let trial = Trial::limited(|limits| limits.cpu_ms_max = 50, json!([{"outside": "loop-forever"}]));
    trial.run().fails_with(FailureClass::Timeout, "limits.cpu_ms_max");
}

// [S11]
#[test]
fn time_from_start_to_end_is_limited_by_name() {
    let trial = Trial::limited(|limits| limits.wall_ms_max = 50, json!([{"outside": "loop-forever"}]));
    trial.run().fails_with(FailureClass::Timeout, "limits.wall_ms_max");
    // In the body of an open call a sleep is a real one.
    let steps = json!([{"call-doing": ["slow", 1, [{"outside": {"sleep-ms": 3_600_000}}], {"ok": 1}]}]);
    let outcome = Trial::limited(|limits| limits.wall_ms_max = 50, steps).run();
    outcome.fails_with(FailureClass::Timeout, "limits.wall_ms_max");
    assert!(outcome.plain_call_open());
}

// [S11]
#[test]
fn a_busy_guest_lets_others_of_its_shard_go_on() {
    let busy = Trial::limited(|limits| limits.cpu_ms_max = 200, json!([{"outside": "loop-forever"}]));
    let quick = Trial::of(json!([{"set": ["a", 1]}]));
    let order = Mutex::new(Vec::new());
    runtime().block_on(async {
        let busy = async {
            busy.start().await.unwrap().failure();
            order.lock().unwrap().push("busy");
        };
        let quick = async {
            quick.start().await.unwrap().effects();
            order.lock().unwrap().push("quick");
        };
        tokio::join!(busy, quick);
    });
    assert_eq!(order.into_inner().unwrap(), ["quick", "busy"]);
}

// [S11]
#[test]
fn counts_and_sizes_are_limited_by_name() {
    type Tighten = fn(&mut InvocationLimits);
    let limited: [(Tighten, _, &str); 5] = [
        (|limits| limits.events_max = 3, json!([{"emit-many": ["x", 4]}]), "limits.events_max"),
        (|limits| limits.event_bytes_max = 10, json!([{"emit": ["x", "0123456789"]}]), "limits.event_bytes_max"),
        (|limits| limits.value_bytes_max = 10, json!([{"set-bytes": ["x", 11]}]), "limits.value_bytes_max"),
        (|limits| limits.calls_max = 2, json!([{"repeat": [3, [{"call": ["f", 1, {"ok": 1}]}]]}]), "limits.calls_max"),
        (
            |limits| limits.value_bytes_max = 40,
            json!([{"fail": {"fatal": ["kind", "a message that is longer than what is allowed"]}}]),
            "limits.value_bytes_max",
        ),
    ];
    for (change, steps, name) in limited {
        Trial::limited(change, steps).run().fails_with(FailureClass::Limit, name);
    }
}

// [S11]
#[test]
fn one_call_cannot_hand_over_more_than_the_guest_can_hold() {
    let change = |limits: &mut InvocationLimits| {
        (limits.value_bytes_max, limits.event_bytes_max, limits.memory_bytes_max) = (1 << 10, 1 << 10, 256 << 20);
    };
    Trial::limited(change, json!([{"set-bytes": ["x", 16 << 20]}]))
        .run()
        .fails_with(FailureClass::Limit, "limits.value_bytes_max");
    Trial::of(json!([{"misuse": {"same-bytes-as-headers": [1 << 20, 100]}}]))
        .run()
        .fails_with(FailureClass::Limit, "limits.memory_bytes_max");
}

// [S9] [S28]
#[test]
fn a_trap_says_what_and_why() {
    let outcome = Trial::of(json!([{"outside": {"panic": "no such region"}}])).run();
    outcome.fails_with(FailureClass::Trap, "no such region");
    let outcome = Trial::of(json!([{"outside": {"exit": 3}}])).run();
    outcome.fails_with(FailureClass::Trap, "exit code");
    assert!(!outcome.plain_call_open());
}
