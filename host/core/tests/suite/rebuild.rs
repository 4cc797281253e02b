//! Refilling the action states from the log.

use crate::harness::{App, Log, fatal, json, name};
use crate::store::{acknowledge, call, completed, state_key, store};
use std::collections::BTreeMap;
use weir_core::action_state::{ActionState, CallPut, CallStatus, EmittedEvent, StateKey};
use weir_core::event::{Event, KIND_INPUT, PartitionId, SequenceNumber};
use weir_core::invocation::OnDivergence;
use weir_core::key::Key;
use weir_core::store::log::{Position, Ticket};
use weir_core::store::{ActionStateStore, Rebuild, RebuildError};

fn rebuild(log: &Log, marker: u64, completed_below: &BTreeMap<&str, u64>) -> ActionStateStore {
    let mut rebuild = Rebuild::new(PartitionId(0), Position(log.end), 1 << 20);
    for (position, (key, value)) in log.records.range(marker..) {
        let completed = |key: &Key| SequenceNumber(completed_below.get(&*key.to_text()).copied().unwrap_or(0));
        rebuild.on_record(Position(*position), key, value, completed).unwrap();
    }
    rebuild.finish()
}

/// Two keys with two runs each; the second run of `b` has calls only.
fn filled() -> (ActionStateStore, Log) {
    let (mut store, mut log) = (store(), Log::default());
    store.put(&state_key("a", 0, 1, "x"), completed("x")).unwrap();
    store.put(&state_key("b", 0, 2, "x"), completed("x")).unwrap();
    store.put(&state_key("a", 1, 3, "x"), completed("x")).unwrap();
    let puts = vec![
        CallPut::Put(0, call("f", CallStatus::Succeeded(json("null")))),
        CallPut::Put(1, call("g", CallStatus::Pending { effect_ends_at_ms: 9 })),
        CallPut::Put(1, call("g", CallStatus::Failed(fatal("no")))),
        CallPut::Put(2, call("h", CallStatus::Pending { effect_ends_at_ms: 9 })),
    ];
    store.put_calls(&state_key("b", 1, 4, "x"), || ActionState::started(name("x"), 77), puts);
    acknowledge(&mut store, &mut log);
    (store, log)
}

// [S25] [P17] [D7] [D8]
#[test]
fn everything_from_the_marker_on_is_there_again() {
    let (mut before, log) = filled();
    let mut rebuilt = rebuild(&log, 0, &BTreeMap::new());
    for key in
        [state_key("a", 0, 1, "x"), state_key("b", 0, 2, "x"), state_key("a", 1, 3, "x"), state_key("b", 1, 4, "x")]
    {
        assert_eq!(rebuilt.get(&key), before.get(&key), "{key}");
    }
    assert_eq!(rebuilt.len(), 4);
    assert_eq!(rebuilt.recovery_marker(), Position(0));
    let state = rebuilt.get(&state_key("b", 1, 4, "x")).unwrap();
    assert_eq!(state.started_at_ms, 77);
    assert_eq!(state.call_results.values().map(|call| call.is_pending()).collect::<Vec<_>>(), [false, false, true]);
    assert!(!rebuilt.has_appends());
}

// [S14]
#[test]
fn states_that_a_rebuild_brought_are_counted_until_they_are_asked_for_or_gone() {
    let (_, log) = filled();
    let mut store = rebuild(&log, 0, &BTreeMap::from([("a", 1)]));
    assert_eq!(store.unasked_len(), 3, "what the checkpoint had completed does not count");
    store.get(&state_key("a", 1, 3, "x"));
    store.get(&state_key("a", 1, 3, "x"));
    assert_eq!(store.unasked_len(), 2);
    assert!(store.unasked(&Key::from("a"), SequenceNumber(1)).is_none());
    assert!(store.unasked(&Key::from("b"), SequenceNumber(7)).is_none());
    assert!(store.unasked(&Key::from("unknown"), SequenceNumber(1)).is_none());
    assert_eq!(store.unasked(&Key::from("b"), SequenceNumber(1)).unwrap().0, state_key("b", 1, 4, "x"));
    store.drop_state(&state_key("b", 1, 4, "x"));
    assert_eq!(store.unasked_len(), 1);
    store.prune(&Key::from("b"), SequenceNumber(1));
    assert_eq!(store.unasked_len(), 0);
    store.prune(&Key::from("a"), SequenceNumber(2));
    assert_eq!((store.unasked_len(), store.len()), (0, 0), "one that was asked for counts no more");
}

