//! Failed attempts: tried again, or given up.

use crate::harness::{App, Ended, fatal, json, retryable};
use std::cell::Cell;
use std::rc::Rc;
use weir_core::event::KIND_INPUT;
use weir_core::failure::Failure;
use weir_core::plan::{OnFailure, RetryPolicy};

/// Fails so many times, then writes and emits.
fn failing(times: u32, failure: impl Fn() -> Ended + 'static) -> App {
    let left = Rc::new(Cell::new(times));
    App::default()
        .action("shaky", &[KIND_INPUT], move |guest| {
            assert_eq!(guest.get("dirty"), None, "an attempt sees clean memory");
            guest.set("dirty", 1)?;
            guest.set_sensory("dirty", 1)?;
            guest.emit("output", 1)?;
            if left.get() > 0 {
                left.set(left.get() - 1);
                return Err(failure());
            }
            guest.set("clean", 1)
        })
        .policy(|policy| policy.retry.jitter = 0.0)
}

// [S7] [P5] [D17] [S28]
#[test]
fn a_failed_attempt_leaves_nothing_and_the_next_sees_clean_memory() {
    let mut world = failing(1, || retryable("not now").into()).start();
    world.input("k", "0");
    assert_eq!(world.outputs_of("k"), [""; 0]);
    assert_eq!(world.memory("k", "dirty"), None);
    assert_eq!(
        world.take_seen(),
        ["load k", "invoke shaky k/0 attempt 1", "attempt 1 failed: busy: not now (retryable)", "retry k at 1200",]
    );
    world.run_timer();
    assert_eq!(world.take_seen(), ["invoke shaky k/0 attempt 2", "emit 1 k/0"]);
    assert_eq!(world.memory("k", "dirty").as_deref(), Some("1"));
    assert_eq!(world.operator.counters().attempts_failed, 1);
}

// [S28]
#[test]
fn waits_double_up_to_a_maximum_and_are_never_shorter_than_the_guest_asks() {
    let policy = RetryPolicy { backoff_ms: 100, backoff_ms_max: 350, jitter: 0.0, ..RetryPolicy::default() };
    let waits: Vec<_> = (1..5).map(|failed| policy.backoff_ms(failed, b"t", None)).collect();
    assert_eq!(waits, [100, 200, 350, 350]);
    assert_eq!(policy.backoff_ms(1, b"t", Some(5_000)), 5_000);
    assert_eq!(policy.backoff_ms(u32::MAX, b"t", None), 350);
    let jittered = RetryPolicy { jitter: 0.5, ..policy.clone() };
    let waits: Vec<_> = (0..50u8).map(|task| jittered.backoff_ms(1, &[task], None)).collect();
    assert!(waits.iter().all(|wait| (100..=150).contains(wait)), "{waits:?}");
    assert!(waits.iter().any(|wait| *wait < 115) && waits.iter().any(|wait| *wait > 135), "{waits:?}");
    let huge = RetryPolicy { backoff_ms: u64::MAX, backoff_ms_max: u64::MAX, jitter: 1.0, ..policy };
    assert_eq!(huge.backoff_ms(3, b"t", None), u64::MAX);
}

// [S28]
#[test]
fn attempts_replay_the_calls_that_earlier_attempts_recorded() {
    let left = Cell::new(2);
    let app = App::default().action("pay", &[KIND_INPUT], move |guest| {
        guest.call("charge", "[]", Ok(json("1")))?.unwrap();
        if left.get() > 0 {
            left.set(left.get() - 1);
            return Err(retryable("later").into());
        }
        guest.emit("output", 1)
    });
    let mut world = app.start();
    world.input("k", "0");
    world.run_timer();
    world.run_timer();
    assert_eq!(world.outside.functions(), ["charge"]);
    assert_eq!(world.outputs_of("k"), ["1"]);
}

// [S28]
#[test]
fn the_count_of_attempts_survives_a_crash() {
    let mut world = failing(9, || retryable("not now").into()).policy(|policy| policy.retry.attempts = 3).start();
    world.input("k", "0");
    world.kill();
    world.run_timer();
    assert!(world.seen.contains(&"invoke shaky k/0 attempt 2".to_owned()), "{:?}", world.seen);
    world.kill();
    world.run_timer();
    assert!(world.is_quarantined("k"));
    assert_eq!(world.operator.quarantine_reports()[0].attempts, 3);
}

