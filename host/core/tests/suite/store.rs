//! The action-state store: put, get, prune, marker, and what it appends.

use crate::harness::{Log, json, name};
use weir_core::action_state::{ActionState, CallPut, CallResult, CallStatus, StateKey};
use weir_core::event::{PartitionId, SequenceNumber};
use weir_core::id::{ActionId, EventId};
use weir_core::key::Key;
use weir_core::store::ActionStateStore;
use weir_core::store::log::{Acknowledged, AppendKind, Position, RecordPlace, Ticket};

pub fn store() -> ActionStateStore {
    ActionStateStore::new(PartitionId(0), Position(0), 1 << 20)
}

pub fn state_key(key: &str, number: u64, event: u8, action: &str) -> StateKey {
    StateKey {
        key: Key::from(key),
        sequence_number: SequenceNumber(number),
        event: EventId([event; 16]),
        action: ActionId::of_name(action),
    }
}

pub fn completed(action: &str) -> ActionState {
    ActionState { completed: true, ..ActionState::started(name(action), 1) }
}

pub fn call(function: &str, status: CallStatus) -> CallResult {
    CallResult {
        function_id: function.into(),
        arguments_digest: [0; 32],
        retryable: false,
        completed_at_ms: if matches!(status, CallStatus::Pending { .. }) { 0 } else { 1 },
        status,
    }
}

pub fn acknowledge(store: &mut ActionStateStore, log: &mut Log) {
    log.append(store.take_appends());
    while let Some(acknowledged) = log.acknowledge_one() {
        store.on_acknowledged(acknowledged);
    }
}

// [P17]
#[test]
fn what_was_put_is_got_and_what_was_not_is_not_there() {
    let mut store = store();
    let key = state_key("k", 1, 1, "a");
    assert_eq!(store.get(&key), None);
    assert!(store.is_empty() && !store.has_appends());
    store.put(&key, completed("a")).unwrap();
    assert!(store.get(&key).unwrap().completed);
    assert_eq!((store.len(), store.is_empty(), store.has_appends()), (1, false, true));
    for other in [
        state_key("K", 1, 1, "a"),
        state_key("k", 2, 1, "a"),
        state_key("k", 1, 2, "a"),
        state_key("k", 1, 1, "b"),
        state_key("unknown", 1, 1, "a"),
    ] {
        assert_eq!(store.get(&other), None, "{other}");
    }
}

// [D1] [D2] [D3] [S19]
#[test]
fn keys_that_look_alike_do_not_meet() {
    let mut store = store();
    let keys = ["tenant", "tenant_user", "tenant_user_1", "_", "", "tenant_1", "a#0", "a#0?"];
    for key in keys {
        for number in 0..3 {
            store.put(&state_key(key, number, 1, "a"), completed("a")).unwrap();
            store.put(&state_key(key, number, 1, "b"), completed("b")).unwrap();
        }
    }
    assert_eq!(store.get(&state_key("tenant_use", 0, 1, "a")), None);
    assert_eq!(store.len(), keys.len() * 6, "a get of what is not there drops nothing");
    store.prune(&Key::from("tenant"), SequenceNumber(2));
    assert_eq!(store.len(), keys.len() * 6 - 4);
    assert_eq!(store.states_of(&Key::from("tenant")).len(), 2);
    assert_eq!(store.states_of(&Key::from("tenant_user")).len(), 6);
    assert_eq!(store.states_of(&Key::from("tenant_1")).len(), 6);
}

