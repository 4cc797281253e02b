//! Pending calls of an earlier owner, and of this one: each by the clock of the host that looks.

use crate::harness::{App, json, retryable};
use crate::owned::{first_owner, operator_of};
use weir_core::event::{Event, InputEvent, SourcePosition};
use weir_core::id::EventId;
use weir_core::invocation::{CallMode, GuestEnd, Invocation, NextStep};
use weir_core::key::Key;
use weir_core::operator::{Command, Operator};
use weir_core::store::ActionStateStore;

fn invoked(app: &App, store: ActionStateStore, now_ms: u64) -> (Operator, Box<Invocation>) {
    let mut operator = operator_of(app, store);
    let payload = json("1");
    let input = InputEvent {
        key: Key::from("k"),
        event: Event { id: EventId::of_input("t", b"0", payload.as_str().as_bytes()), kind: "input".into(), payload },
        position: SourcePosition(0),
        timestamp_ms: None,
        headers: std::sync::Arc::from([]),
    };
    operator.on_input_event(input, now_ms);
    operator.on_key_loaded(&Key::from("k"), Vec::new(), now_ms).unwrap();
    let invocation = invocation_of(&mut operator);
    (operator, invocation)
}

fn invocation_of(operator: &mut Operator) -> Box<Invocation> {
    let invocation = operator.take_commands().into_iter().find_map(|command| match command {
        Command::Invoke(invocation) => Some(invocation),
        _ => None,
    });
    invocation.expect("the action is invoked")
}

// [S13] [S32]: clocks of hosts are not synchronised.
#[test]
fn a_call_that_an_older_owner_left_pending_is_reconciled_by_the_clock_of_this_one() {
    let app = App::default().action("x", &["input"], |_| Ok(()));
    for now_ms in [900_000, 5_000] {
        let (store, mut topic) = first_owner();
        let (mut first, mut invocation) = invoked(&app, store, 50_000);
        invocation.begin("f", "1", CallMode::Reconcilable, 50_000).unwrap();
        first.on_call_puts(&Key::from("k"), invocation.id(), invocation.take_puts());
        for append in first.take_appends() {
            topic.append(append);
        }
        topic.fence(2);
        let (mut second, mut invocation) = invoked(&app, topic.rebuild(2, 0, 0, 0).unwrap(), now_ms);
        let begun = invocation.begin("f", "1", CallMode::Reconcilable, now_ms + 7).unwrap();
        assert_eq!(begun.step, NextStep::Reconcile { not_before_ms: now_ms + 30_000 }, "a whole effect from here on");
        let ended = invocation.finish(GuestEnd::Returned(Err(retryable("later"))));
        second.on_invocation_ended(&Key::from("k"), ended, now_ms + 8);
        second.on_retry_due(&Key::from("k"), now_ms + 2_000);
        let begun = invocation_of(&mut second).begin("f", "1", CallMode::Reconcilable, now_ms + 2_000).unwrap();
        assert_eq!(
            begun.step,
            NextStep::Reconcile { not_before_ms: now_ms + 30_000 },
            "another attempt waits no longer"
        );
    }
}

// [S13] [S32]
#[test]
fn a_call_that_this_owner_left_pending_is_reconciled_when_its_own_effect_has_ended() {
    let app = App::default().action("x", &["input"], |_| Ok(()));
    let (store, mut topic) = first_owner();
    let (mut first, mut invocation) = invoked(&app, store, 50_000);
    let begun = invocation.begin("before", "1", CallMode::Plain, 50_000).unwrap();
    invocation.complete(begun.position, Ok(json("1")), 50_000).unwrap();
    first.on_call_puts(&Key::from("k"), invocation.id(), invocation.take_puts_before_waiting());
    for append in first.take_appends() {
        topic.append(append);
    }
    topic.fence(2);
    let (mut second, mut invocation) = invoked(&app, topic.rebuild(2, 0, 0, 0).unwrap(), 60_000);
    let replayed = invocation.begin("before", "1", CallMode::Plain, 60_000).unwrap();
    assert!(matches!(replayed.step, NextStep::Replay(Ok(_))), "{replayed:?}");
    assert_eq!(invocation.begin("f", "1", CallMode::Reconcilable, 60_000).unwrap().step, NextStep::Execute);
    let ended = invocation.finish(GuestEnd::Trapped("unreachable executed".to_owned()));
    second.on_invocation_ended(&Key::from("k"), ended, 60_000);
    second.on_retry_due(&Key::from("k"), 61_000);
    let mut again = invocation_of(&mut second);
    again.begin("before", "1", CallMode::Plain, 61_000).unwrap();
    let begun = again.begin("f", "1", CallMode::Reconcilable, 61_000).unwrap();
    assert_eq!(begun.step, NextStep::Reconcile { not_before_ms: 60_000 + 30_000 }, "it is of this owner's clock");
}
