//! Runs, tasks, sequence numbers and lineage.

use crate::harness::{App, add_then_double};
use weir_core::event::KIND_INPUT;
use weir_core::id::{ActionId, EventId};
use weir_core::key::Key;
use weir_core::operator::Waiting;
use weir_core::plan::{OnFailure, RetryPolicy};

// [P1] [S2]
#[test]
fn two_chained_actions_add_one_and_then_double() {
    let mut world = add_then_double().start();
    world.input("k", "0");
    world.input("k", "1");
    assert_eq!(world.outputs_of("k"), ["2", "4"]);
}

// [S18]
#[test]
fn the_state_of_an_applied_action_says_what_it_did() {
    let app = App::default().action("count", &[KIND_INPUT], |guest| {
        guest.set("n", 1)?;
        guest.set_sensory("seen", 2)?;
        guest.emit("output", "3")
    });
    let mut world = app.start();
    world.input("k", "0");
    let applied = world.operator.store().states_of(&"k".into());
    let (name, state) = applied.first().expect("it is not pruned yet");
    assert!(state.completed && state.task_event_id() == Some(name.event));
    assert_eq!((state.short_term_updates.len(), state.sensory_updates.len(), state.output_events.len()), (1, 1, 1));
    let (name, state) = (name.clone(), state.clone());
    world.kill();
    let rebuilt = world.operator.store().states_of(&"k".into());
    assert_eq!(rebuilt, [(name, state)], "a rebuild reads the same");
}

// [S1] [P2]
#[test]
fn second_input_of_a_key_starts_after_the_first_run_ended() {
    let mut world = add_then_double().start();
    world.send("k", "0");
    world.send("k", "1");
    assert_eq!(world.take_seen(), ["load k", "invoke add k/0 attempt 1"]);
    assert_eq!(world.operator.counters().pending_events, 1);
    world.run_one();
    assert_eq!(world.take_seen(), ["invoke double k/0 attempt 1"]);
    world.run_one();
    assert_eq!(world.take_seen(), ["emit 2 k/0", "invoke add k/1 attempt 1"]);
    world.run();
    assert_eq!(world.take_seen(), ["invoke double k/1 attempt 1", "emit 4 k/1"]);
    assert_eq!(world.operator.counters().pending_events, 0);
}

// [S1] [P2]
#[test]
fn two_keys_run_at_once() {
    let mut world = add_then_double().start();
    world.send("a", "0");
    world.send("b", "0");
    assert_eq!(world.waiting.len(), 2);
    assert_eq!(world.operator.counters().keys_running, 2);
}

// [S1]
#[test]
fn events_that_come_while_a_key_is_loaded_keep_their_order() {
    let mut world = add_then_double().start();
    let inputs: Vec<_> = {
        let mut other = add_then_double().start();
        other.send("k", "0");
        other.send("k", "1");
        other.source
    };
    for input in inputs {
        world.operator.on_input_event(input, 5);
    }
    assert!(!world.operator.is_idle(), "a key that is being loaded is not idle");
    assert!(world.operator.has_work());
    assert_eq!(world.operator.take_commands().len(), 1, "one load for both");
    world.operator.on_key_loaded(&Key::from("k"), Vec::new(), 5).unwrap();
    world.take_commands();
    world.run();
    assert_eq!(world.outputs_of("k"), ["2", "4"]);
    assert!(world.operator.is_idle());
}

// [S2]
#[test]
fn each_listener_gets_an_event_once_in_declared_order_and_tasks_are_first_in_first_out() {
    let mut world = App::default()
        .action("last", &["child"], |_| Ok(()))
        .action("one", &[KIND_INPUT, "other", KIND_INPUT], |guest| guest.emit("child", 1))
        .action("two", &[KIND_INPUT], |guest| guest.emit("child", 2))
        .start();
    world.input("k", "0");
    let expected = ["load k", "invoke one k/0 attempt 1", "invoke two k/0 attempt 1", "invoke last k/0 attempt 1"];
    assert_eq!(world.take_seen(), [&expected[..], &["invoke last k/0 attempt 1"]].concat());
}