// [S24] [P17] [D5]
#[test]
fn prune_forgets_below_a_sequence_number_with_a_tombstone_for_each_record_key() {
    let mut store = store();
    let mut log = Log::default();
    for number in 0..3 {
        let key = state_key("k", number, 1, "a");
        let puts = vec![CallPut::Put(0, call("f", CallStatus::Succeeded(json("1"))))];
        store.put_calls(&key, || ActionState::started(name("a"), 1), puts);
        store.put(&key, ActionState::started(name("a"), 1)).unwrap();
        store.put(&key, completed("a")).unwrap();
    }
    acknowledge(&mut store, &mut log);
    assert_eq!(log.records.len(), 9);
    store.prune(&Key::from("k"), SequenceNumber(2));
    let appends = store.take_appends();
    let places: Vec<_> = appends.iter().map(|append| append.what.clone()).collect();
    let at =
        |positions: &[u64]| AppendKind::Tombstone(positions.iter().map(|at| RecordPlace::At(Position(*at))).collect());
    assert_eq!(places, [at(&[0]), at(&[1, 2]), at(&[3]), at(&[4, 5])]);
    log.append(appends);
    acknowledge(&mut store, &mut log);
    assert_eq!(log.names(), ["k_2#0", "k_2", "k_2"]);
    assert_eq!(store.recovery_marker(), Position(6));
    store.prune(&Key::from("unknown"), SequenceNumber(9));
    assert!(!store.has_appends());
}

// [S24]
#[test]
fn a_tombstone_of_a_record_that_is_not_acknowledged_names_its_ticket() {
    let mut store = store();
    let mut log = Log::default();
    let key = state_key("k", 0, 1, "a");
    store.put(&key, completed("a")).unwrap();
    store.prune(&Key::from("k"), SequenceNumber(1));
    let appends = store.take_appends();
    assert_eq!(appends[1].what, AppendKind::Tombstone([RecordPlace::Unacknowledged(Ticket(0))].into_iter().collect()));
    log.append(appends);
    acknowledge(&mut store, &mut log);
    assert_eq!(log.names(), [""; 0]);
    assert_eq!(store.recovery_marker(), Position(1));
    assert_eq!(store.keys().count(), 0);
}

// [S26]
#[test]
#[should_panic(expected = "a gap in the acknowledgements")]
fn a_gap_in_the_acknowledgements_is_fatal() {
    let mut store = store();
    store.put(&state_key("k", 0, 1, "a"), completed("a")).unwrap();
    store.put(&state_key("k", 1, 1, "a"), completed("a")).unwrap();
    store.on_acknowledged(Acknowledged { partition: PartitionId(0), ticket: Ticket(1), position: Position(0) });
}

// [S26]
#[test]
#[should_panic(expected = "never made")]
fn an_acknowledgement_of_nothing_is_fatal() {
    store().on_acknowledged(Acknowledged { partition: PartitionId(0), ticket: Ticket(0), position: Position(0) });
}

// [S26]
#[test]
#[should_panic(expected = "positions of a log grow")]
fn a_position_that_comes_again_is_fatal() {
    let mut store = store();
    for (ticket, position) in [(0, 5), (1, 5)] {
        store.put(&state_key("k", ticket, 1, "a"), completed("a")).unwrap();
        store.on_acknowledged(Acknowledged {
            partition: PartitionId(0),
            ticket: Ticket(ticket),
            position: Position(position),
        });
    }
}

// [S26]
#[test]
fn a_record_too_large_is_refused_before_it_is_put() {
    let mut store = ActionStateStore::new(PartitionId(0), Position(0), 8_000);
    let key = state_key("k", 0, 1, "a");
    let mut state = completed("a");
    state.component = "x".repeat(7_500).into();
    let error = store.put(&key, state.clone()).unwrap_err();
    assert!(error.to_string().contains("is over limits.record_bytes_max"), "{error}");
    assert!(error.to_string().starts_with("put action state k_0_"), "{error}");
    assert_eq!(error.max, 8_000 - 1_024, "a completed state leaves room for a decision");
    assert!(store.get(&key).is_none() && !store.has_appends());
    state.component = "x".repeat(6_900).into();
    store.put(&key, state).unwrap();
}

// [S26]
#[test]
fn a_completion_that_is_refused_leaves_nothing_of_a_key_that_was_not_known() {
    let mut store = ActionStateStore::new(PartitionId(0), Position(0), 8_000);
    let mut state = ActionState { component: "x".repeat(8_000).into(), ..completed("a") };
    let put = store.put_completed(&state_key("k", 0, 1, "a"), &mut state, |_, _| unreachable!("nothing is known"));
    assert!(put.is_err() && !store.has_appends());
    assert_eq!(store.keys().count(), 0);
}

