//! Checkpoints: what they hold, and what is pruned after them.

use crate::harness::{App, World, add_then_double, fatal};
use weir_core::checkpoint::{EntryKey, EntrySpace};
use weir_core::event::KIND_INPUT;
use weir_core::key::Key;
use weir_core::store::log::AppendKind;

// [S24] [P7] [P8] [D5]
#[test]
fn states_are_pruned_with_tombstones_after_the_checkpoint_is_durable_and_not_before() {
    let mut world = add_then_double().start();
    world.input("k", "0");
    assert_eq!(world.log.names(), ["k_0", "k_0"]);
    let taken = world.begin_checkpoint();
    assert!(world.operator.take_appends().is_empty());
    assert_eq!(world.operator.store().len(), 2);
    world.complete_checkpoint(taken);
    world.acknowledge_all();
    assert!(world.operator.store().is_empty());
    assert_eq!(world.log.names(), [""; 0]);
}

// [S24] [P7] [S34]
#[test]
fn what_a_checkpoint_completed_may_be_pruned_by_and_by_and_is_when_the_next_is_taken() {
    let mut world = add_then_double().limits(|limits| limits.idle_keys_max = 0).start();
    let durable_checkpoint = |world: &mut World| {
        let taken = world.begin_checkpoint();
        let id = taken.0.id;
        world.write_checkpoint(taken);
        world.operator.on_checkpoint_durable(id);
    };
    ["a", "b", "c"].iter().for_each(|key| world.input(key, "1"));
    durable_checkpoint(&mut world);
    assert_eq!((world.operator.prunable(), world.operator.store().len()), (3, 6));
    assert!(world.operator.is_resident(&Key::from("a")));
    world.operator.prune(1);
    world.acknowledge_all();
    assert_eq!((world.operator.prunable(), world.operator.store().len()), (2, 4));
    assert!(!world.operator.is_resident(&Key::from("a")), "an idle key may go with its states");
    assert!(world.operator.is_resident(&Key::from("b")));
    assert_eq!(world.log.names(), ["b_0", "b_0", "c_0", "c_0"]);
    world.input("c", "2");
    world.operator.prune(2);
    world.acknowledge_all();
    assert_eq!(world.log.names(), ["c_1", "c_1"], "what came since is not pruned");
    assert!(world.operator.is_resident(&Key::from("c")), "nor is its key evicted");
    durable_checkpoint(&mut world);
    world.input("a", "3");
    world.begin_checkpoint();
    world.acknowledge_all();
    assert_eq!(world.log.names(), ["a_1", "a_1"]);
}

// [S24] [P7]
#[test]
fn a_sequence_number_in_flight_is_never_pruned() {
    let mut world = add_then_double().start();
    world.input("k", "0");
    world.send("k", "1");
    world.run_one();
    world.checkpoint();
    world.acknowledge_all();
    assert_eq!(world.log.names(), ["k_1"]);
    let taken = world.begin_checkpoint();
    world.run();
    world.complete_checkpoint(taken);
    world.acknowledge_all();
    assert_eq!(world.log.names(), ["k_1", "k_1"], "it completed after the checkpoint was taken");
    world.checkpoint();
    world.acknowledge_all();
    assert_eq!(world.log.names(), [""; 0]);
}

// [S24] [P7] [S22]
#[test]
fn an_aborted_checkpoint_prunes_nothing_and_its_changes_are_part_of_the_next() {
    let app = App::default().action("write", &[KIND_INPUT], |guest| {
        guest.set("a.b", guest.number())?;
        guest.set_sensory("c", 1)
    });
    let mut world = app.start();
    world.input("k", "5");
    let (aborted, _) = world.begin_checkpoint();
    assert!(!world.operator.has_changes());
    world.operator.on_checkpoint_aborted(aborted.id);
    assert!(world.operator.has_changes());
    assert_eq!(world.operator.store().len(), 1);
    assert!(world.operator.take_appends().is_empty());
    let (next, disk) = world.begin_checkpoint();
    assert_eq!(next.entries, aborted.entries);
    assert_ne!(next.id, aborted.id);
    world.complete_checkpoint((next, disk));
    world.kill();
    world.input("k", "6");
    assert_eq!(world.memory("k", "a.b").as_deref(), Some("6"));
    assert_eq!(world.completed_below("k"), 2);
}

