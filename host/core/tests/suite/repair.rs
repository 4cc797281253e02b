//! Repairs of a quarantined key: retry, skip, discard.

use crate::harness::{App, Ended, World, fatal, json, retryable};
use weir_core::action_state::StateKey;
use weir_core::event::KIND_INPUT;
use weir_core::failure::Failure;
use weir_core::operator::{Repair, RepairError};

const RETRY: Repair = Repair::Retry { failed_calls: false };

/// Fails until the time is 5,000 ms; before and after it other actions run.
fn broken_until_5000() -> App {
    App::default()
        .action("before", &[KIND_INPUT], |guest| {
            guest.set("before", guest.number())?;
            guest.emit("middle", guest.number())
        })
        .action("after", &[KIND_INPUT], |guest| guest.emit("output", guest.number()))
        .action("broken", &["middle"], |guest| {
            guest.call("charge", "[]", Ok(json("1")))?.unwrap();
            if guest.now_ms < 5_000 {
                return Err(fatal("not yet").into());
            }
            guest.emit("output", guest.number() + 100)
        })
}

fn quarantined(world: &World) -> (StateKey, u32) {
    let report = world.operator.quarantine_reports().remove(0);
    (report.state, report.repairs)
}

pub fn repair(world: &mut World, repair: Repair) {
    let (state, repairs) = quarantined(world);
    let ticket = world.operator.on_repair(&state, repairs, repair, world.now_ms).unwrap();
    assert!(ticket.is_some(), "it is answered when its put is durable");
    world.take_commands();
}

fn start() -> World {
    let mut world = broken_until_5000().start();
    world.input("k", "1");
    world.input("k", "2");
    assert!(world.is_quarantined("k"));
    assert_eq!(world.outputs_of("k"), ["1"]);
    world.take_seen();
    world
}

// [S29]
#[test]
fn retry_begins_at_attempt_one_and_keeps_recorded_calls() {
    let mut world = start();
    world.now_ms = 5_000;
    repair(&mut world, RETRY);
    assert_eq!(world.take_seen(), ["invoke broken k/0 attempt 1"]);
    world.run();
    assert_eq!(world.outputs_of("k"), ["1", "101", "2", "102"]);
    assert_eq!(world.outside.functions(), ["charge", "charge"], "one for each run");
    assert!(!world.is_quarantined("k"));
    assert_eq!(world.operator.counters().keys_quarantined, 0);
}

// [S29]
#[test]
fn skip_ends_the_task_without_effect_and_the_rest_of_its_run_goes_on() {
    let app = App::default()
        .action("broken", &[KIND_INPUT], |guest| {
            guest.set("broken", 1)?;
            Err(fatal("no").into())
        })
        .action("next", &[KIND_INPUT], |guest| guest.emit("output", 1));
    let mut world = app.start();
    world.input("k", "0");
    repair(&mut world, Repair::Skip);
    world.run();
    assert_eq!(world.outputs_of("k"), ["1"]);
    assert_eq!(world.memory("k", "broken"), None);
    assert_eq!(world.completed_below("k"), 1);
}

// [S29]
#[test]
fn discard_ends_the_run_and_its_input_event_becomes_a_dead_letter() {
    let mut world = start();
    repair(&mut world, Repair::Discard);
    assert_eq!(world.take_seen(), ["dead letter 1 refused", "invoke before k/1 attempt 1"]);
    assert_eq!(world.memory("k", "before").as_deref(), Some("1"), "what its applied tasks did stays");
    assert_eq!(world.outputs_of("k"), ["1"]);
}

// [S29]
#[test]
fn repairs_survive_a_crash_each_once() {
    for (what, outputs) in [
        (RETRY, vec!["1", "101", "2", "102"]),
        (Repair::Skip, vec!["1", "2", "102"]),
        (Repair::Discard, vec!["1", "2", "102"]),
    ] {
        let mut world = start();
        world.now_ms = 5_000;
        repair(&mut world, what);
        world.kill();
        assert!(!world.is_quarantined("k"), "the record is the truth");
        world.run();
        assert_eq!(world.outputs_of("k"), outputs, "{what:?}");
        world.kill();
        world.run();
        assert_eq!(world.outputs_of("k"), outputs, "{what:?}");
        world.checkpoint();
        world.kill();
        assert_eq!(world.outputs_of("k"), outputs, "{what:?}");
        assert_eq!(world.log.names(), [""; 0]);
    }
}

// [S29]
#[test]
fn a_repair_after_the_checkpoint_that_holds_the_quarantine_stands() {
    let mut world = start();
    world.checkpoint();
    world.now_ms = 5_000;
    repair(&mut world, Repair::Skip);
    world.run();
    world.kill();
    world.run();
    assert!(!world.is_quarantined("k"));
    assert_eq!(world.outputs_of("k"), ["1", "2", "102"]);
    world.checkpoint();
    world.kill();
    assert_eq!(world.operator.counters().keys_quarantined, 0);
    assert_eq!(world.operator.counters().divergences, 0);
}

