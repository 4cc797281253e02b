//! Durable calls as a guest makes them.

use super::{Handed, Trial};
use serde_json::json;
use std::sync::atomic::Ordering;
use weir_core::action_state::{CallPut, CallStatus};
use weir_core::failure::FailureClass;
use weir_core::invocation::OnDivergence;

// [S13] [S21]
#[test]
fn a_call_computed_in_place_costs_no_record_unless_the_attempt_fails() {
    let call = json!({"call": ["quote", {"n": 1}, {"ok": 5}]});
    let outcome = Trial::of(json!([call])).run();
    assert_eq!(outcome.seen(), json!([5]));
    assert!(outcome.puts().is_empty());

    let outcome = Trial::of(json!([call, {"fail": {"retryable": ["busy", "x"]}}])).run();
    let puts = outcome.puts();
    let [CallPut::Put(0, result)] = &puts[..] else { panic!("{puts:?}") };
    assert!(matches!(&result.status, CallStatus::Succeeded(json) if json.as_str() == "5"));
    assert!(result.completed_at_ms >= super::WALL_MS);
}

// [S12] [S15]
#[test]
fn a_recorded_outcome_is_replayed_and_its_body_not_run() {
    let ending = |ok| json!([{"call": ["quote", 1, {"ok": ok}]}, {"catch": {"call": ["charge", 2, {"fatal": ["declined", "no"]}]}}]);
    let fail = json!({"fail": {"retryable": ["busy", "x"]}});
    let mut first = ending(5);
    first.as_array_mut().unwrap().push(fail);
    let failed = Trial::of(first).run();
    assert_eq!(failed.recorded().len(), 2);
    let replayed = Trial::of(ending(6)).recorded(&failed).run();
    assert_eq!(replayed.seen()[0], json!(5), "the recorded result, not the body's");
    assert_eq!(replayed.seen()[1]["failure"], json!("declined"));
    assert_eq!(replayed.seen()[1]["message"], json!("no"));
}

// [S13]
#[test]
fn a_reconcilable_call_is_put_as_pending_and_its_reconciler_asked_later() {
    let steps = |found| json!([{"reconcile": ["charge", 1, found, {"ok": "charged"}]}]);
    let outcome = Trial::of(steps(json!("never"))).run();
    assert_eq!(outcome.seen(), json!(["charged"]));
    let handed = outcome.handed;
    let [Handed::Put(CallPut::Put(0, pending))] = &handed[..] else { panic!("{handed:?}") };
    let CallStatus::Pending { effect_ends_at_ms } = pending.status else { panic!("{pending:?}") };
    assert!(effect_ends_at_ms > super::WALL_MS);

    let mut again = Trial::of(steps(json!({"happened": "before"})));
    again.start.recorded = [(0, pending.clone())].into_iter().collect();
    again.port.wall_us.store((effect_ends_at_ms - super::WALL_MS) * 1000, Ordering::Relaxed);
    assert_eq!(again.seen(), json!(["before"]));
}

// [S13]
#[test]
fn a_reconciler_is_not_asked_while_the_effect_may_be_on_its_way() {
    let steps = json!([{"reconcile": ["charge", 1, {"happened": "before"}, {"ok": "charged"}]}]);
    let trial = Trial::of(steps);
    let pending = trial.run().handed.remove(0);
    let Handed::Put(CallPut::Put(0, mut pending)) = pending else { panic!("{pending:?}") };
    let mut again = trial;
    again.port.wall_us.store(u64::MAX, Ordering::Relaxed);
    let effect_ends_at_ms = weir_component::InvocationPort::wall_clock_us(&*again.port) / 1000 + 50;
    pending.status = CallStatus::Pending { effect_ends_at_ms };
    again.start.recorded = [(0, pending)].into_iter().collect();
    assert_eq!(again.seen(), json!(["before"]));
    assert!(weir_component::InvocationPort::wall_clock_us(&*again.port) / 1000 >= effect_ends_at_ms);
}

// [S14]
#[test]
fn another_call_than_the_recorded_one_is_a_divergence() {
    let steps = |n| json!([{"call": ["quote", n, {"ok": 5}]}, {"fail": {"retryable": ["busy", "x"]}}]);
    let failed = Trial::of(steps(1)).run();
    let mut trial = Trial::of(steps(2)).recorded(&failed);
    trial.run().fails_with(FailureClass::Divergence, "\"quote\"");
    trial.start.on_divergence = OnDivergence::Execute;
    let outcome = trial.run();
    assert!(matches!(outcome.puts()[..], [CallPut::Drop(0), CallPut::Put(0, _)]), "{:?}", outcome.puts());
}

// [S11]
#[test]
fn an_outcome_over_the_limit_is_a_failure_that_is_recorded() {
    let steps = json!([{"catch": {"call": ["big", 1, {"bytes": 100}]}}, {"fail": {"retryable": ["busy", "x"]}}]);
    let outcome = Trial::limited(|limits| limits.value_bytes_max = 64, steps).run();
    let recorded = outcome.recorded();
    assert!(matches!(&recorded[&0].status, CallStatus::Failed(failure) if failure.kind == "limit"), "{recorded:?}");

    // However large it is: its effect was made.
    let steps = json!([{"catch": {"call": ["big", 1, {"bytes": 12 << 20}]}}, {"fail": {"retryable": ["busy", "x"]}}]);
    let outcome = Trial::of(steps).run();
    outcome.fails_with(FailureClass::Retryable, "x");
    let recorded = outcome.recorded();
    assert!(matches!(&recorded[&0].status, CallStatus::Failed(failure) if failure.kind == "limit"), "{recorded:?}");
}

// [S12]
#[test]
fn what_a_replay_would_skip_traps_while_a_call_is_open() {
    for misuse in [json!({"set": ["a", "1"]}), json!({"emit": ["x", "1"]}), json!({"open": ["f", "1"]})] {
        let steps = json!([{"misuse": {"open": ["f", "1"]}}, {"misuse": misuse}]);
        let outcome = Trial::of(steps).run();
        outcome.fails_with(FailureClass::Trap, "open");
        assert!(outcome.plain_call_open(), "{misuse}");
    }
    let outcome = Trial::of(json!([{"misuse": {"open": ["f", "1"]}}])).run();
    outcome.fails_with(FailureClass::Trap, "open");
    for misuse in [json!({"open": ["f", "{"]}), json!({"close": [3, "1"]}), json!({"set": ["a", "nope"]})] {
        let outcome = Trial::of(json!([{ "misuse": misuse }])).run();
        assert_eq!(outcome.failure().class, FailureClass::Trap, "{misuse}");
    }
}

// [S17]
#[test]
fn an_empty_result_is_replayed_as_one() {
    let call = json!({"call": ["notify", 1, {"ok": null}]});
    let failed = Trial::of(json!([call, {"fail": {"retryable": ["busy", "x"]}}])).run();
    let replayed = Trial::of(json!([call])).recorded(&failed).run();
    assert_eq!(replayed.seen(), json!([null]));
}