// [S28]: the record of a failed attempt holds its number, and the time before which there is no next.
#[test]
fn the_wait_before_the_next_attempt_survives_a_crash() {
    let app = failing(1, || Ended::Failed(Failure { retry_after_ms: Some(60_000), ..retryable("not now") }));
    let mut world = app.start();
    world.input("k", "0");
    world.now_ms = 2_000;
    world.kill();
    world.run();
    assert_eq!(world.seen, ["load k", "retry k at 61000"]);
    assert!(!world.operator.is_idle());
    world.run_timer();
    assert_eq!(world.outputs_of("k"), ["1"]);
}

// [S28]
#[test]
fn a_clock_that_was_set_back_makes_no_wait_longer() {
    let mut world = failing(1, || retryable("not now").into()).start();
    world.now_ms = 900_000;
    world.input("k", "0");
    world.now_ms = 2_000;
    world.kill();
    assert_eq!(world.seen, ["load k", "retry k at 2200"]);
    world.operator.on_retry_due(&"k".into(), 1_500);
    world.take_commands();
    assert_eq!(world.seen[2], "invoke shaky k/0 attempt 2", "whoever kept the time knows that it is over");
}

// [S28]
#[test]
fn a_wait_that_is_over_at_recovery_is_not_waited_for_again() {
    let mut world = failing(1, || retryable("not now").into()).start();
    world.input("k", "0");
    world.now_ms = 900_000;
    world.kill();
    assert_eq!(world.seen, ["load k", "invoke shaky k/0 attempt 2"]);
}

// [S28] [D15]
#[test]
fn a_fatal_failure_is_not_tried_again_and_other_keys_go_on() {
    let mut world = failing(1, || fatal("no").into()).start();
    world.input("k", "0");
    assert!(world.timers.is_empty());
    assert!(world.is_quarantined("k"));
    world.input("l", "0");
    assert_eq!(world.outputs_of("l"), ["1"]);
    assert!(world.operator.is_idle(), "a quarantined key does not keep the host from its end");
}

// [S28]
#[test]
fn traps_and_timeouts_are_tried_again_where_no_plain_call_is_open() {
    for ended in [|| Ended::Trapped, || Ended::TimedOut] {
        let mut world = failing(1, ended).start();
        world.input("k", "0");
        world.run_timer();
        assert_eq!(world.outputs_of("k"), ["1"]);
    }
}

fn trapping_in_a_call(repeat: bool, reconcilable: bool) -> App {
    App::default()
        .action("pay", &[KIND_INPUT], move |guest| {
            use weir_core::invocation::{CallMode, NextStep};
            let mode = if reconcilable { CallMode::Reconcilable } else { CallMode::Plain };
            let begun = guest.invocation.begin("charge", "[]", mode, guest.now_ms)?;
            if guest.now_ms > 1_000 {
                let _: NextStep = begun.step;
                guest.invocation.complete(begun.position, Ok(json("1")), guest.now_ms)?;
                return guest.emit("output", 1);
            }
            Err(Ended::Trapped)
        })
        .policy(move |policy| policy.retry.repeat_open_calls = repeat)
}

// [S28]
#[test]
fn a_trap_in_a_plain_call_is_final_unless_the_policy_says_otherwise() {
    let mut world = trapping_in_a_call(false, false).start();
    world.input("k", "0");
    assert!(world.is_quarantined("k"));
    let mut world = trapping_in_a_call(true, false).start();
    world.input("k", "0");
    world.run_timer();
    assert_eq!(world.outputs_of("k"), ["1"]);
    let mut world = trapping_in_a_call(false, true).start();
    world.input("k", "0");
    world.run_timer();
    assert_eq!(world.outputs_of("k"), ["1"], "a reconcilable call may be cut off");
}

// [S29]
#[test]
fn when_attempts_are_spent_the_policy_decides() {
    for (on_failure, last) in [
        (OnFailure::Quarantine, "failed, quarantine: busy: no (retryable)"),
        (OnFailure::DeadLetter, "dead letter 0 busy"),
        (OnFailure::Stop, "stop"),
    ] {
        let app = failing(9, || retryable("no").into());
        let app = app.policy(|policy| {
            policy.retry.attempts = 2;
            policy.on_failure = on_failure;
        });
        let mut world = app.start();
        world.input("k", "0");
        world.run_timer();
        assert_eq!(world.seen.last().unwrap(), last);
        assert_eq!(world.is_quarantined("k"), on_failure != OnFailure::DeadLetter);
    }
}