// [S29]: a repair delivered twice.
#[test]
fn a_repair_that_no_longer_fits_is_refused() {
    let mut world = start();
    let (state, repairs) = quarantined(&world);
    world.operator.on_repair(&state, repairs, RETRY, world.now_ms).unwrap();
    world.take_commands();
    let again = world.operator.on_repair(&state, repairs, RETRY, world.now_ms);
    assert!(matches!(again, Err(RepairError::NotQuarantined(_))), "{again:?}");
    world.run();
    assert!(world.is_quarantined("k"), "it failed again");
    let again = world.operator.on_repair(&state, repairs, Repair::Discard, world.now_ms);
    assert_eq!(again, Err(RepairError::Outdated(state.to_string(), 0, 1)));
    let other = StateKey { key: "other".into(), ..state.clone() };
    let refused = world.operator.on_repair(&other, 0, RETRY, world.now_ms);
    assert!(matches!(refused, Err(RepairError::NotLoaded(_))), "{refused:?}");
    let other = StateKey { sequence_number: state.sequence_number.next(), ..state };
    let refused = world.operator.on_repair(&other, 1, RETRY, world.now_ms);
    assert!(matches!(refused, Err(RepairError::NotQuarantined(_))), "{refused:?}");
}

// [S29]
#[test]
fn retry_with_failed_calls_drops_the_failed_outcomes_behind_the_last_success() {
    let app = App::default().action("calls", &[KIND_INPUT], |guest| {
        let good = guest.now_ms >= 5_000;
        let refused = || Failure::fatal("refused", "no");
        let first = guest.call("a", "[]", if good { Ok(json("1")) } else { Err(refused()) })?;
        guest.call("b", "[]", Ok(json("2")))?.unwrap();
        let last = guest.call("c", "[]", if good { Ok(json("3")) } else { Err(refused()) })?;
        let last = last.and(guest.call("d", "[]", if good { Ok(json("4")) } else { Err(retryable("x")) })?);
        guest.call("e", "[]", if good { Ok(json("5")) } else { Err(refused()) })?.and(last)?;
        assert!(first.is_err(), "an outcome before the last success is kept");
        guest.emit("output", 1)
    });
    let mut world = app.start();
    world.input("k", "0");
    world.now_ms = 5_000;
    repair(&mut world, RETRY);
    world.run();
    assert!(world.is_quarantined("k"), "the failed outcomes are replayed");
    assert_eq!(world.outside.functions(), ["a", "b", "c", "d", "e"]);
    repair(&mut world, Repair::Retry { failed_calls: true });
    world.run();
    assert_eq!(world.outside.functions(), ["a", "b", "c", "d", "e", "c", "d", "e"]);
    assert_eq!(world.outputs_of("k"), ["1"]);
}

// [S14] [S29]: a repair of a state that no task asked for outlives a crash as well.
#[test]
fn a_repaired_orphan_stays_repaired_after_recovery() {
    for what in [Repair::Skip, Repair::Discard] {
        let app = App::default().action("kept", &[KIND_INPUT], |guest| guest.emit("output", 1)).action(
            "removed",
            &[KIND_INPUT],
            |guest| guest.emit("output", 2),
        );
        let mut world = app.start();
        world.input("k", "0");
        world.app.actions.pop();
        world.kill();
        world.run();
        assert!(world.is_quarantined("k"));
        repair(&mut world, what);
        assert!(!world.is_quarantined("k"));
        world.kill();
        world.run();
        assert!(!world.is_quarantined("k"), "{what:?}");
        assert_eq!(world.completed_below("k"), 1);
        assert_eq!(world.outputs_of("k"), ["1"]);
    }
}

// [S29] [S14]: without the failure before it, the action would never ask for the call whose outcome is not known.
#[test]
fn retry_with_failed_calls_keeps_the_failures_before_a_pending_call() {
    let app = App::default().action("calls", &[KIND_INPUT], |guest| {
        let good = guest.now_ms >= 50_000;
        let refused = Failure::fatal("refused", "no");
        if guest.call("a", "[]", if good { Ok(json("1")) } else { Err(refused.clone()) })?.is_err() {
            guest.reconcilable("b", "[]", Some(Err(retryable("x"))), Some(Ok(json("2"))))?.or(Err(refused))?;
        }
        guest.emit("output", 1)
    });
    let mut world = app.start();
    world.input("k", "0");
    world.now_ms = 50_000;
    repair(&mut world, Repair::Retry { failed_calls: true });
    world.run();
    assert_eq!(world.outside.functions(), ["a", "b", "reconcile b"]);
    assert_eq!(world.outputs_of("k"), ["1"]);
}

// [S29]: a repair delivered twice.
#[test]
fn a_repair_that_comes_again_when_its_run_is_finished_is_refused() {
    let mut world = broken_until_5000().start();
    world.input("k", "1");
    let (state, repairs) = quarantined(&world);
    repair(&mut world, Repair::Skip);
    world.run();
    assert_eq!(world.completed_below("k"), 1);
    let again = world.operator.on_repair(&state, repairs, Repair::Skip, world.now_ms);
    assert_eq!(again, Err(RepairError::NotQuarantined(state.to_string())));
}

