//! Limits of an invocation, and sizes that are known before a put.

use crate::calls::{begin, fail, recorded, start};
use crate::harness::{App, Ended, fatal, json, retryable};
use std::sync::Arc;
use weir_core::event::KIND_INPUT;
use weir_core::failure::{Failure, FailureClass};
use weir_core::invocation::{Abort, CallMode, GuestEnd, Invocation, InvocationResult, InvocationStart, NextStep};
use weir_core::limits::InvocationLimits;
use weir_core::memory::Scope;

// [S11]
#[test]
fn an_outcome_over_the_limit_is_recorded_as_a_failure_of_kind_limit() {
    let mut limited = start(Default::default());
    Arc::make_mut(&mut limited.limits).value_bytes_max = 10;
    for outcome in [
        Ok(json("\"123456789\"")),
        Err(retryable("1234567")),
        Err(Failure { details: Some(json("\"1234\"")), ..fatal("x") }),
    ] {
        let mut invocation = Invocation::new(limited.clone());
        let (position, ..) = begin(&mut invocation, "f", "1");
        let instead = invocation.complete(position, outcome, 2_000).unwrap().expect("another outcome is recorded");
        assert_eq!((instead.kind.as_str(), instead.retryable), ("limit", false));
        assert!(instead.message.contains("limits.value_bytes_max"));
        let mut second =
            Invocation::new(InvocationStart { recorded: recorded(fail(invocation).puts), ..limited.clone() });
        assert_eq!(begin(&mut second, "f", "1").2, NextStep::Replay(Err(instead)), "the effect is not made again");
    }
    let mut invocation = Invocation::new(limited);
    let failure = Failure { kind: "no".to_owned(), details: Some(json("1234")), ..fatal("1234") };
    for outcome in [Ok(json("\"12345678\"")), Err(failure)] {
        let (position, ..) = begin(&mut invocation, "f", "1");
        assert_eq!(invocation.complete(position, outcome, 2_000).unwrap(), None, "just the limit is good");
    }
}

// [S11] [S26]
#[test]
fn limits_of_an_invocation_are_named_when_they_are_passed() {
    let named = |change: fn(&mut InvocationLimits), act: fn(&mut Invocation) -> Result<(), Abort>, limit: &str| {
        let mut start = start(Default::default());
        change(Arc::make_mut(&mut start.limits));
        let mut invocation = Invocation::new(start);
        act(&mut invocation).expect("one is within the limit");
        let abort = act(&mut invocation).and_then(|()| act(&mut invocation)).unwrap_err();
        assert!(matches!(abort, Abort::Limit(name, _) if name == limit), "{abort}");
        let end = invocation.finish(GuestEnd::Aborted(abort));
        let InvocationResult::Failed { failure, .. } = end.result else { panic!("it completed") };
        assert!(failure.class == FailureClass::Limit && failure.failure.message.contains(limit), "{failure}");
    };
    named(
        |limits| limits.calls_max = 2,
        |it| it.begin("f", &it.clone().random_u32().to_string(), CallMode::Plain, 1).map(|_| ()),
        "limits.calls_max",
    );
    named(|limits| limits.events_max = 2, |it| it.emit("a", "1").map(|_| ()), "limits.events_max");
    let mut start = start(Default::default());
    let limits = Arc::make_mut(&mut start.limits);
    (limits.event_bytes_max, limits.value_bytes_max, limits.path_bytes_max) = (4, 6, 3);
    let mut invocation = Invocation::new(start);
    invocation.emit("a", "1234").unwrap();
    assert!(matches!(invocation.emit("a", "12345"), Err(Abort::Limit("limits.event_bytes_max", _))));
    invocation.memory_set(Scope::ShortTerm, "a", "123456").unwrap().unwrap();
    let over = invocation.memory_set(Scope::ShortTerm, "a", "1234567");
    assert!(matches!(over, Err(Abort::Limit("limits.value_bytes_max", _))));
    let over = invocation.begin("f", "1234567", CallMode::Plain, 1);
    assert!(matches!(over, Err(Abort::Limit("limits.value_bytes_max", _))));
    assert!(invocation.memory_get(Scope::ShortTerm, "abc").is_ok());
    let over = invocation.memory_get(Scope::ShortTerm, "abcd").unwrap_err();
    assert!(over.to_string().contains("limits.path_bytes_max"), "{over}");
}

