//! Kinds that no action listens to.

use crate::harness::{App, World};
use weir_core::event::KIND_INPUT;

// [S2]
#[test]
fn a_kind_that_no_action_listens_to_is_told_once_whether_its_events_came_or_were_emitted() {
    let app = App::default().action("echo", &[KIND_INPUT], |guest| {
        guest.emit("tpyed", 1)?;
        guest.emit("output", 2)
    });
    let mut world = app.start();
    for key in ["a", "b"] {
        world.send_event(key, "mistyped", "0", None);
        world.input(key, "0");
    }
    let unheard = |world: &mut World| {
        let seen = world.take_seen();
        seen.into_iter().filter(|line| line.starts_with("unheard")).collect::<Vec<_>>()
    };
    assert_eq!(unheard(&mut world), ["unheard mistyped", "unheard tpyed"]);
    assert_eq!(world.operator.counters().events_unheard, 4);
    assert_eq!((world.completed_below("a"), world.outputs_of("b").len()), (2, 1));
    for n in 0..40 {
        world.send_event("a", &format!("kind {n}"), "0", None);
    }
    assert_eq!(unheard(&mut world).len(), 15, "17 in all are remembered");
    assert_eq!(world.operator.counters().events_unheard, 44);
}

// [S2]
#[test]
fn a_recorded_event_that_an_action_listens_to_by_now_is_not_told() {
    let app = App::default().action("echo", &[KIND_INPUT], |guest| guest.emit("new", 1));
    let mut world = app.action("later", &["other"], |_| Ok(())).start();
    world.input("a", "0");
    assert_eq!(world.take_seen().last().map(String::as_str), Some("unheard new"));
    world.app.actions[1].listens_to = vec!["new".to_owned()];
    world.kill();
    world.run();
    let seen = world.take_seen();
    assert!(!seen.iter().any(|line| line.starts_with("unheard")), "{seen:?}");
    assert_eq!((world.operator.counters().actions_recovered, world.operator.counters().events_unheard), (1, 1));
}
