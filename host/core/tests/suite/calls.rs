//! Durable calls: begin, replay, complete, and what of them reaches the log when.

use crate::harness::{App, Ended, fatal, json, name, retryable};
use std::sync::Arc;
use weir_core::action_state::{CallPut, CallResults, CallStatus};
use weir_core::event::{Event, KIND_INPUT, SequenceNumber};
use weir_core::failure::{Failure, FailureClass};
use weir_core::id::EventId;
use weir_core::invocation::{
    Abort, CallMode, GuestEnd, Invocation, InvocationEnd, InvocationResult, InvocationStart, NextStep, OnDivergence,
    Task,
};
use weir_core::json::Json;
use weir_core::limits::InvocationLimits;
use weir_core::memory::Scope;

pub fn start(recorded: CallResults) -> InvocationStart {
    InvocationStart {
        id: 1,
        task: Task {
            key: "k".into(),
            sequence_number: SequenceNumber(3),
            event: Event { id: EventId([1; 16]), kind: KIND_INPUT.into(), payload: Json::null() },
            action: name("pay"),
            source_timestamp_ms: None,
            headers: Arc::from([("Trace".to_owned(), "t1".to_owned())]),
        },
        attempt: 1,
        started_at_ms: 1_000,
        recorded,
        sensory: Arc::default(),
        short_term: Arc::default(),
        limits: Arc::new(InvocationLimits::default()),
        on_divergence: OnDivergence::Fail,
    }
}

pub fn fresh() -> Invocation {
    Invocation::new(start(CallResults::default()))
}

/// What an attempt put, as its successor finds it.
pub fn recorded(puts: Vec<CallPut>) -> CallResults {
    let mut recorded = CallResults::default();
    for put in puts {
        match put {
            CallPut::Put(position, result) => recorded.insert(position, result),
            CallPut::Drop(position) => drop(recorded.remove(position)),
            CallPut::Start => {}
        };
    }
    recorded
}

pub fn fail(invocation: Invocation) -> InvocationEnd {
    invocation.finish(GuestEnd::Returned(Err(retryable("later"))))
}

pub fn begin(invocation: &mut Invocation, function: &str, arguments: &str) -> (u32, String, NextStep) {
    let begun = invocation.begin(function, arguments, CallMode::Plain, 2_000).unwrap();
    (begun.position, begun.id, begun.step)
}

pub fn call(invocation: &mut Invocation, function: &str, arguments: &str, outcome: Result<Json, Failure>) -> String {
    let (position, id, step) = begin(invocation, function, arguments);
    if step == NextStep::Execute {
        invocation.complete(position, outcome, 2_000).unwrap();
    }
    id
}

fn class_of(end: InvocationEnd) -> FailureClass {
    match end.result {
        InvocationResult::Failed { failure, .. } => failure.class,
        InvocationResult::Completed(_) => panic!("it completed"),
    }
}

// [S12] [S15] [S17] [P13] [D13]
#[test]
fn outcomes_are_replayed_as_they_were() {
    let outcomes = [
        Ok(json("{\"a\":1}")),
        Ok(Json::null()),
        Ok(json("\"\"")),
        Err(Failure {
            retryable: false,
            retry_after_ms: Some(7),
            kind: "card-declined".to_owned(),
            message: "no „money“".to_owned(),
            details: Some(Json::null()),
        }),
    ];
    let mut first = fresh();
    for (n, outcome) in outcomes.iter().enumerate() {
        call(&mut first, "f", &n.to_string(), outcome.clone());
    }
    let end = fail(first);
    assert_eq!(end.puts.len(), 4);
    let mut second = Invocation::new(start(recorded(end.puts)));
    for (n, outcome) in outcomes.iter().enumerate() {
        assert_eq!(begin(&mut second, "f", &n.to_string()).2, NextStep::Replay(outcome.clone()));
    }
    assert!(matches!(second.finish(GuestEnd::Returned(Ok(()))).result, InvocationResult::Completed(_)));
}

