//! Keys that leave memory and come back.

use crate::harness::{App, World, add_then_double, fatal};
use weir_core::event::KIND_INPUT;
use weir_core::key::Key;

fn counting(idle_keys_max: usize) -> World {
    let app = App::default().action("count", &[KIND_INPUT], |guest| {
        let count = guest.get("count").map_or(0, |count| count.parse::<i64>().unwrap()) + 1;
        guest.set("count", count)?;
        guest.emit("output", count)
    });
    app.limits(|limits| limits.idle_keys_max = idle_keys_max).start()
}

// [S34]
#[test]
fn idle_keys_are_evicted_the_longest_idle_first_and_loaded_again_when_an_event_comes() {
    let mut world = counting(2);
    for key in ["a", "b", "c", "d"] {
        world.input(key, "0");
        world.checkpoint();
    }
    let resident: Vec<_> = ["a", "b", "c", "d"].map(|key| world.operator.is_resident(&Key::from(key))).into();
    assert_eq!(resident, [false, false, true, true]);
    assert_eq!(world.operator.counters().keys_resident, 2);
    world.take_seen();
    world.input("a", "0");
    assert_eq!(world.take_seen(), ["load a", "invoke count a/1 attempt 1", "emit 2 a/1"]);
}

// [S34]
#[test]
fn a_key_changed_since_the_last_durable_checkpoint_stays() {
    let mut world = counting(0);
    world.input("a", "0");
    let taken = world.begin_checkpoint();
    assert!(world.operator.is_resident(&Key::from("a")));
    world.input("a", "0");
    world.complete_checkpoint(taken);
    assert!(world.operator.is_resident(&Key::from("a")), "it changed while the checkpoint was on its way");
    let (aborted, _) = world.begin_checkpoint();
    world.operator.on_checkpoint_aborted(aborted.id);
    assert!(world.operator.is_resident(&Key::from("a")));
    world.checkpoint();
    assert!(!world.operator.is_resident(&Key::from("a")));
    world.input("a", "0");
    assert_eq!(world.outputs_of("a"), ["1", "2", "3"]);
}

// [S34]
#[test]
fn running_and_quarantined_keys_are_never_evicted() {
    let app = App::default().action("fails", &[KIND_INPUT], |_| Err(fatal("no").into()));
    let mut world = app.limits(|limits| limits.idle_keys_max = 0).start();
    world.input("bad", "0");
    world.send("running", "0");
    world.checkpoint();
    world.checkpoint();
    assert!(world.operator.is_resident(&Key::from("bad")));
    assert!(world.operator.is_resident(&Key::from("running")));
}

// [S34]
#[test]
fn a_key_that_was_only_looked_at_is_evicted_too() {
    let mut world = counting(0);
    world.input("a", "0");
    world.checkpoint();
    let entries = world.disk.of_key(&Key::from("a"));
    world.operator.on_key_loaded(&Key::from("a"), entries, 5).unwrap();
    assert!(world.operator.is_resident(&Key::from("a")));
    world.checkpoint();
    assert!(!world.operator.is_resident(&Key::from("a")));
}

// [S34] [P8]
#[test]
fn nothing_of_a_key_is_kept_after_it_was_pruned_and_evicted() {
    let mut world = add_then_double().limits(|limits| limits.idle_keys_max = 0).start();
    for n in 0..20 {
        world.input(&format!("k{n}"), "0");
    }
    world.checkpoint();
    world.acknowledge_all();
    assert_eq!(world.operator.counters().keys_resident, 0);
    assert_eq!(world.operator.store().keys().count(), 0);
    assert_eq!(world.log.names(), [""; 0]);
}
