//! Clock and randomness: running a task again shows the same.

use crate::calls::{fresh, recorded, start};
use crate::harness::{App, Ended, json, retryable, status, summary};
use std::cell::RefCell;
use std::rc::Rc;
use weir_core::event::KIND_INPUT;
use weir_core::id::EventId;
use weir_core::invocation::{CallMode, GuestEnd, Invocation, NextStep, RequestStep};

/// Two calls with readings around them; the body of each reads and draws too, so often.
fn walk(invocation: &mut Invocation, body_readings: u32, wall_ms: u64) -> Vec<u64> {
    let mut seen = vec![invocation.now_us(1), u64::from(invocation.random_u32()), invocation.wasi_random_u64()];
    for n in 0..2 {
        let begun = invocation.begin("f", &n.to_string(), CallMode::Plain, wall_ms).unwrap();
        if begun.step == NextStep::Execute {
            for reading in 0..body_readings {
                let wall = wall_ms * 1_000 + u64::from(reading);
                assert_eq!(invocation.now_us(wall), wall, "the body of an open call sees the time outside");
                assert!(invocation.sleep_us(5), "and really sleeps");
                invocation.random_u32();
                invocation.wasi_random_u64();
            }
            invocation.complete(begun.position, Ok(json("1")), wall_ms + n).unwrap();
        }
        seen.extend([invocation.now_us(1), invocation.now_us(1), u64::from(invocation.random_u32())]);
        seen.push(invocation.wasi_random_u64());
    }
    assert!(!invocation.sleep_us(1_000_000), "outside a call a sleep only moves the clock");
    seen.push(invocation.now_us(1));
    seen
}

// [S10]
#[test]
fn a_replay_sees_the_same_time_and_the_same_numbers() {
    let mut first = fresh();
    let seen = walk(&mut first, 3, 5_000);
    let records = recorded(first.take_puts_before_waiting());
    let mut replayed = Invocation::new(start(records));
    assert_eq!(walk(&mut replayed, 0, 99_000), seen);
    assert_eq!(walk(&mut fresh(), 7, 5_000), seen, "what a body draws changes nothing after it");
}

// [S10]
#[test]
fn the_clock_shows_start_time_then_outcomes_plus_a_microsecond_for_each_reading() {
    let mut invocation = fresh();
    assert_eq!((invocation.now_us(77), invocation.now_us(77)), (1_000_000, 1_000_001));
    invocation.sleep_us(500);
    assert_eq!(invocation.now_us(77), 1_000_502);
    let begun = invocation.begin("f", "1", CallMode::Plain, 9_000).unwrap();
    invocation.complete(begun.position, Ok(json("1")), 9_000).unwrap();
    assert_eq!(invocation.now_us(77), 9_000_000);
    let begun = invocation.begin("f", "2", CallMode::Plain, 3_000).unwrap();
    invocation.complete(begun.position, Ok(json("1")), 3_000).unwrap();
    assert_eq!(invocation.now_us(77), 9_000_001, "never backwards");
}

// [S10]
#[test]
fn requests_move_the_clock_as_calls_do_and_their_replay_too() {
    let one = summary("GET", "http://h/p");
    let mut first = fresh();
    let steps = first.begin_requests(&[one], 4_000).unwrap();
    assert!(matches!(steps[..], [RequestStep::Execute { .. }]));
    first.complete_request(0, status(200), 6_000).unwrap();
    assert_eq!(first.now_us(1), 6_000_000);
    let mut replayed = Invocation::new(start(recorded(first.take_puts())));
    assert_eq!(replayed.now_us(1), 1_000_000);
    replayed.begin_requests(&[one], 50_000).unwrap();
    assert_eq!(replayed.now_us(1), 6_000_000);
}