// [S2]
#[test]
fn a_source_names_the_kind_and_an_unheard_event_takes_a_sequence_number_and_ends_at_once() {
    let mut world = App::default().action("strong", &["strong"], |guest| guest.emit("output", 7)).start();
    world.send_event("k", "weak", "0", None);
    assert_eq!(world.take_seen(), ["load k", "unheard weak"]);
    assert_eq!(world.completed_below("k"), 1);
    world.send_event("k", "strong", "0", None);
    world.run();
    assert_eq!(world.take_seen(), ["invoke strong k/1 attempt 1", "emit 7 k/1"]);
    assert_eq!(world.operator.counters().runs_finished, 2);
}

// [S2]
#[test]
fn an_output_event_goes_to_the_sink_and_is_not_matched() {
    let mut world = App::default()
        .action("emit", &[KIND_INPUT], |guest| guest.emit("output", 1))
        .action("listen", &["output"], |guest| guest.emit("output", 2))
        .start();
    world.input("k", "0");
    assert_eq!(world.outputs_of("k"), ["1"]);
}

// [S2]
#[test]
fn a_run_of_more_tasks_than_the_limit_fails_and_says_which_limit() {
    let app = App::default().action("again", &[KIND_INPUT, "again"], |guest| guest.emit("again", 0));
    let mut world = app.limits(|limits| limits.tasks_per_run_max = 3).start();
    world.input("k", "0");
    let seen = world.take_seen();
    assert_eq!(seen.iter().filter(|line| line.starts_with("invoke")).count(), 3);
    assert!(seen.last().unwrap().contains("a run of 4 tasks is over limits.tasks_per_run_max (3)"), "{seen:?}");
    assert!(world.is_quarantined("k"));
}

// [S2]
#[test]
fn a_run_of_just_as_many_tasks_as_the_limit_is_good() {
    let mut world = add_then_double().limits(|limits| limits.tasks_per_run_max = 2).start();
    world.input("k", "0");
    assert_eq!(world.outputs_of("k"), ["2"]);
}

// [P4] [S2]
#[test]
fn a_queued_task_keeps_the_settings_of_its_action_after_restore() {
    let app = App::default()
        .action("first", &[KIND_INPUT], |guest| guest.emit("next", 1))
        .action("second", &["next"], |_| Err(crate::harness::retryable("not now").into()))
        .policy(|policy| {
            policy.retry = RetryPolicy { attempts: 3, backoff_ms: 70, jitter: 0.0, ..RetryPolicy::default() };
            policy.on_failure = OnFailure::DeadLetter;
        });
    let mut world = app.start();
    world.send("k", "0");
    world.run_one();
    world.checkpoint();
    world.kill();
    world.take_seen();
    // Twice: what is restored is checkpointed and restored once more.
    world.checkpoint();
    world.kill();
    world.run_one();
    world.run_timer();
    world.run_timer();
    let seen = world.take_seen();
    let retries: Vec<_> = seen.iter().filter(|line| line.starts_with("retry")).collect();
    assert_eq!(retries.len(), 2, "three attempts: {seen:?}");
    let attempts = seen.iter().filter(|line| line.starts_with("invoke second k/0 attempt"));
    assert_eq!(attempts.count(), 3, "{seen:?}");
    assert!(!world.is_quarantined("k"), "its policy is another");
    assert_eq!(world.operator.counters().dead_letters, 1);
}

// [S2]
#[test]
fn a_queued_task_whose_action_is_gone_quarantines_its_key() {
    let mut world = add_then_double().start();
    world.send("k", "0");
    world.run_one();
    world.checkpoint();
    world.app.actions.pop();
    world.kill();
    assert!(world.is_quarantined("k"));
    let report = &world.operator.quarantine_reports()[0];
    assert_eq!((report.action.as_str(), report.failure.failure.kind.as_str()), ("double", "action-gone"));
}

