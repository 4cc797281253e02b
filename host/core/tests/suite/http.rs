//! HTTP requests: durable calls by default.

use crate::calls::{fresh, recorded, start};
use crate::harness::{App, Ended, json, retryable, status, summary};
use std::sync::Arc;
use weir_core::action_state::CallPut;
use weir_core::event::KIND_INPUT;
use weir_core::failure::Failure;
use weir_core::invocation::{
    Abort, CallMode, GuestEnd, Invocation, InvocationResult, RequestOutcome, RequestStep, RequestSummary,
};

fn execute(invocation: &mut Invocation, summary: RequestSummary<'_>) -> (u32, String) {
    match invocation.begin_requests(&[summary], 2_000).unwrap().remove(0) {
        RequestStep::Execute { position, id } => (position, id),
        other => panic!("{other:?}"),
    }
}

// [S36]
#[test]
fn a_request_outside_a_call_is_a_call_itself_and_is_replayed() {
    let app = App::default().action("post", &[KIND_INPUT], |guest| {
        let answer = guest.request("POST", "http://pager/page?x=1", status(200))?.unwrap();
        if guest.now_ms < 5_000 { Err(Ended::CutOff) } else { guest.emit("output", answer) }
    });
    let mut world = app.start();
    world.input("k", "0");
    let (_, value) = &world.log.records[&0];
    let value = String::from_utf8(value.clone()).unwrap();
    assert!(value.contains("\"functionId\":\"POST http://pager/page\""), "{value}");
    world.now_ms = 5_000;
    world.kill();
    world.run();
    assert_eq!(world.outside.functions(), ["POST http://pager/page?x=1"]);
    assert_eq!(world.outputs_of("k"), ["{\"status\":200}"]);
}

// [S36]
#[test]
fn method_url_and_body_name_a_request() {
    let base = summary("POST", "http://h/p?q=1");
    let mut first = fresh();
    let (position, id) = execute(&mut first, base);
    first.complete_request(position, status(200), 2_000).unwrap();
    let records = recorded(first.take_puts_before_waiting());
    let mut same = Invocation::new(start(records.clone()));
    let step = same.begin_requests(&[base], 9_000).unwrap().remove(0);
    assert_eq!(step, RequestStep::Replay(Ok(json("{\"status\":200}"))));
    let others = [
        RequestSummary { method: "PUT", ..base },
        RequestSummary { url: "http://h/p?q=2", ..base },
        RequestSummary { body: b"x", ..base },
    ];
    for other in others {
        let mut diverging = Invocation::new(start(records.clone()));
        assert!(matches!(diverging.begin_requests(&[other], 9_000), Err(Abort::Divergence(_))), "{other:?}");
        assert_ne!(execute(&mut fresh(), other).1, id, "another Idempotency-Key");
    }
    assert_eq!(execute(&mut fresh(), base).1, id);
}

// [S36] [S15]
#[test]
fn a_503_is_not_recorded_if_the_attempt_fails_after_it_and_is_if_the_guest_goes_on() {
    let mut ending = fresh();
    let (position, id) = execute(&mut ending, summary("GET", "http://h/p"));
    ending.complete_request(position, status(503), 2_000).unwrap();
    assert!(ending.take_puts().is_empty());
    assert!(ending.finish(GuestEnd::Returned(Err(retryable("later")))).puts.is_empty());
    let mut going_on = fresh();
    let (position, _) = execute(&mut going_on, summary("GET", "http://h/p"));
    going_on.complete_request(position, status(503), 2_000).unwrap();
    let (_, again) = execute(&mut going_on, summary("GET", "http://h/p"));
    assert_eq!(again, id, "a repetition sends the same key");
    let puts = going_on.take_puts();
    assert!(matches!(&puts[..], [CallPut::Put(0, result)] if result.retryable), "at once, a request left: {puts:?}");
}

// [S36]
#[test]
fn what_failed_before_a_byte_left_the_host_is_not_recorded_if_the_attempt_ends_with_it() {
    let denied = || RequestOutcome {
        outcome: Err(Failure::fatal("http/denied", "not granted")),
        counts_as_retryable: true,
        left_host: false,
    };
    let mut ending = fresh();
    let (position, _) = execute(&mut ending, summary("GET", "http://h/p"));
    ending.complete_request(position, denied(), 2_000).unwrap();
    assert!(ending.finish(GuestEnd::Returned(Err(retryable("x")))).puts.is_empty());
    let mut going_on = fresh();
    let (position, _) = execute(&mut going_on, summary("GET", "http://h/p"));
    going_on.complete_request(position, denied(), 2_000).unwrap();
    execute(&mut going_on, summary("GET", "http://h/q"));
    assert!(going_on.take_puts().is_empty(), "nothing left the host: deferred");
    assert_eq!(going_on.take_puts_before_waiting().len(), 1);
}

// [S13] [S36]
#[test]
fn an_answer_is_handed_to_the_log_at_once_after_what_was_deferred() {
    let mut invocation = fresh();
    let begun = invocation.begin("local", "1", CallMode::Plain, 2_000).unwrap();
    invocation.complete(begun.position, Ok(json("1")), 2_000).unwrap();
    let (position, _) = execute(&mut invocation, summary("GET", "http://h/p"));
    let before = invocation.take_puts_before_waiting();
    assert!(matches!(&before[..], [CallPut::Put(0, _)]), "{before:?}");
    invocation.complete_request(position, status(200), 2_000).unwrap();
    let puts = invocation.take_puts();
    assert!(matches!(&puts[..], [CallPut::Put(1, _)]), "{puts:?}");
}