// [P7] [S22]
#[test]
fn what_changes_between_an_aborted_checkpoint_and_the_next_is_in_the_next() {
    let app = App::default().action("write", &[KIND_INPUT], |guest| guest.set(&format!("f{}", guest.number()), 1));
    let mut world = app.start();
    world.input("k", "1");
    let (aborted, _) = world.begin_checkpoint();
    world.input("k", "2");
    world.operator.on_checkpoint_aborted(aborted.id);
    world.input("k", "3");
    world.checkpoint();
    assert_eq!(world.disk.count(EntrySpace::Memory), 3);
    assert_eq!(world.disk.header(&Key::from("k")).completed_below, 3);
}

// [S22]
#[test]
fn a_checkpoint_holds_what_changed_and_nothing_else() {
    let app = App::default().action("write", &[KIND_INPUT], |guest| {
        for n in 0..50 {
            if guest.get(&format!("f{n}")).is_none() {
                guest.set(&format!("f{n}"), 0)?;
            }
        }
        guest.set("f7", guest.number())
    });
    let mut world = app.start();
    world.input("k", "1");
    world.input("idle", "1");
    world.checkpoint();
    assert_eq!(world.disk.count(EntrySpace::Memory), 100);
    world.input("k", "2");
    let (taken, disk) = world.begin_checkpoint();
    let spaces: Vec<_> = taken.entries.iter().map(|entry| entry.space).collect();
    assert_eq!(spaces, [EntrySpace::Header, EntrySpace::Memory]);
    assert_eq!(taken.entries[1].value.as_deref(), Some(&b"=2"[..]));
    world.complete_checkpoint((taken, disk));
    let (taken, disk) = world.begin_checkpoint();
    assert!(taken.entries.is_empty());
    world.complete_checkpoint((taken, disk));
}

// [S22]
#[test]
fn removed_memory_is_removed_from_the_store_and_empty_objects_stay() {
    let app = App::default().action("write", &[KIND_INPUT], |guest| match guest.number() {
        0 => guest.set("a.b", 1),
        _ => {
            let scope = weir_core::memory::Scope::ShortTerm;
            assert_eq!(guest.invocation.memory_remove(scope, "a.b")?, Ok(true));
            guest.invocation.memory_new_object(scope, "empty")?.unwrap();
            Ok(())
        }
    });
    let mut world = app.start();
    world.input("k", "0");
    world.checkpoint();
    world.input("k", "1");
    world.checkpoint();
    world.kill();
    world.operator.on_key_loaded(&Key::from("k"), world.disk.of_key(&Key::from("k")), 5).unwrap();
    assert_eq!(world.memory("k", "").as_deref(), Some("{\"a\":{},\"empty\":{}}"));
}

