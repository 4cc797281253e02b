//! Recovery: restore, rebuild, and the same walk as before.

use crate::harness::{App, Ended, World, add_then_double, fatal, json};
use crate::repair::repair;
use weir_core::checkpoint::EntrySpace;
use weir_core::event::KIND_INPUT;
use weir_core::key::Key;
use weir_core::operator::Repair;

fn paying() -> App {
    App::default()
        .action("pay", &[KIND_INPUT], |guest| {
            let paid = guest.call("charge", "[1]", Ok(json("\"ok\"")))?.expect("it succeeds");
            let count = guest.get("count").map_or(0, |count| count.parse::<i64>().unwrap());
            guest.set("count", count + 1)?;
            guest.set_sensory("paid", paid)?;
            guest.emit("paid", count + 1)
        })
        .action("ship", &["paid"], |guest| {
            guest.call("send", "[]", Ok(json("null")))?.expect("it succeeds");
            assert_eq!(guest.get_sensory("paid").as_deref(), Some("\"ok\""));
            guest.emit("output", guest.number())
        })
}

// [S18] [P9] [D7] [S25]
#[test]
fn with_no_checkpoint_actions_and_calls_run_once_in_all() {
    let mut world = paying().start();
    for _ in 0..3 {
        world.input("k", "0");
    }
    let ids: Vec<_> = world.all_outputs().iter().map(|output| output.id).collect();
    world.kill();
    world.run();
    assert_eq!(world.outside.functions(), ["charge", "send", "charge", "send", "charge", "send"]);
    assert_eq!(world.outputs_of("k"), ["1", "2", "3"]);
    let again: Vec<_> = world.all_outputs().iter().map(|output| output.id).collect();
    assert_eq!(again, ids, "the same ids");
    assert_eq!(world.memory("k", "count").as_deref(), Some("3"));
    assert_eq!(world.operator.counters().actions_recovered, 6);
    assert_eq!(world.operator.counters().invocations, 0);
}

// [P9]
#[test]
fn restored_from_an_earlier_checkpoint_the_same_input_runs_each_body_once_in_all() {
    let mut world = paying().start();
    world.input("k", "0");
    world.checkpoint();
    world.input("k", "0");
    world.input("l", "0");
    world.kill();
    world.run();
    assert_eq!(world.outside.functions().len(), 6);
    assert_eq!(world.outputs_of("k"), ["1", "2"]);
    assert_eq!(world.outputs_of("l"), ["1"]);
    assert_eq!(world.memory("k", "count").as_deref(), Some("2"));
}

// [S18] [S14] [P3]: a run that was halfway at the checkpoint is not taken for a divergence.
#[test]
fn a_run_that_a_checkpoint_cut_in_two_goes_on_where_it_was() {
    let mut world = paying().start();
    world.send("k", "0");
    world.run_one();
    world.checkpoint();
    world.kill();
    world.run();
    assert_eq!(world.operator.counters().divergences, 0, "{:?}", world.reports);
    assert_eq!(world.outside.functions(), ["charge", "send"]);
    assert_eq!(world.outputs_of("k"), ["1"]);
    assert_eq!(world.completed_below("k"), 1);
    world.checkpoint();
    assert!(world.operator.store().is_empty());
}

// [P3]
#[test]
fn a_restored_key_survives_a_second_checkpoint_and_restore() {
    let mut world = paying().start();
    world.send("k", "0");
    world.send("k", "0");
    world.send("k", "0");
    world.run_one();
    world.checkpoint();
    world.kill();
    world.checkpoint();
    world.kill();
    world.run_one();
    world.checkpoint();
    world.lose_power();
    world.run();
    assert_eq!(world.outside.functions(), ["charge", "send", "charge", "send", "charge", "send"]);
    assert_eq!(world.outputs_of("k"), ["1", "2", "3"]);
    assert_eq!(world.operator.counters().divergences, 0);
}