// [S16] [S12] [S36]
#[test]
fn equal_requests_sent_together_are_calls_of_their_own() {
    let mut invocation = fresh();
    let one = summary("POST", "http://h/p");
    let steps = invocation.begin_requests(&[one, one, summary("POST", "http://h/q")], 2_000).unwrap();
    let ids = |steps: &[RequestStep]| -> Vec<String> {
        let ids = steps.iter().map(|step| match step {
            RequestStep::Execute { id, .. } => id.clone(),
            other => panic!("{other:?}"),
        });
        ids.collect()
    };
    let first = ids(&steps);
    assert!(first[0] != first[1] && first[1] != first[2]);
    for position in 0..3 {
        invocation.complete_request(position, status(503), 2_000).unwrap();
    }
    let again = ids(&invocation.begin_requests(&[one, one], 2_000).unwrap());
    assert_eq!(again, first[..2], "a repetition of both sends the same keys");
    invocation.complete_request(3, status(200), 2_000).unwrap();
    invocation.complete_request(4, status(503), 2_000).unwrap();
    let third = ids(&invocation.begin_requests(&[one], 2_000).unwrap());
    assert_eq!(third, first[1..2], "the one that did not succeed");
}

// [S36] [S13]
#[test]
fn a_request_inside_an_open_call_belongs_to_that_call() {
    let mut invocation = fresh();
    invocation.begin("plain", "1", CallMode::Plain, 2_000).unwrap();
    let one = summary("POST", "http://h/p");
    let steps = invocation.begin_requests(&[one, one], 2_000).unwrap();
    assert_eq!(steps, [const { RequestStep::InOpenCall { cut_at_ms: None } }; 2]);
    let begun = invocation.begin("reconcilable", "1", CallMode::Reconcilable, 3_000).unwrap();
    let steps = invocation.begin_requests(&[one], 3_000).unwrap();
    assert_eq!(steps, [RequestStep::InOpenCall { cut_at_ms: Some(33_000) }], "the host cuts the connection then");
    invocation.take_puts();
    invocation.complete(begun.position, Ok(json("1")), 3_000).unwrap();
    assert_eq!(invocation.take_puts().len(), 1, "a request of it left the host: at once");
    invocation.complete(0, Ok(json("1")), 3_000).unwrap();
    assert_eq!(invocation.take_puts().len(), 1);
    let end = invocation.finish(GuestEnd::Returned(Ok(())));
    assert!(matches!(end.result, InvocationResult::Completed(_)));
}

// [S13]
#[test]
fn requests_in_two_open_calls_are_cut_at_the_earlier_time() {
    let mut invocation = fresh();
    invocation.begin("a", "1", CallMode::Reconcilable, 5_000).unwrap();
    invocation.begin("b", "1", CallMode::Reconcilable, 4_000).unwrap();
    let steps = invocation.begin_requests(&[summary("POST", "http://h/p")], 5_000).unwrap();
    assert_eq!(steps, [RequestStep::InOpenCall { cut_at_ms: Some(34_000) }]);
}

// [S28] [S36]
#[test]
fn a_timeout_while_a_request_is_on_its_way_is_final() {
    let app = App::default().action("post", &[KIND_INPUT], |guest| {
        guest.invocation.begin_requests(&[summary("POST", "http://h/p")], guest.now_ms)?;
        Err(Ended::TimedOut)
    });
    let mut world = app.start();
    world.input("k", "0");
    assert!(world.is_quarantined("k"), "to try again would repeat its effect");
}

// [S11] [S36]
#[test]
fn limits_hold_for_requests() {
    let mut limited = start(Default::default());
    let limits = Arc::make_mut(&mut limited.limits);
    (limits.calls_max, limits.value_bytes_max) = (2, 20);
    let mut invocation = Invocation::new(limited.clone());
    let one = summary("POST", "http://h/p");
    let over = invocation.begin_requests(&[one, one, one], 2_000);
    assert!(matches!(over, Err(Abort::Limit("limits.calls_max", _))), "{over:?}");
    let mut invocation = Invocation::new(limited.clone());
    let (position, _) = execute(&mut invocation, one);
    let large = RequestOutcome { outcome: Ok(json(&format!("\"{}\"", "x".repeat(30)))), ..status(503) };
    let instead = invocation.complete_request(position, large, 2_000).unwrap().expect("another outcome");
    assert_eq!((instead.kind.as_str(), instead.retryable), ("limit", false));
    let puts = invocation.take_puts();
    assert!(matches!(&puts[..], [CallPut::Put(0, result)] if !result.retryable), "recorded at once: {puts:?}");
    let long = format!("http://h/{}", "p".repeat(20));
    let over = Invocation::new(limited).begin_requests(&[summary("POST", &long)], 2_000);
    assert!(matches!(over, Err(Abort::Limit("limits.value_bytes_max", _))), "{over:?}");
}

// [S33]
#[test]
fn before_a_request_leaves_every_earlier_put_of_its_key_must_be_durable_and_no_other() {
    let app = App::default().action("first", &[KIND_INPUT], |guest| guest.emit("next", 0));
    let app = app.action("second", &["next"], |guest| {
        guest.request("POST", "http://h/p", status(200))?.unwrap();
        Ok(())
    });
    let mut world = app.start();
    world.send("k", "0");
    assert_eq!(world.operator.undurable(&"k".into()), None);
    world.run_one();
    let put = world.operator.undurable(&"k".into()).expect("the first action's completion");
    assert_eq!(world.operator.undurable(&"other".into()), None, "other keys do not wait for it");
    world.send("other", "0");
    world.waiting.rotate_left(1);
    world.run_one();
    let later = world.operator.undurable(&"other".into()).unwrap();
    assert!(later > put);
    assert_eq!(world.operator.undurable(&"k".into()), Some(put));
    world.acknowledge_all();
    assert_eq!(world.operator.undurable(&"k".into()), None);
}