// [S22]
#[test]
fn queues_are_written_once_and_removed_from_their_front() {
    let mut world = add_then_double().start();
    for n in 0..5 {
        world.send("k", &n.to_string());
    }
    world.checkpoint();
    world.send("k", "5");
    world.run_one();
    world.run_one();
    let (taken, disk) = world.begin_checkpoint();
    let pending: Vec<_> = taken.entries.iter().filter(|entry| entry.space == EntrySpace::Pending).collect();
    let numbers: Vec<_> = pending
        .iter()
        .map(|entry| match EntryKey::parse(entry.space, &entry.key).unwrap() {
            EntryKey::Ordinal(_, ordinal) => (ordinal, entry.value.is_some()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(numbers, [(1, false), (5, true)], "the one that started, and the new one");
    world.complete_checkpoint((taken, disk));
    world.kill();
    world.run();
    assert_eq!(world.outputs_of("k"), ["2", "4", "6", "8", "10", "12"]);
}

// [S33] [S21]
#[test]
fn a_checkpoint_waits_for_every_put_of_its_partition() {
    let mut world = add_then_double().start();
    world.send("k", "0");
    while world.run_one() {}
    let last = world.operator.undurable(&Key::from("k"));
    assert!(last.is_some());
    let (taken, disk) = world.begin_checkpoint();
    assert_eq!(taken.waits_for, last);
    world.complete_checkpoint((taken, disk));
    world.acknowledge_all();
    assert_eq!(world.operator.undurable(&Key::from("k")), None);
    let (taken, disk) = world.begin_checkpoint();
    assert_eq!(taken.waits_for, None);
    world.complete_checkpoint((taken, disk));
}

// [S23] [D8]
#[test]
fn the_marker_is_the_oldest_record_of_any_state_not_pruned() {
    let app = App::default().action("pay", &[KIND_INPUT], |guest| {
        guest.call("charge", "[]", Ok(crate::harness::json("1")))?.unwrap();
        guest.wait();
        match guest.number() {
            0 => Err(fatal("no").into()),
            _ => Ok(()),
        }
    });
    let mut world = app.start();
    world.input("a", "1");
    world.checkpoint();
    assert_eq!(world.disk.marker, 0, "taken before its states were pruned");
    world.acknowledge_all();
    world.checkpoint();
    assert_eq!(world.disk.marker, world.log.end, "with none, the end of what is acknowledged");
    let call = world.log.end;
    world.input("b", "0");
    world.input("a", "1");
    world.checkpoint();
    world.acknowledge_all();
    world.checkpoint();
    assert_eq!(world.disk.marker, call, "the superseded call result counts, and not the latest put");
}

// [S23]
#[test]
fn an_unacknowledged_put_counts_as_at_the_end_of_what_is_acknowledged() {
    let mut world = add_then_double().start();
    world.input("a", "0");
    world.checkpoint();
    world.acknowledge_all();
    let end = world.log.end;
    world.send("b", "0");
    while world.run_one() {}
    assert_eq!(world.operator.store().recovery_marker().0, end);
    world.acknowledge_all();
    assert_eq!(world.operator.store().recovery_marker().0, end);
}

// [P7]
#[test]
#[should_panic(expected = "the checkpoint in flight ends, and once")]
fn a_checkpoint_ends_once() {
    let mut world = add_then_double().start();
    world.input("a", "0");
    let (taken, _) = world.begin_checkpoint();
    world.operator.on_checkpoint_completed(taken.id);
    world.operator.on_checkpoint_completed(taken.id);
}

// [P7]
#[test]
#[should_panic(expected = "is in flight")]
fn at_most_one_checkpoint_is_in_flight() {
    let mut world = add_then_double().start();
    world.begin_checkpoint();
    world.begin_checkpoint();
}

// [S24]
#[test]
fn tombstones_name_records_by_the_highest_position_first() {
    let app = App::default().action("pay", &[KIND_INPUT], |guest| {
        for n in 0..3 {
            let outcome = Some(Ok(crate::harness::json("1")));
            guest.reconcilable("charge", &n.to_string(), outcome, None)?.unwrap();
        }
        Ok(())
    });
    let mut world = app.start();
    world.input("k", "0");
    let (taken, _) = world.begin_checkpoint();
    world.operator.on_checkpoint_completed(taken.id);
    let appends = world.operator.take_appends();
    assert!(appends.iter().all(|append| matches!(append.what, AppendKind::Tombstone(_))));
    let suffixes: Vec<_> = appends
        .iter()
        .map(|append| {
            let name = append.key.to_string();
            name.split_once('#').map_or(String::new(), |(_, suffix)| suffix.to_owned())
        })
        .collect();
    assert_eq!(suffixes, ["2?", "1?", "0?", "2", "1", "0", ""]);
}