// [S1] [S22]
#[test]
fn queued_tasks_and_pending_input_events_survive_in_the_checkpoint() {
    let mut world = add_then_double().start();
    for n in 0..4 {
        world.send("k", &n.to_string());
    }
    world.checkpoint();
    assert_eq!(world.disk.count(EntrySpace::Pending), 3);
    assert_eq!(world.disk.count(EntrySpace::Queued), 2, "the run, and its task");
    world.kill();
    assert_eq!(world.operator.counters().pending_events, 3);
    world.run();
    assert_eq!(world.outputs_of("k"), ["2", "4", "6", "8"]);
    world.checkpoint();
    assert_eq!((world.disk.count(EntrySpace::Pending), world.disk.count(EntrySpace::Queued)), (0, 0));
}

// [P10] [S18] [S5]
#[test]
fn a_completed_action_is_skipped_and_what_it_did_is_applied_whatever_component_wrote_it() {
    let mut world = paying().start();
    world.input("k", "0");
    let before = world.all_outputs();
    let app = App::default().action("pay", &[KIND_INPUT], |_| panic!("a completed action is not run again")).action(
        "ship",
        &["paid"],
        |_| panic!("a completed action is not run again"),
    );
    world.app = app;
    world.kill();
    world.run();
    assert_eq!(world.all_outputs(), before, "ids and lineage too");
    assert_eq!(world.memory("k", "count").as_deref(), Some("1"));
}

// [S2]
#[test]
fn recovery_uses_the_matches_that_were_recorded_and_not_the_plan_of_today() {
    let mut world = add_then_double().start();
    world.send("k", "0");
    world.run_one();
    world.acknowledge_all();
    world.app = world.app.clone().action("late", &["added"], |guest| guest.emit("output", 99));
    world.kill();
    world.run();
    assert_eq!(world.outputs_of("k"), ["2"], "the event was matched when its action completed");
    world.input("k", "1");
    assert_eq!(world.outputs_of("k"), ["2", "4", "99"]);
}

// [S21] [S13]
#[test]
fn calls_of_an_action_that_was_cut_off_are_replayed() {
    let app = App::default().action("pay", &[KIND_INPUT], |guest| {
        guest.call("charge", "[1]", Ok(json("1")))?.unwrap();
        guest.wait();
        if guest.now_ms == 1_000 {
            return Err(Ended::CutOff);
        }
        guest.call("send", "[2]", Ok(json("2")))?.unwrap();
        guest.emit("output", 0)
    });
    let mut world = app.start();
    world.input("k", "0");
    assert_eq!(world.log.names(), ["k_0#0"]);
    world.now_ms = 2_000;
    world.kill();
    world.run();
    assert_eq!(world.outside.functions(), ["charge", "send"]);
    assert_eq!(world.log.names(), ["k_0#0", "k_0"]);
    assert_eq!(world.outputs_of("k"), ["0"]);
}

// [S33]: a power loss forgets what no effect rested on, and the run is made again.
#[test]
fn what_was_not_durable_is_run_again_after_a_power_loss() {
    let mut world = paying().start();
    world.send("k", "0");
    while world.run_one() {}
    world.lose_power();
    world.run();
    assert_eq!(world.outside.functions(), ["charge", "send", "charge", "send"]);
    assert_eq!(world.outputs_of("k"), ["1"]);
}

// [S14]: an input event that is another one now.
#[test]
fn another_input_at_the_same_sequence_number_is_a_divergence() {
    let mut world = paying().start();
    world.input("k", "0");
    let mut other = World::start(paying());
    other.send("k", "7");
    world.source = other.source;
    world.kill();
    world.run();
    assert_eq!(world.operator.counters().divergences, 1);
    assert!(world.is_quarantined("k"));
    assert_eq!(world.outputs_of("k"), ["1"], "the run of the new event; what no task asked for has no effect");
}