// [S26] [S29]
#[test]
fn a_state_leaves_room_for_a_decision_as_long_as_one_may_come() {
    use weir_core::action_state::{Decision, Failed};
    use weir_core::failure::{ActionFailure, Failure, FailureClass};
    let failed = |decision| Failed {
        attempts: 1,
        failure: ActionFailure { class: FailureClass::Fatal, failure: Failure::fatal("k", "m") },
        decision,
        repairs: 1,
        not_before_ms: 0,
    };
    let size = |state: &ActionState| weir_core::action_state::encode_state(state).len();
    for (completed, decision, room) in [
        (true, None, false),
        (true, Some(Decision::Retry), true),
        (true, Some(Decision::Quarantine), false),
        (false, Some(Decision::Retry), false),
        (false, Some(Decision::Skip), false),
        (false, None, false),
    ] {
        let state = ActionState { completed, failed: Some(failed(decision)), ..ActionState::started(name("a"), 1) };
        let mut exact = ActionStateStore::new(PartitionId(0), Position(0), size(&state));
        let put = exact.put(&state_key("k", 0, 1, "a"), state);
        assert_eq!(put.is_err(), room, "{completed} {decision:?}");
    }
    let state = ActionState::started(name("a"), 1);
    let mut small = ActionStateStore::new(PartitionId(0), Position(0), size(&state) * 2);
    small.put(&state_key("k", 0, 1, "a"), state).expect("the room is a quarter of a small record at most");
}

// [S10]
#[test]
fn the_start_is_put_unless_a_record_tells_it_already() {
    let start = || ActionState::started(name("a"), 77);
    let mut store = store();
    let key = state_key("k", 0, 1, "a");
    store.put_calls(&key, start, vec![CallPut::Start, CallPut::Start]);
    assert_eq!(store.take_appends().len(), 1);
    assert_eq!(store.get(&key).unwrap().started_at_ms, 77);
    let other = state_key("k", 1, 1, "a");
    let puts = vec![CallPut::Put(0, call("f", CallStatus::Succeeded(json("1")))), CallPut::Start];
    store.put_calls(&other, start, puts);
    assert_eq!(store.take_appends().len(), 1, "the record of a call tells it");
}

// [S13] [S14]
#[test]
fn dropping_a_call_takes_its_pending_record_first_and_then_its_outcome() {
    let mut store = store();
    let mut log = Log::default();
    let key = state_key("k", 0, 1, "a");
    let pending = CallStatus::Pending { effect_ends_at_ms: 5 };
    let puts = vec![
        CallPut::Put(0, call("f", CallStatus::Succeeded(json("1")))),
        CallPut::Put(1, call("g", pending)),
        CallPut::Put(1, call("g", CallStatus::Succeeded(json("2")))),
    ];
    store.put_calls(&key, || ActionState::started(name("a"), 1), puts);
    acknowledge(&mut store, &mut log);
    store.put_calls(&key, || unreachable!("the state is there"), vec![CallPut::Drop(1)]);
    let appends = store.take_appends();
    let suffix = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap().split_once('#').unwrap().1.to_owned();
    assert_eq!(appends.iter().map(|append| suffix(&append.key.to_bytes())).collect::<Vec<_>>(), ["1?", "1"]);
    log.append(appends);
    acknowledge(&mut store, &mut log);
    assert_eq!(log.names(), ["k_0#0"]);
    assert_eq!(store.get(&key).unwrap().call_results.iter().map(|(position, _)| position).collect::<Vec<_>>(), [0]);
    store.put_calls(&key, || unreachable!("the state is there"), vec![CallPut::Drop(7)]);
    store.drop_call(&state_key("other", 0, 1, "a"), 0);
    store.drop_call(&state_key("k", 9, 1, "a"), 0);
    assert!(!store.has_appends());
}

