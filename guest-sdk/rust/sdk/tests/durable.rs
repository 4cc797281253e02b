//! Durable calls: recorded, replayed, reconciled; what an action does around them.

use std::cell::{Cell, RefCell};

use weir_sdk::prelude::*;
use weir_sdk::testing::{Outcome, TestKey};

thread_local! {
    static EXECUTED: Cell<u32> = const { Cell::new(0) };
    static IDS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    static FOUND: RefCell<Result<Option<u32>>> = const { RefCell::new(Ok(None)) };
}

fn execute(call: &Call) -> u32 {
    IDS.with_borrow_mut(|ids| ids.push(call.id().to_owned()));
    EXECUTED.set(EXECUTED.get() + 1);
    EXECUTED.get()
}

fn double_charge(order: Value, ctx: &Context) -> Result {
    let first: u32 = ctx.durable("charge", &order, |call| Ok(execute(call)))?;
    let second: u32 = ctx.durable("charge", &order, |call| Ok(execute(call)))?;
    ctx.memory().set("charged", &(first, second))?;
    if order["busy"] == true {
        return Err(Failure::retryable("busy", "later"));
    }
    ctx.output(&(first, second))
}

#[test]
fn next_attempt_replays_the_recorded_calls() {
    let mut key = TestKey::new("k");
    let failure = key.run(double_charge, &json!({"busy": true})).unwrap_err();
    assert_eq!(failure.kind(), "busy");
    assert_eq!(key.memory::<Value>(""), Some(json!({})));
    assert_eq!(key.again(double_charge).unwrap_err().kind(), "busy");
    assert_eq!(EXECUTED.get(), 2);
    assert!(key.calls().iter().all(|call| call.replayed));
    assert_eq!(key.calls()[1].outcome, Outcome::Succeeded(json!(2)));
}

#[test]
fn completed_action_run_again_does_the_same_and_executes_nothing() {
    let mut key = TestKey::new("k");
    let first = key.run(double_charge, &json!({})).unwrap();
    let second = key.again(double_charge).unwrap();
    assert_eq!(first.outputs(), second.outputs());
    assert_eq!(EXECUTED.get(), 2);
}

// [S12]
#[test]
fn calls_with_equal_arguments_have_ids_of_their_own() {
    TestKey::new("k").run(double_charge, &json!({})).unwrap();
    IDS.with_borrow(|ids| assert_ne!(ids[0], ids[1]));
}

fn declined(order: Value, ctx: &Context) -> Result {
    let result = ctx.durable("charge", &order, |call| {
        execute(call);
        Err::<(), _>(Failure::fatal("card-declined", "no funds").with_details(&7))
    });
    let failure = result.unwrap_err();
    ctx.output(&json!([failure.kind(), failure.message(), failure.details::<u32>()]))
}

// [S15]
#[test]
fn failed_outcome_is_replayed_with_kind_message_and_details() {
    let mut key = TestKey::new("k");
    let expected = [json!(["card-declined", "no funds", 7])];
    assert_eq!(key.run(declined, &json!(1)).unwrap().outputs(), expected);
    assert_eq!(key.again(declined).unwrap().outputs(), expected);
    assert_eq!(EXECUTED.get(), 1);
}

fn try_three_times(_: Value, ctx: &Context) -> Result {
    for _ in 0..3 {
        let result: Result<u32> = ctx.durable("charge", "a", |call| match execute(call) {
            n @ 1..=2 => Err(Failure::retryable("busy", n.to_string())),
            n => Ok(n),
        });
        if let Ok(n) = result {
            return ctx.output(&n);
        }
    }
    Err(Failure::fatal("gave-up", ""))
}

// [S12] [S15]
#[test]
fn loop_that_tries_again_sends_the_same_id_and_replays_its_way() {
    let mut key = TestKey::new("k");
    assert_eq!(key.run(try_three_times, &()).unwrap().outputs(), [json!(3)]);
    IDS.with_borrow(|ids| assert!(ids.len() == 3 && ids.iter().all(|id| *id == ids[0]), "{ids:?}"));
    assert_eq!(key.again(try_three_times).unwrap().outputs(), [json!(3)]);
    assert_eq!(EXECUTED.get(), 3);
}