// [S26] [S11]
#[test]
fn a_calls_record_that_would_be_too_large_is_known_before_it_is_put() {
    let app = App::default().action("pay", &[KIND_INPUT], |guest| {
        let text = format!("\"{}\"", "x".repeat(3_000));
        let outcome = guest.call("large", "[]", Ok(json(&text)))?;
        assert_eq!(outcome.unwrap_err().kind, "limit");
        guest.wait();
        let fits = format!("\"{}\"", "x".repeat(1_000));
        guest.call("small", "[]", Ok(json(&fits)))?.unwrap();
        let control = "\u{1}".repeat(900);
        let failure = guest.call("escaped", "[]", Err(fatal(&control)))?.unwrap_err();
        assert_eq!(failure.kind, "limit", "escaped, it is larger");
        guest.wait();
        match guest.call(&"\u{1}".repeat(400), "[]", Ok(json("1"))) {
            Err(Ended::Aborted(Abort::Limit("limits.record_bytes_max", _))) => guest.emit("output", 1),
            other => panic!("{other:?}"),
        }
    });
    let mut world = app.limits(|limits| limits.record_bytes_max = 2_000).start();
    world.input("k", "0");
    assert_eq!(world.outputs_of("k"), ["1"]);
    assert!(world.log.records.values().all(|(_, value)| value.len() <= 2_000));
    assert_eq!(world.log.records.len(), 4);
}

// [S11] [S26]
#[test]
fn what_an_action_does_can_not_pile_up_past_the_size_of_its_record() {
    let script = |guest: &mut crate::harness::Guest<'_>| -> Result<(), Ended> {
        match guest.number() {
            0 => (0..).try_for_each(|_| guest.set("a", 123_456)),
            1 => (0..).try_for_each(|_| guest.emit("output", "\"123456\"")),
            2 => (0..).try_for_each(|_| guest.set_sensory("a", 123_456)),
            _ => (0..).try_for_each(|_| {
                guest.invocation.memory_remove(Scope::ShortTerm, "abcdefgh")?.unwrap();
                guest.invocation.memory_new_object(Scope::ShortTerm, "abcdefgh")?.unwrap();
                for _ in 0..1_000 {
                    let same = guest.invocation.memory_new_object(Scope::ShortTerm, "abcdefgh");
                    same.expect("what changes nothing is not counted").unwrap();
                }
                Ok(())
            }),
        }
    };
    let app = App::default().action("endless", &[KIND_INPUT], script);
    let mut world = app.limits(|limits| limits.record_bytes_max = 4_000).policy(|p| p.retry.attempts = 1).start();
    for n in 0..4 {
        world.input(&n.to_string(), &n.to_string());
        assert!(world.is_quarantined(&n.to_string()));
    }
    let reports = world.operator.quarantine_reports();
    assert!(reports.iter().all(|report| report.failure.to_string().contains("limits.record_bytes_max")), "{reports:?}");
}

// [S26]
#[test]
fn what_an_action_does_is_counted_by_the_byte() {
    let app = App::default().action("exact", &[KIND_INPUT], |guest| {
        let text = |bytes: usize| format!("\"{}\"", "x".repeat(bytes - 2));
        match guest.number() {
            0 => guest.emit("kind", text(1_996))?,
            1 => guest.set("path", text(1_996))?,
            _ => {
                guest.set_sensory("path", text(1_000))?;
                guest.invocation.memory_new_object(Scope::ShortTerm, "four")?.unwrap();
                guest.emit("kind", text(988))?;
            }
        }
        let over = guest.invocation.memory_remove(Scope::ShortTerm, "four").map(|_| ());
        let over = over.and_then(|()| guest.invocation.emit("k", "1").map(|_| ()));
        assert!(matches!(over, Err(Abort::Limit("limits.record_bytes_max", _))), "{over:?}");
        guest.effect("just the limit was good", "");
        Ok(())
    });
    let mut world = app.limits(|limits| limits.record_bytes_max = 2_000).start();
    for n in 0..3 {
        world.input(&n.to_string(), &n.to_string());
    }
    assert_eq!(world.outside.functions().len(), 3);
}

// [S26] [S11]
#[test]
fn a_calls_record_is_within_the_limit_whichever_of_its_parts_is_long() {
    let app = App::default().action("pay", &[KIND_INPUT], |guest| {
        let function = "f".repeat(80);
        for bytes in (1_200..2_000).step_by(4) {
            let text = json(&format!("\"{}\"", "x".repeat(bytes)));
            let outcome = match guest.number() {
                0 => Ok(text),
                _ => Err(Failure { details: Some(text), ..fatal(&"m".repeat(200)) }),
            };
            let _ = guest.call(&function, &bytes.to_string(), outcome)?;
            guest.wait();
        }
        Ok(())
    });
    let mut world = app.limits(|limits| limits.record_bytes_max = 2_000).start();
    for n in ["0", "1"] {
        world.input(n, n);
        let largest = world.log.records.values().map(|(_, value)| value.len()).max().unwrap();
        assert!((1_980..=2_000).contains(&largest), "{largest}");
    }
}