// [S14] [S22]
#[test]
fn states_of_tasks_that_were_done_before_the_checkpoint_are_no_longer_counted_and_those_of_queued_ones_are() {
    let (mut before, mut log) = (store(), Log::default());
    let [asked, done, caused, queued] = [(1, "asked"), (1, "done"), (2, "caused"), (2, "queued")]
        .map(|(event, action)| state_key("k", 0, event, action));
    let event = Event { id: caused.event, kind: "next".into(), payload: json("1") };
    let emitted = EmittedEvent { event, matched_actions: vec![name("caused"), name("queued")] };
    before.put(&asked, completed("asked")).unwrap();
    before.put(&done, ActionState { output_events: vec![emitted], ..completed("done") }).unwrap();
    before.put(&caused, completed("caused")).unwrap();
    before.put(&queued, ActionState::started(name("queued"), 1)).unwrap();
    acknowledge(&mut before, &mut log);
    let mut rebuilt = rebuild(&log, 0, &BTreeMap::new());
    rebuilt.get(&asked);
    assert_eq!(rebuilt.unasked_len(), 3);
    let task = |state: &StateKey| (state.event, state.action);
    let roots = [task(&asked), task(&done)].into_iter();
    rebuilt.mark_done(&Key::from("k"), SequenceNumber(0), roots, &[task(&queued)].into_iter().collect());
    assert_eq!(rebuilt.unasked_len(), 1);
    assert_eq!(rebuilt.unasked(&Key::from("k"), SequenceNumber(0)).unwrap().0, queued);
    rebuilt.get(&queued);
    assert_eq!(rebuilt.unasked_len(), 0);
}

// [P17] [S25]
#[test]
fn a_rebuild_from_a_later_marker_or_of_nothing_has_nothing_older() {
    let (_, log) = filled();
    let rebuilt = rebuild(&log, 2, &BTreeMap::new());
    assert_eq!(rebuilt.len(), 2);
    assert_eq!(rebuilt.recovery_marker(), Position(2));
    let empty = rebuild(&Log::default(), 0, &BTreeMap::new());
    assert!(empty.is_empty());
    assert_eq!(empty.recovery_marker(), Position(0));
    let at_end = rebuild(&log, log.end, &BTreeMap::new());
    assert_eq!(at_end.recovery_marker(), Position(log.end), "with none, the end that was captured");
}

// [S25] [S24] [D5]
#[test]
fn states_below_the_completed_line_are_dropped_and_get_the_tombstones_that_a_crash_left_unwritten() {
    let (_, mut log) = filled();
    let mut rebuilt = rebuild(&log, 0, &BTreeMap::from([("a", 1), ("b", 2)]));
    assert_eq!(rebuilt.len(), 1);
    assert!(rebuilt.get(&state_key("a", 1, 3, "x")).is_some());
    assert_eq!(rebuilt.recovery_marker(), Position(2));
    assert_eq!(rebuilt.first_unacknowledged(), Ticket(0));
    acknowledge(&mut rebuilt, &mut log);
    assert_eq!(log.names(), ["a_1"]);
    assert_eq!(rebuilt.keys().count(), 1, "nothing stays of a key that had only such states");
}

// [S13] [S25]: the pending record is read after the outcome, and does not hide it.
#[test]
fn an_outcome_stands_whatever_order_its_records_are_read_in() {
    let (_, log) = filled();
    let key = state_key("b", 1, 4, "x");
    let records: Vec<_> = log.records.values().skip(3).cloned().collect();
    for order in [[0, 1, 2, 3], [0, 2, 1, 3], [3, 2, 1, 0]] {
        let mut rebuild = Rebuild::new(PartitionId(0), Position(9), 1 << 20);
        for (position, index) in order.into_iter().enumerate() {
            let (name, value) = &records[index];
            rebuild.on_record(Position(position as u64), name, value, |_| SequenceNumber(0)).unwrap();
        }
        let mut store = rebuild.finish();
        let state = store.get(&key).unwrap();
        let pending: Vec<_> = state.call_results.values().map(|call| call.is_pending()).collect();
        assert_eq!(pending, [false, false, true], "{order:?}");
    }
}

