//! A quarantined key: parked with its queue, which has a limit.

use crate::harness::{App, World, fatal, retryable};
use weir_core::checkpoint::EntrySpace;
use weir_core::event::{DeadLetter, KIND_INPUT};
use weir_core::failure::Failure;
use weir_core::limits::OnQueueFull;
use weir_core::operator::{Repair, Waiting, report_of_entries};

/// Fails for the payload 0 until the time is 5,000 ms; at most two events wait in quarantine.
fn start() -> World {
    let app = App::default().action("shaky", &[KIND_INPUT], |guest| {
        if guest.number() == 0 && guest.now_ms < 5_000 {
            return Err(fatal("no").into());
        }
        guest.emit("output", guest.number())
    });
    app.limits(|limits| limits.quarantined_events_max = 2).start()
}

fn repair(world: &mut World, repair: Repair) {
    let report = world.operator.quarantine_reports().remove(0);
    world.operator.on_repair(&report.state, report.repairs, repair, world.now_ms).unwrap();
    world.take_commands();
    world.run();
}

// [S29]
#[test]
fn events_wait_in_quarantine_up_to_a_limit_and_further_ones_become_dead_letters() {
    let mut world = start();
    for n in 0..5 {
        world.input("k", &n.to_string());
    }
    assert_eq!(world.operator.quarantine_reports()[0].pending, 2);
    assert!(!world.operator.is_full(), "nothing is to be paused");
    let letters = world.all_dead_letters();
    assert_eq!(letters.iter().map(|letter| letter.input.event.payload.as_str()).collect::<Vec<_>>(), ["3", "4"]);
    assert!(letters.iter().all(|letter| letter.sequence_number.is_none() && letter.action.is_none()));
    assert_eq!(letters[0].failure.kind, "queue-full");
    assert_eq!(world.seen.iter().filter(|line| *line == "queue full k").count(), 2);
    assert_eq!(world.operator.counters().dead_letters, 2);
    repair(&mut world, Repair::Skip);
    world.input("k", "5");
    assert_eq!(world.outputs_of("k"), ["1", "2", "5"]);
}

// [S29]
#[test]
fn events_that_wait_in_quarantine_are_bounded_in_bytes_too() {
    let app =
        App::default().action("shaky", &[KIND_INPUT], |guest| match guest.invocation.task().event.payload.as_str() {
            "0" => Err(fatal("no").into()),
            _ => guest.emit("output", 1),
        });
    let mut world = app.limits(|limits| limits.quarantined_bytes_max = 5_000).start();
    world.input("k", "0");
    let large = format!("\"{}\"", "x".repeat(2_400));
    for _ in 0..4 {
        world.input("k", &large);
    }
    world.input("k", "1");
    assert_eq!(world.operator.quarantine_reports()[0].pending, 2, "two take more than the limit, one does not");
    assert_eq!(world.all_dead_letters().len(), 3);
    world.checkpoint();
    world.kill();
    world.input("k", "1");
    assert_eq!(world.operator.quarantine_reports()[0].pending, 2, "so it is after a restart");
    repair(&mut world, Repair::Skip);
    world.input("k", "1");
    assert_eq!(world.operator.waiting(), Waiting::default());
    assert_eq!(world.outputs_of("k").len(), 3, "room again");
}

// [S29]
#[test]
fn what_waits_in_quarantine_waits_for_people_and_not_for_its_turn() {
    let mut world = start();
    world.send("k", "0");
    world.send("k", "1");
    world.run();
    world.input("k", "2");
    let counted = |world: &World| (world.operator.counters().pending_events, world.operator.waiting());
    assert_eq!(counted(&world), (2, Waiting::default()), "whether it came before the failure or after");
    repair(&mut world, Repair::Retry { failed_calls: false });
    assert_eq!(counted(&world), (2, Waiting::default()), "it failed again");
    repair(&mut world, Repair::Skip);
    assert_eq!(counted(&world), (0, Waiting::default()));
}

// [S6] [S29]: at the end of its input a host waits for what people set going again.
#[test]
fn a_key_that_was_repaired_is_running_again() {
    let mut world = start();
    world.input("k", "0");
    assert!(world.operator.is_idle());
    let report = world.operator.quarantine_reports().remove(0);
    let retry = Repair::Retry { failed_calls: false };
    world.operator.on_repair(&report.state, report.repairs, retry, world.now_ms).unwrap();
    assert!(!world.operator.is_idle());
    assert_eq!(world.operator.counters().keys_running, 1);
    world.take_commands();
    world.run();
    assert!(world.operator.is_idle(), "it failed again");
}