fn fails_once(_: Value, ctx: &Context) -> Result {
    let n: u32 = ctx.durable("charge", "a", |call| match execute(call) {
        1 => Err(Failure::retryable("busy", "later")),
        n => Ok(n),
    })?;
    ctx.output(&n)
}

// [S15]
#[test]
fn retryable_failure_that_ends_the_attempt_is_not_recorded() {
    let mut key = TestKey::new("k");
    assert!(key.run(fails_once, &()).unwrap_err().is_retryable());
    assert_eq!(key.again(fails_once).unwrap().outputs(), [json!(2)]);
}

fn nothing(_: Value, ctx: &Context) -> Result {
    let nothing: Option<u32> = ctx.durable("find", &(), |call| {
        execute(call);
        Ok(None)
    })?;
    ctx.durable("unit", &(), |_| Ok(()))?;
    ctx.output(&nothing)
}

// [S17]
#[test]
fn empty_result_replays_as_one() {
    let mut key = TestKey::new("k");
    assert_eq!(key.run(nothing, &()).unwrap().outputs(), [Value::Null]);
    assert_eq!(key.again(nothing).unwrap().outputs(), [Value::Null]);
    assert_eq!(EXECUTED.get(), 1);
}

#[derive(Serialize, Deserialize)]
struct Kept {
    kept: u32,
    #[serde(skip)]
    lost: u32,
}

fn half_kept(_: Value, ctx: &Context) -> Result {
    let value = ctx.durable("half", &(), |_| Ok(Kept { kept: 1, lost: 2 }))?;
    ctx.output(&(value.kept, value.lost))
}

#[test]
fn executed_call_gives_no_more_than_its_replay() {
    let mut key = TestKey::new("k");
    assert_eq!(key.run(half_kept, &()).unwrap().outputs(), [json!([1, 0])]);
    assert_eq!(key.again(half_kept).unwrap().outputs(), [json!([1, 0])]);
}

fn reconciled(order: Value, ctx: &Context) -> Result {
    let charge: u32 = ctx
        .durable_call("charge", &order)
        .reconcile(|_| FOUND.with_borrow(Clone::clone))
        .run(|call| Ok(execute(call)))?;
    ctx.output(&charge)
}

/// The key after a crash between the effect and the record of `reconciled`.
fn cut_off() -> TestKey {
    let mut key = TestKey::new("k");
    key.crash_in("charge");
    assert_eq!(key.run(reconciled, &json!(1)).unwrap_err().kind(), "crash");
    key
}

// [S13]
#[test]
fn reconciler_that_finds_the_effect_spares_the_call() {
    let mut key = cut_off();
    FOUND.set(Ok(Some(77)));
    assert_eq!(key.again(reconciled).unwrap().outputs(), [json!(77)]);
    FOUND.set(Ok(None));
    assert_eq!(key.again(reconciled).unwrap().outputs(), [json!(77)]);
    assert_eq!(EXECUTED.get(), 1);
}

// [S13]
#[test]
fn call_that_never_happened_is_executed_with_the_same_id() {
    let mut key = cut_off();
    assert_eq!(key.again(reconciled).unwrap().outputs(), [json!(2)]);
    IDS.with_borrow(|ids| assert_eq!(ids[0], ids[1]));
}

// [S13]
#[test]
fn reconciler_that_does_not_know_is_asked_again_and_one_that_fails_decides() {
    let mut key = cut_off();
    FOUND.set(Err(Failure::retryable("provider-down", "")));
    assert_eq!(key.again(reconciled).unwrap_err().kind(), "provider-down");
    FOUND.set(Err(Failure::fatal("refused", "")));
    assert_eq!(key.again(reconciled).unwrap_err().kind(), "refused");
    FOUND.set(Ok(None));
    assert_eq!(key.again(reconciled).unwrap_err().kind(), "refused");
    assert_eq!(EXECUTED.get(), 1);
}