// [S21]
#[test]
fn a_put_that_is_not_a_completion_keeps_the_calls_and_a_completion_clears_them() {
    let mut store = store();
    let key = state_key("k", 0, 1, "a");
    let start = || ActionState::started(name("a"), 42);
    store.put_calls(&key, start, vec![CallPut::Put(0, call("f", CallStatus::Succeeded(json("1"))))]);
    assert_eq!(store.get(&key).unwrap().started_at_ms, 42);
    store.put(&key, start()).unwrap();
    assert_eq!(store.get(&key).unwrap().call_results.len(), 1);
    store.put(&key, completed("a")).unwrap();
    assert!(store.get(&key).unwrap().call_results.is_empty());
}

// [S33] [D11]
#[test]
fn tickets_tell_what_is_not_durable_of_a_key_and_of_the_partition() {
    let mut store = store();
    let mut log = Log::default();
    assert_eq!((store.undurable_any(), store.first_unacknowledged()), (None, Ticket(0)));
    store.put(&state_key("a", 0, 1, "a"), completed("a")).unwrap();
    store.put(&state_key("b", 0, 1, "a"), completed("a")).unwrap();
    store.put(&state_key("a", 1, 1, "a"), completed("a")).unwrap();
    let of = |store: &ActionStateStore, key: &str| store.undurable(&Key::from(key));
    assert_eq!((of(&store, "a"), of(&store, "b"), of(&store, "c")), (Some(Ticket(2)), Some(Ticket(1)), None));
    assert_eq!(store.undurable_any(), Some(Ticket(2)));
    log.append(store.take_appends());
    store.on_acknowledged(log.acknowledge_one().unwrap());
    store.on_acknowledged(log.acknowledge_one().unwrap());
    assert_eq!((of(&store, "a"), of(&store, "b")), (Some(Ticket(2)), None));
    assert_eq!(store.first_unacknowledged(), Ticket(2));
    store.on_acknowledged(log.acknowledge_one().unwrap());
    assert_eq!((of(&store, "a"), store.undurable_any()), (None, None));
}

// [P8] [S24]
#[test]
fn a_key_without_states_is_forgotten_when_its_last_append_is_durable_and_not_before() {
    let mut store = store();
    let mut log = Log::default();
    store.put(&state_key("k", 0, 1, "a"), completed("a")).unwrap();
    acknowledge(&mut store, &mut log);
    store.prune(&Key::from("k"), SequenceNumber(1));
    assert_eq!(store.undurable(&Key::from("k")), Some(Ticket(1)), "its effects wait for the tombstone");
    acknowledge(&mut store, &mut log);
    assert_eq!(store.keys().count(), 0);
    assert_eq!(store.undurable(&Key::from("k")), None);
}

// [P8] [S14] [S24]
#[test]
fn a_key_whose_only_call_was_dropped_is_forgotten_with_its_state() {
    let forgets: [fn(&mut ActionStateStore, &StateKey); 2] =
        [|store, key| store.prune(&key.key, SequenceNumber(1)), ActionStateStore::drop_state];
    for forget in forgets {
        let mut store = store();
        let mut log = Log::default();
        let key = state_key("k", 0, 1, "a");
        let puts = vec![CallPut::Put(0, call("f", CallStatus::Succeeded(json("1")))), CallPut::Drop(0)];
        store.put_calls(&key, || ActionState::started(name("a"), 1), puts);
        acknowledge(&mut store, &mut log);
        assert_eq!((log.names().len(), store.keys().count()), (0, 1));
        forget(&mut store, &key);
        assert_eq!(store.keys().count(), 0);
    }
}

// [S14]
#[test]
fn a_state_that_is_dropped_leaves_no_record() {
    let mut store = store();
    let mut log = Log::default();
    let key = state_key("k", 0, 1, "a");
    store.put_calls(
        &key,
        || ActionState::started(name("a"), 1),
        vec![CallPut::Put(0, call("f", CallStatus::Succeeded(json("1"))))],
    );
    store.put(&key, completed("a")).unwrap();
    acknowledge(&mut store, &mut log);
    store.drop_state(&state_key("k", 1, 1, "a"));
    store.drop_state(&state_key("l", 0, 1, "a"));
    assert!(!store.has_appends());
    store.drop_state(&key);
    acknowledge(&mut store, &mut log);
    assert_eq!(log.names(), [""; 0]);
    assert!(store.is_empty());
}