// [S3]
#[test]
fn sensory_memory_lives_for_one_run_and_short_term_memory_with_the_key() {
    let app = App::default()
        .action("first", &[KIND_INPUT], |guest| {
            assert_eq!(guest.get_sensory("seen"), None, "the last run's sensory memory is gone");
            let before = guest.get("count").map_or(0, |count| count.parse::<i64>().unwrap());
            guest.set_sensory("seen.deep", before)?;
            guest.set("count", before + 1)?;
            guest.emit("next", 0)
        })
        .action("second", &["next"], |guest| {
            let seen = guest.get_sensory("seen").unwrap();
            guest.emit("output", format!("[{},{seen}]", guest.get("count").unwrap()))
        });
    let mut world = app.start();
    world.input("k", "0");
    world.input("k", "0");
    assert_eq!(world.outputs_of("k"), ["[1,{\"deep\":0}]", "[2,{\"deep\":1}]"]);
    assert!(world.operator.key_report(&Key::from("k")).unwrap().sensory.is_empty());
}

// [S4] [S5] [D9]
#[test]
fn outputs_carry_their_lineage_and_ids_come_from_task_and_ordinal() {
    let mut world = App::default()
        .action("mid", &[KIND_INPUT], |guest| guest.emit("mid", 0))
        .action("twice", &["mid"], |guest| {
            guest.emit("output", 5)?;
            guest.emit("output", 5)
        })
        .start();
    world.send_event("k", KIND_INPUT, "1", Some(77));
    world.run();
    let outputs = world.all_outputs();
    let input = EventId::of_input("file", &0u64.to_be_bytes(), b"1");
    let mid = EventId::of_emitted(input, ActionId::of_name("mid"), 0);
    assert_eq!(outputs.len(), 2, "two events with equal payloads are two events");
    for (ordinal, output) in outputs.iter().enumerate() {
        assert_eq!(output.id, EventId::of_emitted(mid, ActionId::of_name("twice"), ordinal as u32));
        assert_eq!(output.triggering_event_id, mid);
        assert_eq!(output.action.as_str(), "twice");
        assert_eq!((output.key.clone(), output.sequence_number.0), (Key::from("k"), 0));
        assert_eq!(output.source_timestamp_ms, Some(77));
    }
}

// [D9]
#[test]
fn a_second_equal_input_event_is_an_event_of_its_own() {
    let mut world = add_then_double().start();
    world.input("k", "3");
    world.input("k", "3");
    assert_eq!(world.outputs_of("k"), ["8", "8"]);
    assert_ne!(world.all_outputs()[0].id, world.all_outputs()[1].id);
}

// [S6] [P12]
#[test]
fn the_operator_is_idle_only_when_no_key_is_running() {
    let mut world = add_then_double().start();
    assert!(world.operator.is_idle());
    world.send("a", "0");
    world.send("b", "0");
    world.run_one();
    world.run_one();
    assert!(!world.operator.is_idle());
    world.run_one();
    assert!(!world.operator.is_idle(), "the other key is still running");
    world.run_one();
    assert!(world.operator.is_idle());
}

// [S6]
#[test]
fn a_task_that_is_cut_off_stays_queued_and_runs_after_the_next_start() {
    let mut world = add_then_double().start();
    world.send("k", "0");
    let invocation = world.waiting.pop_front().unwrap();
    world.operator.on_invocation_interrupted(&Key::from("k"), invocation.id() + 1);
    world.operator.on_invocation_interrupted(&Key::from("k"), invocation.id());
    let late = invocation.finish(weir_core::invocation::GuestEnd::Returned(Ok(())));
    world.operator.on_invocation_ended(&Key::from("k"), late, 5);
    assert_eq!(world.operator.counters().actions_completed, 0, "what it still did does not count");
    world.send("k", "1");
    assert!(world.waiting.is_empty(), "it starts nothing new");
    world.checkpoint();
    world.kill();
    world.run();
    assert_eq!(world.outputs_of("k"), ["2", "4"]);
}