// [S12] [D12]
#[test]
fn arguments_are_compared_as_canonical_json() {
    let mut first = fresh();
    call(&mut first, "f", r#"{"b": 1, "a": "\u0041"}"#, Ok(json("1")));
    let records = recorded(fail(first).puts);
    let mut same = Invocation::new(start(records.clone()));
    assert!(matches!(begin(&mut same, "f", r#"{"a":"A","b":1}"#).2, NextStep::Replay(_)));
    for (function, arguments) in [("f", r#"{"a":"A","b":2}"#), ("g", r#"{"a":"A","b":1}"#), ("f", "1.0")] {
        let mut other = Invocation::new(start(records.clone()));
        let error = other.begin(function, arguments, CallMode::Plain, 2_000).unwrap_err();
        assert!(matches!(&error, Abort::Divergence(what) if what.contains("recorded call 0 is \"f\"")), "{error}");
        assert_eq!(class_of(other.finish(GuestEnd::Aborted(error))), FailureClass::Divergence);
    }
}

// [S12]
#[test]
fn ids_of_calls_come_from_task_function_arguments_and_number_and_not_from_the_position() {
    let mut one = fresh();
    let a0 = call(&mut one, "a", "1", Ok(Json::null()));
    let b0 = call(&mut one, "b", "1", Ok(Json::null()));
    let a1 = call(&mut one, "a", "1", Ok(Json::null()));
    let mut other = fresh();
    call(&mut other, "x", "1", Ok(Json::null()));
    assert_eq!(call(&mut other, "a", " 1 ", Ok(Json::null())), a0, "whatever came before");
    assert_eq!(a0.len(), 32);
    assert_ne!(a0, b0);
    assert_ne!(a0, a1, "a second call with the same arguments is another call");
    assert_ne!(call(&mut fresh(), "a", "2", Ok(Json::null())), a0);
    let mut start = start(CallResults::default());
    start.task.sequence_number = SequenceNumber(4);
    assert_ne!(call(&mut Invocation::new(start), "a", "1", Ok(Json::null())), a0);
}

// [S12]
#[test]
fn a_loop_that_tries_again_after_a_retryable_failure_sends_the_same_id() {
    let mut first = fresh();
    let id = call(&mut first, "a", "1", Err(retryable("busy")));
    assert_eq!(call(&mut first, "a", "1", Err(retryable("busy"))), id);
    assert_eq!(call(&mut first, "a", "1", Ok(json("1"))), id);
    let next = call(&mut first, "a", "1", Ok(json("1")));
    assert_ne!(next, id);
    let failed = call(&mut first, "a", "1", Err(fatal("no")));
    assert!(failed != next && failed != id);
    assert_ne!(call(&mut first, "a", "1", Ok(json("1"))), failed, "a failure for good counts");
    let records = recorded(fail(first).puts);
    assert_eq!(records.len(), 6);
    let mut replayed = Invocation::new(start(records));
    let ids: Vec<_> = (0..4).map(|_| begin(&mut replayed, "a", "1").1).collect();
    assert_eq!(ids, [id.clone(), id.clone(), id, next], "the same again on replay");
}

// [S13]
#[test]
fn a_plain_call_is_one_put_when_the_guest_waits_or_fails_and_none_when_its_action_completes() {
    let mut waiting = fresh();
    call(&mut waiting, "a", "1", Ok(json("1")));
    assert!(waiting.take_puts().is_empty(), "computed in place: deferred");
    assert_eq!(waiting.take_puts_before_waiting().len(), 1);
    assert!(waiting.take_puts_before_waiting().is_empty());
    call(&mut waiting, "b", "1", Ok(json("1")));
    assert_eq!(fail(waiting).puts.len(), 1);
    let mut completing = fresh();
    call(&mut completing, "a", "1", Ok(json("1")));
    assert!(completing.finish(GuestEnd::Returned(Ok(()))).puts.is_empty());
    for end in [GuestEnd::Trapped("t".to_owned()), GuestEnd::TimedOut("t".to_owned())] {
        let mut ending = fresh();
        call(&mut ending, "a", "1", Ok(json("1")));
        assert_eq!(ending.finish(end).puts.len(), 1);
    }
}

// [S13] [S33]
#[test]
fn a_reconcilable_call_is_put_as_pending_before_its_effect_and_then_with_its_outcome() {
    let mut invocation = fresh();
    call(&mut invocation, "before", "1", Ok(json("0")));
    let begun = invocation.begin("a", "1", CallMode::Reconcilable, 2_000).unwrap();
    let puts = invocation.take_puts();
    assert!(matches!(&puts[0], CallPut::Put(0, result) if !result.is_pending()), "in their order: {puts:?}");
    let CallPut::Put(1, pending) = &puts[1] else { panic!("{puts:?}") };
    assert_eq!(pending.status, CallStatus::Pending { effect_ends_at_ms: 2_000 + 30_000 });
    let summary = crate::harness::summary("POST", "http://outside/");
    invocation.begin_requests(&[summary], 2_000).unwrap();
    invocation.complete(begun.position, Ok(json("1")), 2_100).unwrap();
    let puts = invocation.take_puts();
    assert!(matches!(&puts[..], [CallPut::Put(1, result)] if !result.is_pending() && result.completed_at_ms == 2_100));
}

// [S13] [P14]
#[test]
fn a_pending_call_is_reconciled_when_its_effect_must_have_ended_and_its_answer_is_the_outcome() {
    let mut first = fresh();
    first.begin("a", "1", CallMode::Reconcilable, 2_000).unwrap();
    let pending = recorded(first.take_puts());
    for outcome in [Ok(json("5")), Err(fatal("it failed"))] {
        let mut second = Invocation::new(start(pending.clone()));
        let begun = second.begin("a", "1", CallMode::Reconcilable, 9_000).unwrap();
        assert_eq!(begun.step, NextStep::Reconcile { not_before_ms: 32_000 });
        assert!(second.take_puts().is_empty(), "cut off while it waits, it waits no longer than before");
        let steps = second.begin_requests(&[crate::harness::summary("POST", "http://outside/")], 33_000).unwrap();
        assert_eq!(steps, [weir_core::invocation::RequestStep::InOpenCall { cut_at_ms: Some(62_000) }]);
        let puts = second.take_puts_before_waiting();
        let CallPut::Put(0, again) = &puts[0] else { panic!("{puts:?}") };
        let ends = CallStatus::Pending { effect_ends_at_ms: 32_000 + 30_000 };
        assert_eq!(again.status, ends, "an effect made after reconciling has a time of its own, put before it leaves");
        second.begin_requests(&[crate::harness::summary("POST", "http://outside/")], 33_000).unwrap();
        assert!(second.take_puts_before_waiting().is_empty(), "once");
        second.complete(0, outcome.clone(), 33_000).unwrap();
        let records = recorded(fail(second).puts);
        let mut third = Invocation::new(start(records));
        let begun = third.begin("a", "1", CallMode::Reconcilable, 9_000).unwrap();
        assert_eq!(begun.step, NextStep::Replay(outcome));
        assert!(third.take_puts().is_empty());
    }
}

// [S13]
#[test]
fn attempts_are_not_spent_by_waiting_to_ask_however_short_they_are() {
    for (wall_ms_max, effect_ms_max, lasts) in [(3_000, 30_000, 1_500), (3_000, 1_000, 1_000), (60_000, 30_000, 30_000)]
    {
        let limits = InvocationLimits { wall_ms_max, effect_ms_max, ..InvocationLimits::default() };
        let mut invocation =
            Invocation::new(InvocationStart { limits: Arc::new(limits), ..start(CallResults::default()) });
        invocation.begin("charge", "[]", CallMode::Reconcilable, 2_000).unwrap();
        let calls = recorded(invocation.take_puts_before_waiting());
        let status = &calls.get(0).expect("it is pending").status;
        assert_eq!(*status, CallStatus::Pending { effect_ends_at_ms: 2_000 + lasts });
    }
}

// [S13]
#[test]
fn a_reconciler_that_fails_for_now_is_asked_again() {
    let mut first = fresh();
    first.begin("a", "1", CallMode::Reconcilable, 2_000).unwrap();
    let mut records = recorded(first.take_puts());
    for _ in 0..2 {
        let mut next = Invocation::new(start(records.clone()));
        let begun = next.begin("a", "1", CallMode::Reconcilable, 99_000).unwrap();
        assert!(matches!(begun.step, NextStep::Reconcile { .. }));
        next.complete(0, Err(retryable("unreachable")), 99_000).unwrap();
        let mut all = recorded(fail(next).puts);
        all.extend(records);
        records = all;
        assert!(records.get(0).is_some_and(|call| call.is_pending()));
    }
}

// [P14]: through the operator, cut off between effect and record.
#[test]
fn mixed_plain_and_reconcilable_calls_are_each_made_once() {
    let app = App::default().action("pay", &[KIND_INPUT], |guest| {
        guest.call("plain", "[]", Ok(json("1")))?.unwrap();
        let effect = if guest.now_ms < 5_000 { None } else { Some(Ok(json("2"))) };
        let found = guest.reconcilable("charge", "[]", effect, Some(Ok(json("3"))))?.unwrap();
        guest.call("plain", "[]", Ok(json("1")))?.unwrap();
        guest.emit("output", found)
    });
    let mut world = app.start();
    world.input("k", "0");
    world.now_ms = 50_000;
    world.kill();
    world.run();
    assert_eq!(world.outside.functions(), ["plain", "charge", "reconcile charge", "plain"]);
    assert_eq!(world.outputs_of("k"), ["3"]);
    assert_eq!(world.outside.ids()[1], world.outside.ids()[2], "the reconciler knows the call's id");
}

// [P14] [S13]
#[test]
fn a_call_that_never_happened_is_executed() {
    let app = App::default().action("pay", &[KIND_INPUT], |guest| {
        let effect = if guest.now_ms < 5_000 { None } else { Some(Ok(json("2"))) };
        let found = guest.reconcilable("charge", "[]", effect, None)?.unwrap();
        guest.emit("output", found)
    });
    let mut world = app.start();
    world.input("k", "0");
    world.now_ms = 50_000;
    world.kill();
    world.run();
    assert_eq!(world.outside.functions(), ["charge", "reconcile charge", "charge"]);
    assert_eq!(world.outputs_of("k"), ["2"]);
}

// [S15]
#[test]
fn a_retryable_failure_is_recorded_only_if_the_guest_goes_on_to_another_call() {
    let mut ending = fresh();
    call(&mut ending, "a", "1", Err(retryable("busy")));
    assert!(fail(ending).puts.is_empty());
    let mut going_on = fresh();
    call(&mut going_on, "a", "1", Err(retryable("busy")));
    call(&mut going_on, "b", "1", Ok(json("1")));
    let records = recorded(fail(going_on).puts);
    assert_eq!(records.iter().map(|(position, _)| position).collect::<Vec<_>>(), [0, 1]);
    assert!(records.get(0).is_some_and(|call| call.retryable));
    let mut replayed = Invocation::new(start(records));
    let step = begin(&mut replayed, "a", "1").2;
    assert!(matches!(step, NextStep::Replay(Err(failure)) if failure.retryable && failure.kind == "busy"));
}

// [S16]
#[test]
fn several_calls_may_be_open_and_complete_in_any_order() {
    let mut invocation = fresh();
    let (a, ..) = begin(&mut invocation, "f", "1");
    let (b, ..) = begin(&mut invocation, "f", "2");
    assert!(invocation.has_open_call());
    invocation.complete(b, Ok(json("2")), 2_000).unwrap();
    assert!(invocation.has_open_call());
    invocation.complete(a, Ok(json("1")), 2_000).unwrap();
    assert!(!invocation.has_open_call());
    let records = recorded(fail(invocation).puts);
    let mut replayed = Invocation::new(start(records));
    assert_eq!(begin(&mut replayed, "f", "1").2, NextStep::Replay(Ok(json("1"))));
    assert_eq!(begin(&mut replayed, "f", "2").2, NextStep::Replay(Ok(json("2"))));
}

// [S16] [S12]: one of two open calls was recorded when the attempt was cut off.
#[test]
fn of_parallel_calls_only_the_one_that_was_not_recorded_is_executed_again() {
    let mut first = fresh();
    begin(&mut first, "f", "1");
    let (b, ..) = begin(&mut first, "f", "2");
    first.complete(b, Ok(json("2")), 2_000).unwrap();
    let end = first.finish(GuestEnd::Trapped("t".to_owned()));
    assert!(matches!(end.result, InvocationResult::Failed { plain_call_open: true, .. }));
    let mut second = Invocation::new(start(recorded(end.puts)));
    assert_eq!(begin(&mut second, "f", "1").2, NextStep::Execute);
    assert_eq!(begin(&mut second, "f", "2").2, NextStep::Replay(Ok(json("2"))));
    second.complete(0, Ok(json("1")), 2_000).unwrap();
    assert!(matches!(second.finish(GuestEnd::Returned(Ok(()))).result, InvocationResult::Completed(_)));
}

// [S12]
#[test]
fn what_a_replay_would_skip_traps_while_a_call_is_open() {
    let trap = |what: &mut dyn FnMut(&mut Invocation) -> Abort| {
        let mut invocation = fresh();
        invocation.memory_set(Scope::ShortTerm, "a", "1").unwrap().unwrap();
        let (open, ..) = begin(&mut invocation, "f", "1");
        assert!(matches!(what(&mut invocation), Abort::Trap(_)));
        assert_eq!(invocation.memory_get(Scope::ShortTerm, "a"), Ok(Some(json("1"))), "reading is allowed");
        invocation.complete(open, Ok(Json::null()), 2_000).unwrap();
        invocation.memory_set(Scope::ShortTerm, "a", "2").unwrap().unwrap();
    };
    trap(&mut |invocation| invocation.memory_set(Scope::ShortTerm, "a", "1").unwrap_err());
    trap(&mut |invocation| invocation.memory_new_object(Scope::Sensory, "b").unwrap_err());
    trap(&mut |invocation| invocation.memory_remove(Scope::ShortTerm, "a").unwrap_err());
    trap(&mut |invocation| invocation.emit("output", "1").unwrap_err());
    trap(&mut |invocation| invocation.begin("f", " 1", CallMode::Plain, 2_000).unwrap_err());
}

// [S12]
#[test]
fn an_action_that_returns_with_an_open_call_fails() {
    let mut invocation = fresh();
    begin(&mut invocation, "f", "1");
    let end = invocation.finish(GuestEnd::Returned(Ok(())));
    assert_eq!(class_of(end), FailureClass::Trap);
}

// [S12]
#[test]
fn misuse_of_calls_traps() {
    let mut invocation = fresh();
    assert!(matches!(invocation.complete(0, Ok(Json::null()), 1), Err(Abort::Trap(_))));
    let (position, ..) = begin(&mut invocation, "f", "1");
    invocation.complete(position, Ok(Json::null()), 2_000).unwrap();
    assert!(matches!(invocation.complete(position, Ok(Json::null()), 1), Err(Abort::Trap(_))), "it ended");
    assert!(matches!(invocation.complete(9, Ok(Json::null()), 1), Err(Abort::Trap(_))));
    assert!(matches!(invocation.begin("", "1", CallMode::Plain, 1), Err(Abort::Trap(_))));
    assert!(matches!(invocation.begin(&"f".repeat(1_025), "1", CallMode::Plain, 1), Err(Abort::Trap(_))));
    assert!(invocation.clone().begin(&"f".repeat(1_024), "1", CallMode::Plain, 1).is_ok());
    assert!(matches!(invocation.begin("f", "not json", CallMode::Plain, 1), Err(Abort::Trap(_))));
    let (position, ..) = begin(&mut invocation, "g", "1");
    let bad = Json::from_checked("{");
    assert!(matches!(invocation.complete(position, Ok(bad.clone()), 1), Err(Abort::Trap(_))));
    let bad = Failure { details: Some(bad), ..fatal("x") };
    assert!(matches!(invocation.complete(position, Err(bad), 1), Err(Abort::Trap(_))));
}

// [S21] [P15] [D19]
#[test]
fn n_calls_cost_n_records_and_none_is_left_in_a_completed_state() {
    let app = App::default().action("many", &[KIND_INPUT], |guest| {
        for n in 0..20 {
            guest.call("f", &n.to_string(), Ok(json("1")))?.unwrap();
            guest.wait();
        }
        Ok(())
    });
    let mut world = app.start();
    world.input("k", "0");
    assert_eq!(world.log.records.len(), 21);
    let bytes: Vec<_> = world.log.records.values().map(|(_, value)| value.len()).collect();
    assert!(bytes.iter().all(|bytes| *bytes < 400), "each as large as one call: {bytes:?}");
    let states = world.operator.store().states_of(&"k".into());
    assert!(states[0].1.completed && states[0].1.call_results.is_empty());
    world.kill();
    let states = world.operator.store().states_of(&"k".into());
    assert!(states[0].1.completed && states[0].1.call_results.is_empty(), "rebuilt as well");
}

// [P13] [S15]
#[test]
fn a_failure_that_the_guest_caught_leads_it_the_same_way_again() {
    let app = App::default().action("pay", &[KIND_INPUT], |guest| {
        let first =
            guest.call("charge", "[]", if guest.now_ms < 5_000 { Err(retryable("x")) } else { Ok(json("1")) })?;
        let way = if first.is_err() { "fallback" } else { "main" };
        guest.call(way, "[]", Ok(json("1")))?.unwrap();
        guest.wait();
        if guest.now_ms < 5_000 { Err(Ended::CutOff) } else { guest.emit("output", format!("\"{way}\"")) }
    });
    let mut world = app.start();
    world.input("k", "0");
    world.now_ms = 5_000;
    world.kill();
    world.run();
    assert_eq!(world.outside.functions(), ["charge", "fallback"]);
    assert_eq!(world.outputs_of("k"), ["\"fallback\""]);
}

#[test]
fn a_guest_sees_its_task() {
    let mut start = start(CallResults::default());
    (start.id, start.attempt) = (7, 3);
    Arc::make_mut(&mut start.limits).calls_max = 99;
    let mut invocation = Invocation::new(start);
    assert_eq!((invocation.id(), invocation.attempt()), (7, 3));
    assert_eq!(invocation.task().sequence_number, SequenceNumber(3));
    assert_eq!(invocation.header("trace"), Some("t1"));
    assert_eq!(invocation.header("other"), None);
    assert_eq!(invocation.limits().calls_max, 99);
    assert!(matches!(invocation.emit("", "1"), Err(Abort::Trap(_))));
    assert!(matches!(invocation.emit(&"k".repeat(129), "1"), Err(Abort::Trap(_))));
    assert!(invocation.emit(&"k".repeat(128), "1").is_ok());
    assert!(matches!(invocation.emit("a", "{"), Err(Abort::Trap(_))));
    assert!(matches!(invocation.memory_set(Scope::ShortTerm, "a", "{"), Err(Abort::Trap(_))));
}
