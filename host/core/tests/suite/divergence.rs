//! What was asked differs from what was recorded.

use crate::calls::{begin, call, fail, fresh, recorded, start};
use crate::harness::{App, Ended, json};
use weir_core::action_state::{CallPut, CallResults};
use weir_core::event::KIND_INPUT;
use weir_core::failure::FailureClass;
use weir_core::invocation::{
    Abort, CallMode, GuestEnd, Invocation, InvocationResult, InvocationStart, NextStep, OnDivergence,
};

// [S14] [P15]
#[test]
fn recorded_calls_that_a_completing_action_never_asked_for_are_a_divergence() {
    let mut first = fresh();
    call(&mut first, "a", "1", Ok(json("1")));
    call(&mut first, "b", "1", Ok(json("1")));
    let records = recorded(fail(first).puts);
    let mut second = Invocation::new(start(records.clone()));
    begin(&mut second, "a", "1");
    let end = second.finish(GuestEnd::Returned(Ok(())));
    let InvocationResult::Failed { failure, .. } = end.result else { panic!("it completed") };
    assert_eq!(failure.class, FailureClass::Divergence);
    assert!(failure.failure.message.contains("recorded call 1 (\"b\") was not asked for"), "{failure}");
    let mut second = Invocation::new(InvocationStart { on_divergence: OnDivergence::Execute, ..start(records) });
    begin(&mut second, "a", "1");
    let end = second.finish(GuestEnd::Returned(Ok(())));
    assert_eq!(end.puts, [CallPut::Drop(1)]);
    assert!(matches!(end.result, InvocationResult::Completed(_)));
}

// [S14] [P15]
#[test]
fn with_execute_a_mismatch_drops_from_there_the_highest_first_and_executes() {
    let mut first = fresh();
    for n in 0..4 {
        call(&mut first, "f", &n.to_string(), Ok(json("1")));
    }
    let records = recorded(fail(first).puts);
    let mut second = Invocation::new(InvocationStart { on_divergence: OnDivergence::Execute, ..start(records) });
    assert!(matches!(begin(&mut second, "f", "0").2, NextStep::Replay(_)));
    assert_eq!(begin(&mut second, "f", "9").2, NextStep::Execute);
    assert_eq!(second.take_puts(), [CallPut::Drop(3), CallPut::Drop(2), CallPut::Drop(1)]);
    second.complete(1, Ok(json("9")), 2_000).unwrap();
    assert_eq!(begin(&mut second, "f", "2").2, NextStep::Execute, "what was behind is gone");
}

// [S14]
#[test]
fn with_execute_a_pending_call_among_the_dropped_still_fails() {
    let mut first = fresh();
    call(&mut first, "a", "1", Ok(json("1")));
    first.begin("b", "1", CallMode::Reconcilable, 2_000).unwrap();
    let records = recorded(first.take_puts());
    let mut second =
        Invocation::new(InvocationStart { on_divergence: OnDivergence::Execute, ..start(records.clone()) });
    let error = second.begin("x", "1", CallMode::Plain, 2_000).unwrap_err();
    assert!(matches!(error, Abort::Divergence(_)));
    assert!(second.take_puts().is_empty(), "nothing is dropped");
    let mut second = Invocation::new(start(records));
    begin(&mut second, "a", "1");
    let error = second.begin("b", "1", CallMode::Plain, 2_000).unwrap_err();
    assert!(matches!(&error, Abort::Divergence(what) if what.contains("pending")), "a plain call can't be reconciled");
}

// [P14]: a stale function id.
#[test]
fn with_execute_another_function_id_makes_the_original_call_once_and_asks_no_reconciler() {
    let app = App::default()
        .action("pay", &[KIND_INPUT], |guest| {
            let function = if guest.now_ms < 5_000 { "old" } else { "new" };
            let found = guest.reconcilable(function, "[]", Some(Ok(json("1"))), Some(Ok(json("7"))))?.unwrap();
            if guest.now_ms < 5_000 {
                return Err(Ended::CutOff);
            }
            guest.emit("output", found)
        })
        .policy(|policy| policy.on_divergence = OnDivergence::Execute);
    let mut world = app.start();
    world.input("k", "0");
    assert_eq!(world.log.names(), ["k_0#0?", "k_0#0"]);
    world.now_ms = 50_000;
    world.kill();
    world.run();
    assert_eq!(world.outside.functions(), ["old", "new"]);
    assert_eq!(world.operator.counters().divergences, 1, "what is dropped is counted, and told");
    assert_eq!(world.outputs_of("k"), ["1"]);
    let (_, value) = world.log.records.values().last().expect("the completed state");
    assert!(String::from_utf8_lossy(value).contains("\"component\":\"c0\""), "it tells what completed it");
    assert_eq!(world.log.names(), ["k_0#0?", "k_0#0", "k_0"], "of the new call; the old ones have tombstones");
    world.checkpoint();
    world.acknowledge_all();
    assert_eq!(world.log.names(), [""; 0]);
}

// [S14] [P15]
#[test]
fn a_divergence_fails_the_attempt_for_good_counts_and_drops_nothing() {
    let app = App::default().action("pay", &[KIND_INPUT], |guest| {
        let arguments = if guest.now_ms < 5_000 { "[1]" } else { "[2]" };
        guest.call("charge", arguments, Ok(json("1")))?.unwrap();
        guest.wait();
        if guest.now_ms < 5_000 { Err(Ended::CutOff) } else { Ok(()) }
    });
    let mut world = app.start();
    world.input("k", "0");
    world.now_ms = 5_000;
    world.kill();
    world.run();
    assert!(world.is_quarantined("k"));
    assert_eq!(world.operator.counters().divergences, 1);
    assert!(world.seen.contains(&"divergence".to_owned()));
    assert_eq!(world.outside.functions(), ["charge"]);
    assert_eq!(world.log.names(), ["k_0#0", "k_0"]);
    assert!(world.timers.is_empty(), "not retryable");
}

// [S14]
#[test]
fn a_divergence_tells_which_arguments_were_recorded_and_which_were_asked() {
    let digest = |records: &CallResults| {
        let call = records.values().next().expect("a call is recorded");
        call.arguments_digest[..6].iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    let records = ["1", "2"].map(|arguments| {
        let mut invocation = fresh();
        call(&mut invocation, "f", arguments, Ok(json("1")));
        recorded(fail(invocation).puts)
    });
    let (one, two) = (digest(&records[0]), digest(&records[1]));
    let [records, _] = records;
    let error = Invocation::new(start(records)).begin("f", "2", CallMode::Plain, 2_000).unwrap_err();
    let what = format!("recorded call 0 is \"f\" with arguments {one}, asked was \"f\" with arguments {two}");
    assert!(error.to_string().contains(&what), "{error}");
}