/// JSON has no such names: only an empty one can be written.
type Unwritable = std::collections::BTreeMap<Vec<u32>, u32>;

fn reconciled_to_a_map(_: Value, ctx: &Context) -> Result {
    let found =
        || FOUND.with_borrow(Clone::clone).map(|of| of.map(|n| Unwritable::from_iter((n > 0).then_some((vec![n], n)))));
    let map = ctx.durable_call("charge", &()).reconcile(|_| found()).run(|call| {
        execute(call);
        Ok(Unwritable::new())
    })?;
    ctx.output(&map.len())
}

// [S13]
#[test]
fn reconciler_whose_result_is_no_json_is_asked_again() {
    let mut key = TestKey::new("k");
    key.crash_in("charge");
    assert_eq!(key.run(reconciled_to_a_map, &()).unwrap_err().kind(), "crash");
    FOUND.set(Ok(Some(7)));
    assert_eq!(key.again(reconciled_to_a_map).unwrap_err().kind(), "json");
    assert_eq!(key.calls(), []);
    FOUND.set(Ok(Some(0)));
    assert_eq!(key.again(reconciled_to_a_map).unwrap().outputs(), [json!(0)]);
    assert_eq!(EXECUTED.get(), 1);
}

fn plain(order: Value, ctx: &Context) -> Result {
    ctx.durable("charge", &order, |call| Ok(execute(call))).map(|_| ())
}

#[test]
fn plain_call_cut_off_is_executed_again_with_the_same_id() {
    let mut key = TestKey::new("k");
    key.crash_in("charge");
    key.run(plain, &json!(1)).unwrap_err();
    key.again(plain).unwrap();
    IDS.with_borrow(|ids| assert!(ids.len() == 2 && ids[0] == ids[1]));
}

#[test]
fn call_that_lost_its_reconciler_is_not_executed() {
    let mut key = cut_off();
    assert_eq!(key.again(plain).unwrap_err().kind(), "divergence");
    assert_eq!(EXECUTED.get(), 1);
}

fn other_arguments(_: Value, ctx: &Context) -> Result {
    ctx.durable("charge", "other", |call| Ok(execute(call))).map(|_| ())
}

fn no_call(_: Value, _: &Context) -> Result {
    Ok(())
}

#[test]
fn call_that_differs_from_the_recorded_one_is_a_divergence() {
    let mut key = TestKey::new("k");
    key.run(plain, &json!(1)).unwrap();
    assert_eq!(key.again(other_arguments).unwrap_err().kind(), "divergence");
    assert_eq!(key.again(no_call).unwrap_err().kind(), "divergence");
    assert_eq!(EXECUTED.get(), 1);
}

fn sets_inside(_: Value, ctx: &Context) -> Result {
    ctx.durable("charge", &(), |_| ctx.memory().set("a", &1))
}

fn emits_inside(_: Value, ctx: &Context) -> Result {
    ctx.durable("charge", &(), |_| ctx.emit("a", &1))
}

fn nests_itself(_: Value, ctx: &Context) -> Result {
    ctx.durable("charge", &(), |_| ctx.durable("charge", &(), |_| Ok(())))
}

// [S12]
#[test]
fn change_inside_an_open_call_is_refused() {
    for action in [sets_inside, emits_inside, nests_itself] {
        let mut key = TestKey::new("k");
        assert_eq!(key.run(action, &()).unwrap_err().kind(), "trap");
        assert_eq!(key.memory::<Value>(""), Some(json!({})));
    }
}

fn calls_by_name(name: String, ctx: &Context) -> Result {
    // Even if the action goes on, the attempt is over.
    let _ = ctx.durable(&name, &(), |call| Ok(execute(call)));
    Ok(())
}

fn emits_by_kind(kind: String, ctx: &Context) -> Result {
    ctx.emit(&kind, &1).map(|_| ())
}