// [S10]
#[test]
fn random_numbers_differ_by_task_by_number_of_calls_and_from_those_of_wasi() {
    let mut one = fresh();
    let mut other = start(Default::default());
    other.task.event.id = EventId([2; 16]);
    let mut other = Invocation::new(other);
    assert_ne!(one.random_u32(), other.random_u32());
    assert_ne!(one.random_u32(), one.random_u32());
    let mut wasi = fresh();
    assert_ne!((wasi.wasi_random_u64() >> 32) as u32, fresh().random_u32(), "a stream apart");
    assert_ne!(wasi.wasi_random_u64(), fresh().wasi_random_u64(), "and it goes on");
    let mut drawn = fresh();
    drawn.wasi_random_u64();
    assert_eq!(drawn.random_u32(), fresh().random_u32(), "to draw from one does not move the other");
    let mut called = fresh();
    let begun = called.begin("f", "1", CallMode::Plain, 1).unwrap();
    called.complete(begun.position, Ok(json("1")), 1).unwrap();
    assert_ne!(called.random_u32(), fresh().random_u32());
}

fn times_seen(timestamp_ms: Option<u64>, fails: bool) -> Vec<u64> {
    let times = Rc::new(RefCell::new(Vec::new()));
    let seen = times.clone();
    let app = App::default().action("look", &[KIND_INPUT], move |guest| {
        seen.borrow_mut().push(guest.invocation.now_us(1) / 1_000);
        guest.call("f", "[]", Ok(json("1")))?.unwrap();
        guest.wait();
        seen.borrow_mut().push(guest.invocation.now_us(1) / 1_000);
        match guest.now_ms {
            ..5_000 if fails => Err(retryable("x").into()),
            ..5_000 => Err(Ended::CutOff),
            _ => Ok(()),
        }
    });
    let mut world = app.start();
    world.send_event("k", KIND_INPUT, "0", timestamp_ms);
    world.run();
    world.now_ms = 5_000;
    world.kill();
    world.run();
    times.take()
}

// [S10] [S19]
#[test]
fn the_start_time_is_the_sources_or_is_put_with_the_first_record_of_any_kind() {
    assert_eq!(times_seen(Some(700), false), [700, 1_000, 700, 1_000]);
    assert_eq!(times_seen(None, false), [1_000, 1_000, 1_000, 1_000]);
    assert_eq!(times_seen(None, true), [1_000, 1_000, 1_000, 1_000]);
}

// [S10]
#[test]
fn a_failed_attempt_puts_the_start_time_too() {
    let times = Rc::new(RefCell::new(Vec::new()));
    let seen = times.clone();
    let app = App::default().action("look", &[KIND_INPUT], move |guest| {
        seen.borrow_mut().push(guest.invocation.now_us(1) / 1_000);
        if guest.now_ms < 5_000 { Err(retryable("x").into()) } else { Ok(()) }
    });
    let mut world = app.start();
    world.input("k", "0");
    world.now_ms = 5_000;
    world.kill();
    world.run();
    assert_eq!(*times.borrow(), [1_000, 1_000]);
}

#[test]
fn an_invocation_ends_with_nothing_when_nothing_happened() {
    let end = fresh().finish(GuestEnd::Returned(Ok(())));
    assert!(end.puts.is_empty());
}

// [S10] [S33]: the request's address holds what the clock showed, and the host is killed before its outcome is known.
#[test]
fn a_start_time_that_a_request_may_hold_is_put_before_it_leaves() {
    let app = App::default().action("post", &[KIND_INPUT], |guest| {
        let url = format!("http://h/{}", guest.invocation.now_us(7));
        guest.invocation.begin_requests(&[summary("POST", &url)], guest.now_ms)?;
        guest.wait();
        guest.effect(&url, "");
        if guest.now_ms < 5_000 {
            return Err(Ended::CutOff);
        }
        guest.invocation.complete_request(0, status(200), guest.now_ms)?;
        Ok(())
    });
    let mut world = app.start();
    world.input("k", "0");
    world.now_ms = 5_000;
    world.kill();
    world.run();
    let seen = world.outside.functions();
    assert_eq!(seen.len(), 2, "{seen:?}");
    assert_eq!(seen[0], seen[1], "the same request again");
}

// [S10]: a task in flight at an upgrade must draw the same again, so these numbers never change.
#[test]
fn random_numbers_are_those_of_every_release() {
    let mut invocation = fresh();
    let drawn: Vec<_> = (0..3).map(|_| invocation.random_u32()).collect();
    assert_eq!(drawn, [628_449_525, 2_753_438_537, 1_114_917_165]);
    assert_eq!(invocation.wasi_random_u64(), 11254517626285403061);
}