// [S27] [D14]
#[test]
fn a_record_that_can_not_be_decoded_is_an_error_and_setting_it_aside_goes_on() {
    let (_, log) = filled();
    let mut rebuild = Rebuild::new(PartitionId(0), Position(log.end), 1 << 20);
    let mut aside = 0;
    for (position, (key, value)) in &log.records {
        let value = if *position == 1 { b"{torn" } else { &value[..] };
        let key = if *position == 2 { b"no name" } else { &key[..] };
        match rebuild.on_record(Position(*position), key, value, |_| SequenceNumber(0)) {
            Ok(()) => {}
            Err(RebuildError::Value(error)) => {
                assert!(error.to_string().starts_with("decode action state: "), "{error}");
                aside += 1;
            }
            Err(RebuildError::Key(error)) => {
                assert!(error.to_string().contains("no name"), "{error}");
                aside += 1;
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(aside, 2);
    assert_eq!(rebuild.finish().len(), 2);
}

// [S23] [S25]: a crash between putting states again and their tombstones.
#[test]
fn records_that_are_there_twice_count_once_and_go_together() {
    let (mut before, mut log) = filled();
    before.put_again(&state_key("b", 1, 4, "x"));
    let appends = before.take_appends();
    log.append(appends.into_iter().take(3).collect());
    while let Some(acknowledged) = log.acknowledge_one() {
        before.on_acknowledged(acknowledged);
    }
    let mut rebuilt = rebuild(&log, 0, &BTreeMap::new());
    let state = rebuilt.get(&state_key("b", 1, 4, "x")).unwrap();
    assert_eq!(state.call_results.len(), 3);
    rebuilt.prune(&Key::from("b"), SequenceNumber(2));
    acknowledge(&mut rebuilt, &mut log);
    assert_eq!(log.names(), ["a_0", "a_1"]);
}

fn two_listeners(on_divergence: OnDivergence) -> App {
    App::default()
        .action("kept", &[KIND_INPUT], |guest| guest.emit("output", 1))
        .action("moved", &[KIND_INPUT], |guest| guest.emit("output", 2))
        .policy(|policy| policy.on_divergence = on_divergence)
}

// [S14]
#[test]
fn a_state_that_no_task_asked_for_is_a_divergence_when_its_run_ends() {
    let mut world = two_listeners(OnDivergence::Fail).start();
    world.input("k", "0");
    world.input("l", "0");
    world.app.actions[1].listens_to = vec!["other".to_owned()];
    world.kill();
    world.run();
    assert!(world.is_quarantined("k") && world.is_quarantined("l"));
    assert_eq!(world.operator.counters().divergences, 2);
    let report = world.operator.quarantine_reports().remove(0);
    assert_eq!((report.action.as_str(), report.failure.failure.kind.as_str()), ("moved", "divergence"));
    assert_eq!(world.outputs_of("k"), ["1"]);
    world.checkpoint();
    world.kill();
    assert!(world.is_quarantined("k"), "from the checkpoint as well");
    assert_eq!(world.operator.counters().divergences, 0, "it is known by now");
}

// [S14]
#[test]
fn with_execute_a_state_that_no_task_asked_for_is_dropped_with_tombstones_and_the_run_ends() {
    let mut world = two_listeners(OnDivergence::Execute).start();
    world.input("k", "0");
    world.app.actions[1].listens_to = vec!["other".to_owned()];
    world.kill();
    world.run();
    assert!(!world.is_quarantined("k"));
    assert_eq!(world.operator.counters().divergences, 1);
    world.acknowledge_all();
    assert_eq!(world.log.names(), ["k_0"]);
    world.kill();
    assert_eq!(world.operator.counters().divergences, 0);
    assert_eq!(world.completed_below("k"), 1);
}

// [S14]
#[test]
fn with_execute_a_pending_call_in_a_state_that_no_task_asked_for_still_fails() {
    let app = App::default()
        .action("kept", &[KIND_INPUT], |_| Ok(()))
        .action("moved", &[KIND_INPUT], |guest| {
            guest.reconcilable("charge", "[]", None, None)?.unwrap();
            Ok(())
        })
        .policy(|policy| policy.on_divergence = OnDivergence::Execute);
    let mut world = app.start();
    world.input("k", "0");
    assert_eq!(world.log.names(), ["k_0", "k_0#0?"]);
    world.app.actions[1].listens_to = vec!["other".to_owned()];
    world.kill();
    world.run();
    assert!(world.is_quarantined("k"));
    assert_eq!(world.log.names(), ["k_0", "k_0#0?", "k_0"], "nothing is dropped");
}

// [S14]: the event of an orphan that has records of calls only is the input event, if that triggered it.
#[test]
fn an_orphan_that_is_tried_again_runs_for_its_event() {
    let app = App::default().action("kept", &[KIND_INPUT], |_| Ok(())).action("moved", &[KIND_INPUT], |guest| {
        guest.call("charge", "[]", Ok(json("1")))?.unwrap();
        guest.wait();
        if guest.now_ms < 5_000 { Err(crate::harness::Ended::CutOff) } else { guest.emit("output", guest.number()) }
    });
    let mut world = app.start();
    world.input("k", "7");
    world.app.actions[1].listens_to = vec!["other".to_owned()];
    world.now_ms = 5_000;
    world.kill();
    world.run();
    assert!(world.is_quarantined("k"));
    let report = world.operator.quarantine_reports().remove(0);
    let retry = weir_core::operator::Repair::Retry { failed_calls: false };
    world.operator.on_repair(&report.state, report.repairs, retry, world.now_ms).unwrap();
    world.take_commands();
    world.run();
    assert_eq!(world.outputs_of("k"), ["7"]);
    assert_eq!(world.outside.functions(), ["charge"]);
    world.kill();
    world.run();
    assert_eq!(world.outputs_of("k"), ["7"], "the repair stands, and what it led to");
    assert!(!world.is_quarantined("k"));
}