#[test]
fn name_that_the_host_does_not_take_ends_the_attempt() {
    for (length, taken) in [(0, false), (1, true), (1024, true), (1025, false)] {
        let mut key = TestKey::new("k");
        match key.run(calls_by_name, &"n".repeat(length)) {
            Ok(_) => assert!(taken, "{length}"),
            Err(failure) => {
                assert!(!taken, "{failure}");
                assert_eq!(failure.kind(), "trap");
                assert_eq!(
                    failure.message(),
                    format!("begin a durable call: its function id must be 1 to 1024 bytes, not {length}")
                );
                assert!(key.calls().is_empty());
            }
        }
    }
    assert_eq!(EXECUTED.get(), 2);
    let mut key = TestKey::new("k");
    assert!(key.run(calls_by_name, &"é".repeat(513)).unwrap_err().message().ends_with("not 1026"));
    for (length, taken) in [(0, false), (1, true), (128, true), (129, false)] {
        match key.run(emits_by_kind, &"k".repeat(length)) {
            Ok(_) => assert!(taken, "{length}"),
            Err(failure) => {
                assert!(!taken, "{failure}");
                assert_eq!(failure.kind(), "trap");
                assert_eq!(failure.message(), format!("emit an event: its kind must be 1 to 128 bytes, not {length}"));
            }
        }
    }
}

fn unwritable(_: Value, ctx: &Context) -> Result {
    let nan_key: std::collections::BTreeMap<(u8, u8), u8> = [((1, 2), 3)].into();
    ctx.durable("charge", &nan_key, |call| Ok(execute(call))).map(|_| ())
}

#[test]
fn arguments_that_are_no_json_open_no_call() {
    let mut key = TestKey::new("k");
    assert_eq!(key.run(unwritable, &()).unwrap_err().kind(), "json");
    assert_eq!(EXECUTED.get(), 0);
    assert!(key.calls().is_empty());
}

fn calls_in_a_body(kind: String, ctx: &Context) -> Result {
    let inner = || ctx.durable("inner", &1, |_| Ok(1));
    match kind.as_str() {
        "run" => ctx.durable("outer", &1, |_| inner()),
        "reconciler" => ctx.durable_call("outer", &1).reconcile(|_| inner().map(Some)).run(|_| Ok(1)),
        _ => ctx.durable("outer", &1, |_| {
            let request = ctx.get("https://a.example/");
            ctx.durable_all([ctx.durable_call("inner", &1).request(request, |_| Ok(1))]).map(|[one]| one)
        }),
    }
    .map(|_: u32| ())
}

#[test]
fn durable_call_in_the_body_of_another_is_refused() {
    for kind in ["run", "reconciler", "all"] {
        let mut key = TestKey::new("k");
        key.crash_in("outer");
        let mut failure = key.run(calls_in_a_body, kind).unwrap_err();
        if kind == "reconciler" {
            assert_eq!(failure.kind(), "crash");
            failure = key.again(calls_in_a_body).unwrap_err();
        }
        assert_eq!(failure.kind(), "trap", "{kind}");
        assert!(failure.message().contains("`inner` in the body of another"), "{failure}");
    }
    // And it is over with the attempt.
    TestKey::new("k").run(nothing, &()).unwrap();
}

fn draws_in_a_body(_: Value, ctx: &Context) -> Result {
    let body: (u32, u64) = ctx.durable("draw", &1, |_| {
        let times = (0..2_500).map(|_| ctx.now_ms()).max();
        Ok((ctx.random_u32(), times.unwrap_or_default()))
    })?;
    let outside = (ctx.random_u32(), ctx.random_u32(), ctx.now_ms());
    ctx.durable("seen", &outside, |_| Ok(()))?;
    ctx.output(&(body, outside))
}

// [S10]
#[test]
fn what_a_body_draws_and_reads_changes_nothing_after_it() {
    let mut key = TestKey::new("k");
    let outputs = key.run(draws_in_a_body, &()).unwrap().outputs();
    assert_eq!(key.again(draws_in_a_body).unwrap().outputs(), outputs);
    let outside = &outputs[0][1];
    assert!(outputs[0][0][0] != outside[0] && outside[0] != outside[1], "{outputs:?}");
}