/// An action that is taken out of its run by a deploy: cut off in its first attempt, later it fails until 50,000 ms.
fn orphaned(limits: impl FnOnce(&mut weir_core::limits::OperatorLimits)) -> World {
    let app = App::default().action("kept", &[KIND_INPUT], |_| Ok(())).action("moved", &[KIND_INPUT], |guest| {
        guest.call("charge", "[]", Ok(json("1")))?.unwrap();
        guest.wait();
        match guest.now_ms {
            0..5_000 => Err(Ended::CutOff),
            5_000..50_000 => Err(retryable("later").into()),
            _ => guest.emit("output", guest.number()),
        }
    });
    let mut world = app.start();
    world.input("k", "7");
    world.app.actions[1].listens_to = vec!["other".to_owned()];
    limits(&mut world.app.limits);
    world.now_ms = 5_000;
    world.kill();
    world.run();
    assert!(world.is_quarantined("k"));
    world
}

// [S14] [S29]: what people decided of a state that no task asked for stands, though an attempt failed since.
#[test]
fn a_repaired_orphan_waits_for_its_next_attempt_after_recovery_as_before() {
    let mut world = orphaned(|_| ());
    repair(&mut world, RETRY);
    world.run();
    for killed in [false, true] {
        if killed {
            world.kill();
            assert_eq!(world.operator.counters().divergences, 1, "it is told again");
        }
        assert!(!world.is_quarantined("k") && world.timers.len() == 1);
    }
    world.now_ms = 50_000;
    world.run_timer();
    assert_eq!(world.outputs_of("k"), ["7"]);
    assert_eq!(world.outside.functions(), ["charge"]);
}

// [S2] [S14]
#[test]
fn an_orphan_counts_among_the_tasks_of_its_run() {
    let mut world = orphaned(|limits| limits.tasks_per_run_max = 1);
    repair(&mut world, RETRY);
    world.run();
    let failure = world.operator.quarantine_reports().remove(0).failure.failure;
    assert_eq!(failure.message, "a run of 2 tasks is over limits.tasks_per_run_max (1)");
    let mut world = orphaned(|limits| limits.tasks_per_run_max = 2);
    repair(&mut world, RETRY);
    world.run();
    assert!(!world.is_quarantined("k"));
}

// [S14]: its failure says nothing of what is to become of it.
#[test]
fn an_orphan_whose_attempts_are_not_spent_is_a_divergence_too() {
    let app = App::default()
        .action("kept", &[KIND_INPUT], |_| Ok(()))
        .action("moved", &[KIND_INPUT], |_| Err(retryable("later").into()));
    let mut world = app.start();
    world.input("k", "7");
    assert_eq!(world.timers.len(), 1);
    world.app.actions[1].listens_to = vec!["other".to_owned()];
    world.kill();
    assert!(world.is_quarantined("k"));
    assert_eq!(world.operator.quarantine_reports()[0].failure.failure.kind, "divergence");
}

// [S14]: that an attempt failed before it completed is no decision.
#[test]
fn an_orphan_that_completed_at_a_later_attempt_is_a_divergence_too() {
    let app = App::default().action("kept", &[KIND_INPUT], |_| Ok(())).action("moved", &[KIND_INPUT], |guest| {
        match guest.now_ms {
            1_000 => Err(retryable("later").into()),
            _ => guest.emit("output", guest.number()),
        }
    });
    let mut world = app.start();
    world.input("k", "7");
    world.run_timer();
    assert_eq!(world.outputs_of("k"), ["7"]);
    let states = world.operator.store().states_of(&"k".into());
    assert!(states.iter().all(|(_, state)| state.completed && state.failed.is_none()), "it has failed no more");
    world.app.actions.pop();
    world.kill();
    assert!(world.is_quarantined("k"));
    assert_eq!(world.outputs_of("k"), [""; 0], "until people decide");
}

// [S14] [S29]: what asked for it may be gone for ever, but a call of it was made.
#[test]
fn an_orphan_of_which_only_calls_are_known_replays_them_when_it_is_tried_again() {
    let app = App::default().action("first", &[KIND_INPUT], |guest| guest.emit("middle", 1)).action(
        "second",
        &["middle"],
        |guest| {
            guest.call("charge", "[]", Ok(json("1")))?.unwrap();
            guest.wait();
            if guest.now_ms < 5_000 { Err(Ended::CutOff) } else { guest.emit("output", 1) }
        },
    );
    let mut world = app.start();
    world.input("k", "0");
    let recorded = world.operator.store().states_of(&"k".into());
    let (charged, _) = recorded.iter().find(|(_, state)| state.action.as_str() == "second").unwrap();
    world.app.actions[0].listens_to = vec!["other".to_owned()];
    world.now_ms = 5_000;
    world.kill();
    while quarantined(&world).0 != *charged {
        repair(&mut world, Repair::Skip);
    }
    repair(&mut world, RETRY);
    world.run();
    assert_eq!(world.outputs_of("k"), ["1"]);
    assert_eq!(world.outside.functions(), ["charge"]);
}