#[test]
fn what_an_invocation_says_that_is_no_longer_awaited_changes_nothing() {
    let mut world = add_then_double().start();
    world.send("k", "0");
    let invocation = world.waiting.pop_front().unwrap();
    let stale = invocation.clone();
    world.waiting.push_back(invocation);
    world.run();
    let counters = world.operator.counters();
    let put = weir_core::action_state::CallPut::Start;
    world.operator.on_call_puts(&Key::from("k"), stale.id(), vec![put]);
    let end = stale.finish(weir_core::invocation::GuestEnd::Trapped("late".to_owned()));
    world.operator.on_invocation_ended(&Key::from("k"), end, 5);
    world.operator.on_invocation_interrupted(&Key::from("k"), 0);
    world.operator.on_retry_due(&Key::from("k"), 5);
    assert_eq!(world.operator.counters(), counters);
    assert!(!world.operator.has_work());
}

#[test]
fn counters_count_what_happened() {
    let mut world = add_then_double().start();
    world.input("k", "0");
    world.send("l", "0");
    let counters = world.operator.counters();
    assert_eq!((counters.input_events, counters.runs_finished, counters.invocations), (2, 1, 3));
    assert_eq!((counters.actions_completed, counters.output_events, counters.keys_resident), (2, 1, 2));
    assert_eq!((counters.keys_running, counters.attempts_failed, counters.dead_letters), (1, 0, 0));
}

// [P6] [S21]
#[test]
fn an_action_is_finished_before_its_output_is_handed_on() {
    let mut world = App::default().action("emit", &[KIND_INPUT], |guest| guest.emit("output", 1)).start();
    world.send("k", "0");
    let invocation = world.waiting.pop_front().unwrap();
    let mut invocation = *invocation;
    invocation.emit("output", "1").unwrap();
    let end = invocation.finish(weir_core::invocation::GuestEnd::Returned(Ok(())));
    world.operator.on_invocation_ended(&Key::from("k"), end, 5);
    assert_eq!(world.operator.take_appends().len(), 1, "its completion is on its way to the log");
    let commands = world.operator.take_commands();
    assert!(matches!(&commands[..], [weir_core::operator::Command::Emit(_)]), "{commands:?}");
    assert_eq!(world.operator.counters().actions_completed, 1, "whatever the sink makes of it");
    assert_eq!(world.operator.counters().attempts_failed, 0);
}

#[test]
fn names_of_invocations_tell_them_and_their_partitions_apart() {
    use weir_core::event::{InputEvent, PartitionId};
    use weir_core::operator::{Command, Operator, OperatorStart};
    use weir_core::store::{ActionStateStore, log::Position};
    let ids: Vec<u64> = [0u32, 1, 63]
        .into_iter()
        .flat_map(|partition| {
            let mut world = add_then_double().start();
            world.send("k", "0");
            let input = world.source.remove(0);
            let mut operator = Operator::new(OperatorStart {
                plan: world.app.plan(),
                limits: std::sync::Arc::default(),
                store: ActionStateStore::new(PartitionId(partition), Position(0), 1 << 20),
                partition: PartitionId(partition),
            });
            assert_eq!(operator.partition(), PartitionId(partition));
            for key in [Key::from("k"), Key::from("l")] {
                operator.on_input_event(InputEvent { key: key.clone(), ..input.clone() }, 5);
                operator.on_key_loaded(&key, Vec::new(), 5).unwrap();
            }
            let commands = operator.take_commands().into_iter();
            commands
                .filter_map(|command| match command {
                    Command::Invoke(invocation) => Some(invocation.id()),
                    _ => None,
                })
                .collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(ids, [0, 1, 1 << 40, (1 << 40) + 1, 63 << 40, (63 << 40) + 1]);
}

// [S29]
#[test]
fn what_waits_for_its_turn_is_counted_with_what_it_takes() {
    let mut world = add_then_double().start();
    for payload in ["1", "22", "333"] {
        world.send("k", payload);
    }
    let bytes = world.source[1..].iter().map(|input| input.size() as u64).sum();
    assert_eq!(world.operator.waiting(), Waiting { events: 2, bytes });
    world.checkpoint();
    world.kill();
    assert_eq!(world.operator.waiting(), Waiting { events: 2, bytes }, "it waits as before");
    world.run();
    assert_eq!(world.operator.waiting(), Waiting::default());
}
