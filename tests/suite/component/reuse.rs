//! Fresh and reused instances [S9].

use super::Trial;
use serde_json::json;
use weir_core::failure::FailureClass;

// [S9]
#[test]
fn each_invocation_has_a_fresh_instance_by_default() {
    let trial = Trial::of(json!(["served"]));
    for _ in 0..3 {
        assert_eq!(trial.seen(), json!([1]));
    }
}

// [S9]
#[test]
fn an_instance_is_reused_as_often_as_is_allowed() {
    let mut trial = Trial::of(json!(["served"]));
    trial.reuse = 3;
    let served: Vec<_> = (0..7).map(|_| trial.seen()[0].as_u64().unwrap()).collect();
    assert_eq!(served, [1, 2, 3, 1, 2, 3, 1]);
}

// [S9]
#[test]
fn an_instance_that_trapped_or_ran_out_of_time_is_not_used_again() {
    let mut good = Trial::of(json!(["served"]));
    good.reuse = 100;
    for bad in [json!({"outside": {"panic": "x"}}), json!({"outside": "loop-forever"})] {
        assert_eq!(good.seen(), json!([1]));
        assert_eq!(good.seen(), json!([2]));
        let mut trial = Trial::with(good.component.clone(), json!([bad]));
        trial.reuse = 100;
        let mut limits = (*trial.start.limits).clone();
        limits.cpu_ms_max = 20;
        trial.start.limits = limits.into();
        let outcome = trial.run();
        assert!(matches!(outcome.failure().class, FailureClass::Trap | FailureClass::Timeout));
    }
    assert_eq!(good.seen(), json!([1]));
}

// [S7] [S9]
#[test]
fn a_reused_instance_brings_nothing_of_the_last_invocation_along() {
    let mut first = Trial::of(json!([{"set": ["a", 1]}, {"emit": ["x", 1]}, "random", "now"]));
    first.reuse = 10;
    let first_seen = first.seen();
    let mut second = Trial::with(first.component.clone(), json!([{"get": "a"}, "random", "now"]));
    second.reuse = 10;
    let outcome = second.run();
    assert_eq!(outcome.seen()[0], json!(null));
    assert_eq!(outcome.seen()[1], first_seen[0], "the same task draws the same again");
    assert_eq!(outcome.effects().events.len(), 1);
}