// [S29]
#[test]
fn where_a_full_queue_pauses_the_partition_no_event_is_given_up() {
    let mut app = App::default().action("shaky", &[KIND_INPUT], |guest| match guest.number() {
        0 => Err(fatal("no").into()),
        number => guest.emit("output", number),
    });
    app = app.limits(|limits| {
        limits.quarantined_events_max = 2;
        limits.on_queue_full = OnQueueFull::Pause;
    });
    let mut world = app.start();
    for n in 0..2 {
        world.input("k", &n.to_string());
        assert!(!world.operator.is_full(), "{n}");
    }
    world.input("k", "2");
    assert!(world.operator.is_full());
    // What was handed over together with that event comes nevertheless.
    world.input("k", "3");
    world.input("other", "4");
    world.checkpoint();
    world.kill();
    assert!(world.operator.is_full(), "recovery pauses it again");
    assert_eq!((world.operator.quarantine_reports()[0].pending, world.all_dead_letters().len()), (3, 0));
    repair(&mut world, Repair::Skip);
    assert!(!world.operator.is_full());
    assert_eq!(world.outputs_of("k"), ["1", "2", "3"]);
}

// [S29]
#[test]
fn recovery_drops_the_same_events_again_whatever_was_repaired_since() {
    for what in [Repair::Retry { failed_calls: false }, Repair::Skip, Repair::Discard] {
        for power in [false, true] {
            let mut world = start();
            for n in 0..5 {
                world.input("k", &n.to_string());
            }
            world.now_ms = 5_000;
            repair(&mut world, what);
            world.input("k", "5");
            let (outputs, letters) = (world.outputs_of("k"), world.all_dead_letters());
            if power {
                world.lose_power()
            } else {
                world.kill()
            }
            world.run();
            assert_eq!(world.outputs_of("k"), outputs, "{what:?}");
            let sorted = |mut letters: Vec<DeadLetter>| {
                letters.sort_by_key(|letter| letter.input.position);
                letters
            };
            assert_eq!(sorted(world.all_dead_letters()), sorted(letters), "{what:?}");
            assert_eq!(world.operator.counters().divergences, 0, "{what:?}");
            world.checkpoint();
            world.acknowledge_all();
            assert_eq!(world.operator.store().keys().count(), 0);
            world.input("k", "6");
            assert_eq!(world.outputs_of("k").last().unwrap(), "6", "what was dropped is forgotten with its state");
        }
    }
}

// [S24] [S29]
#[test]
fn a_checkpoint_before_the_source_gave_dropped_input_again_does_not_forget_it() {
    for what in [Repair::Retry { failed_calls: false }, Repair::Skip, Repair::Discard] {
        let mut world = start();
        for n in 0..5 {
            world.input("k", &n.to_string());
        }
        // Recovery, with a source that has given the first event again and no other.
        let later = world.source.split_off(1);
        world.kill();
        world.now_ms = 5_000;
        repair(&mut world, what);
        world.checkpoint();
        let dropped = world.disk.header(&"k".into()).dropped_input;
        assert_eq!(dropped.iter().map(|range| (range.first.0, range.last.0)).collect::<Vec<_>>(), [(3, 4)]);
        world.checkpoint();
        world.source.extend(later);
        world.kill();
        world.run();
        let dropped: Vec<_> = world.all_dead_letters().iter().map(|letter| letter.input.position.0).collect();
        assert!(dropped.ends_with(&[3, 4]), "{what:?}: {dropped:?}");
        assert!(world.outputs_of("k").ends_with(&["1".to_owned(), "2".to_owned()]), "{what:?}");
        world.input("k", "6");
        world.checkpoint();
        assert_eq!(world.disk.header(&"k".into()).dropped_input, [], "the source is past it");
    }
}