// [S29]
#[test]
fn a_dead_letter_ends_the_run_keeps_what_its_tasks_did_and_the_next_event_runs() {
    let app = App::default()
        .action("mark", &[KIND_INPUT], |guest| {
            guest.set("marks", guest.get("marks").map_or(1, |marks| marks.parse::<i64>().unwrap() + 1))?;
            guest.set_sensory("scratch", 1)?;
            guest.emit("go", guest.number())?;
            guest.emit("go", guest.number())
        })
        .action("refuse", &["go"], |guest| match guest.number() {
            0 => Err(fatal("zero").into()),
            _ => guest.emit("output", guest.number()),
        })
        .policy(|policy| policy.on_failure = OnFailure::DeadLetter);
    let mut world = app.start();
    world.input("k", "0");
    world.input("k", "5");
    let letters = world.all_dead_letters();
    assert_eq!(letters.len(), 1);
    assert_eq!((letters[0].sequence_number.unwrap().0, letters[0].failure.kind.as_str()), (0, "refused"));
    assert_eq!(letters[0].action.as_ref().unwrap().as_str(), "refuse");
    assert_eq!(letters[0].input.event.payload.as_str(), "0");
    assert_eq!(world.memory("k", "marks").as_deref(), Some("2"));
    assert_eq!(world.outputs_of("k"), ["5", "5"]);
    world.kill();
    world.run();
    assert_eq!(world.all_dead_letters(), letters, "recovery decides the same");
    assert_eq!(world.outputs_of("k"), ["5", "5"]);
    assert_eq!(world.operator.counters().invocations, 0);
}

// [S29] [S18]
#[test]
fn a_final_failure_is_put_and_not_tried_again_by_recovery() {
    let mut world = failing(1, || fatal("no").into()).start();
    world.input("k", "0");
    world.input("k", "1");
    world.kill();
    assert!(world.is_quarantined("k"));
    assert!(world.waiting.is_empty(), "the script would succeed now, but the decision stands");
    assert_eq!(world.operator.counters().keys_quarantined, 1);
    assert_eq!(world.operator.counters().pending_events, 1);
}

// [S29]
#[test]
fn a_stop_is_a_quarantine_after_the_next_start() {
    let app = failing(1, || fatal("no").into()).policy(|policy| policy.on_failure = OnFailure::Stop);
    let mut world = app.start();
    world.input("k", "0");
    assert!(world.seen.contains(&"stop".to_owned()));
    world.kill();
    assert!(world.is_quarantined("k"));
    assert_eq!(world.seen, ["load k"], "it does not stop again");
}

// [S26] [S11]
#[test]
fn a_record_that_is_too_large_fails_its_invocation_by_name() {
    let app = App::default().action("large", &[KIND_INPUT], |guest| {
        let text = format!("\"{}\"", "x".repeat(5_000));
        guest.set("a", &text)
    });
    let mut world = app.limits(|limits| limits.record_bytes_max = 4_096).policy(|p| p.retry.attempts = 1).start();
    world.input("k", "0");
    assert!(world.is_quarantined("k"));
    let report = world.operator.quarantine_reports().remove(0);
    assert!(report.failure.failure.message.contains("limits.record_bytes_max"), "{}", report.failure);
    assert!(world.log.records.values().all(|(_, value)| value.len() <= 4_096));
    assert_eq!(world.memory("k", "a"), None);
}

// [S26]
#[test]
fn a_failure_whose_text_is_too_large_is_put_without_it() {
    let app = App::default().action("verbose", &[KIND_INPUT], |_| Err(fatal(&"x".repeat(9_000)).into()));
    let mut world = app.limits(|limits| limits.record_bytes_max = 4_096).start();
    world.input(&"k".repeat(6_000), "0");
    assert!(world.is_quarantined(&"k".repeat(6_000)));
    let report = world.operator.quarantine_reports().remove(0);
    assert!(report.failure.failure.message.contains("limits.record_bytes_max"), "{}", report.failure);
    assert!(world.log.records.values().all(|(_, value)| value.len() <= 4_096));
}