// [S18]
#[test]
fn short_term_updates_are_applied_before_sensory_ones_and_both_in_order() {
    let app = App::default().action("write", &[KIND_INPUT], |guest| {
        guest.set("a", 1)?;
        guest.set_sensory("a", 2)?;
        guest.set("a", 3)?;
        guest.emit("check", 0)
    });
    let app = app.action("check", &["check"], |guest| {
        assert_eq!((guest.get("a").as_deref(), guest.get_sensory("a").as_deref()), (Some("3"), Some("2")));
        Ok(())
    });
    let mut world = app.start();
    world.input("k", "0");
    world.kill();
    world.run();
    assert_eq!(world.memory("k", "a").as_deref(), Some("3"));
    assert!(!world.operator.key_report(&Key::from("k")).unwrap().quarantined);
}

// [S18] [S14]
#[test]
fn a_completed_action_that_no_longer_fits_the_memory_of_its_key_is_a_divergence_and_not_a_crash() {
    let app = App::default()
        .action("make", &[KIND_INPUT], |guest| guest.set("a", 1))
        .action("clear", &[KIND_INPUT], |guest| {
            guest.invocation.memory_remove(weir_core::memory::Scope::ShortTerm, "a")?.unwrap();
            Ok(())
        })
        .action("nest", &[KIND_INPUT], |guest| guest.set("a.b", 2));
    let mut world = app.start();
    world.input("k", "0");
    world.app.actions.remove(1);
    world.kill();
    world.run();
    assert!(world.is_quarantined("k"));
    assert_eq!(world.memory("k", "").as_deref(), Some("{\"a\":1}"));
    let report = world.operator.quarantine_reports().remove(0);
    assert_eq!((report.action.as_str(), report.failure.failure.kind.as_str()), ("nest", "divergence"));
    for _ in 0..2 {
        world.kill();
        assert!(world.is_quarantined("k"));
    }
}

// [S14] [S23] [S25]: power is lost while the states of a quarantined run are put again, so that the state of the task
// that the checkpoint holds as done is the youngest of all.
#[test]
fn a_run_whose_states_were_put_again_in_part_goes_on_where_it_was() {
    let app = App::default()
        .action("one", &[KIND_INPUT], |guest| guest.emit("x", 0))
        .action("two", &["x"], |guest| guest.emit("y", 0))
        .action("three", &["y"], |_| Err(fatal("no").into()));
    let mut world = app.limits(|limits| limits.marker_lag_max = 1).start();
    world.send("k", "0");
    world.run_one();
    world.checkpoint();
    world.run();
    assert!(world.is_quarantined("k"));
    world.begin_checkpoint();
    world.take_appends();
    for _ in 0..2 {
        world.log.acknowledge_one().expect("the state of the first task is put again, and its old record removed");
    }
    world.lose_power();
    world.run();
    repair(&mut world, Repair::Skip);
    assert_eq!(world.operator.counters().divergences, 0, "{:?}", world.reports);
    assert_eq!(world.completed_below("k"), 1);
}

// [S14]: a deploy took an action away whose state is recorded, and a checkpoint cut the run in two after that.
#[test]
fn of_a_run_that_a_checkpoint_cut_in_two_only_what_no_task_asked_for_is_a_divergence() {
    let one_and_two = || {
        let app = App::default().action("one", &[KIND_INPUT], |guest| {
            guest.emit("x", 1)?;
            guest.emit("x", 2)
        });
        app.action("two", &["x"], |guest| guest.emit("output", guest.number()))
    };
    let mut world = one_and_two().action("gone", &[KIND_INPUT], |guest| guest.emit("output", 0)).start();
    world.send("k", "0");
    world.run_one();
    world.run_one();
    world.acknowledge_all();
    world.app = one_and_two();
    world.kill();
    world.run_one();
    world.checkpoint();
    world.kill();
    world.run();
    for again in [false, true] {
        if again {
            world.checkpoint();
            world.kill();
            world.run();
        }
        assert_eq!(world.outputs_of("k"), ["1", "2"]);
        let waiting = world.operator.quarantine_reports();
        assert_eq!(waiting.iter().map(|report| report.action.as_str()).collect::<Vec<_>>(), ["gone"]);
    }
}