// [S29]
#[test]
fn dropped_events_are_remembered_as_ranges_of_positions() {
    let mut world = start();
    for n in 0..4 {
        world.input("k", &n.to_string());
    }
    world.input("other", "7");
    world.input("k", "4");
    let states = world.operator.store().states_of(&"k".into());
    let dropped: Vec<_> = states[0].1.dropped_input.iter().map(|range| (range.first.0, range.last.0)).collect();
    assert_eq!(dropped, [(3, 5)]);
    world.kill();
    world.input("k", "5");
    let states = world.operator.store().states_of(&"k".into());
    let dropped: Vec<_> = states[0].1.dropped_input.iter().map(|range| (range.first.0, range.last.0)).collect();
    assert_eq!(dropped, [(3, 5), (6, 6)]);
    assert_eq!(world.outputs_of("other"), ["7"]);
}

// [S26] [S29]
#[test]
fn dropping_and_repairing_fit_where_the_failure_just_fitted() {
    for padding in 0..300 {
        let app =
            App::default().action("fails", &[KIND_INPUT], move |_| Err(fatal(&"x".repeat(3_500 + padding)).into()));
        let app = app.limits(|limits| {
            limits.quarantined_events_max = 0;
            limits.record_bytes_max = 4_096;
        });
        let mut world = app.start();
        world.input("k", "0");
        world.input("k", "1");
        world.kill();
        world.input("k", "2");
        repair(&mut world, Repair::Discard);
        assert_eq!(world.all_dead_letters().len(), 3);
        assert!(world.log.records.values().all(|(_, value)| value.len() <= 4_096));
    }
}

// [S23]
#[test]
fn a_quarantined_key_does_not_hold_the_marker_back_with_any_state_of_its_run() {
    let app = App::default().action("good", &[KIND_INPUT], |guest| guest.emit("output", guest.number())).action(
        "bad",
        &[KIND_INPUT],
        |guest| match guest.number() {
            0 => Err(fatal("no").into()),
            _ => Ok(()),
        },
    );
    let mut world = app.limits(|limits| limits.marker_lag_max = 4).start();
    world.input("bad", "0");
    for n in 1..10 {
        world.input("k", &n.to_string());
        world.checkpoint();
    }
    let lag = world.log.end - world.disk.marker;
    assert!(lag <= 8, "the marker lags by {lag}");
    world.acknowledge_all();
    assert_eq!(world.log.names().len(), 2, "{:?}", world.log.names());
    world.kill();
    world.run();
    assert!(world.is_quarantined("bad"));
    repair(&mut world, Repair::Skip);
    assert_eq!(world.outputs_of("bad"), ["0"]);
    assert_eq!(world.operator.counters().divergences, 0);
}

// [S23]
#[test]
fn a_key_that_waits_long_for_its_next_attempt_does_not_hold_the_marker_back() {
    let app = App::default().action("shaky", &[KIND_INPUT], |guest| match guest.number() {
        0 if guest.now_ms < 5_000 => Err(Failure { retry_after_ms: Some(9_000), ..retryable("later") }.into()),
        _ => guest.emit("output", guest.number()),
    });
    let mut world = app.limits(|limits| limits.marker_lag_max = 4).start();
    world.input("shaky", "0");
    for n in 1..10 {
        world.input("k", &n.to_string());
        world.checkpoint();
    }
    let lag = world.log.end - world.disk.marker;
    assert!(lag <= 8, "the marker lags by {lag}");
    world.run_timer();
    assert_eq!(world.outputs_of("shaky"), ["0"]);
    let end = world.log.end;
    for n in 1..10 {
        world.input("k", &n.to_string());
        world.checkpoint();
        world.acknowledge_all();
    }
    assert_eq!(world.log.end, end + 9, "it is put again no more");
}

// [S29] [S22]
#[test]
fn quarantine_stands_in_a_keyspace_of_its_own_until_it_is_repaired() {
    let mut world = start();
    let stands = |world: &World| {
        let shown = report_of_entries(&"k".into(), world.disk.of_key(&"k".into())).unwrap();
        (world.disk.count(EntrySpace::Quarantined), shown.quarantined)
    };
    world.input("k", "0");
    world.checkpoint();
    assert_eq!(stands(&world), (1, true), "people see it of a host that is stopped, too");
    world.kill();
    assert!(world.is_quarantined("k"));
    repair(&mut world, Repair::Skip);
    world.checkpoint();
    assert_eq!(stands(&world), (0, false));
}
