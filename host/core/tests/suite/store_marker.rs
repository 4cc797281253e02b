//! The recovery marker: the oldest record of any state that is not pruned.

use crate::harness::{Log, json, name};
use crate::store::{acknowledge, call, completed, state_key, store};
use std::collections::BTreeMap;
use weir_core::action_state::{ActionState, CallPut, CallStatus};
use weir_core::event::SequenceNumber;
use weir_core::key::Key;
use weir_core::store::log::Position;

// [S23]
#[test]
fn states_put_again_keep_their_order_and_no_longer_hold_the_marker_back() {
    let mut store = store();
    let mut log = Log::default();
    let pending = CallStatus::Pending { effect_ends_at_ms: 5 };
    // Their names sort the other way round.
    let (first, second) = (state_key("k", 0, 9, "a"), state_key("k", 0, 1, "b"));
    store.put(&first, completed("a")).unwrap();
    let puts = vec![
        CallPut::Put(0, call("f", pending.clone())),
        CallPut::Put(0, call("f", CallStatus::Succeeded(json("1")))),
        CallPut::Put(1, call("g", pending)),
    ];
    store.put_calls(&second, || ActionState::started(name("b"), 1), puts);
    for number in 0..4 {
        store.put(&state_key("other", number, 1, "a"), completed("a")).unwrap();
    }
    acknowledge(&mut store, &mut log);
    assert_eq!((log.end, store.recovery_marker()), (8, Position(0)));
    store.put_laggards_again(&Key::from("k"), 8);
    assert!(!store.has_appends(), "it does not lag by more");
    store.put_laggards_again(&Key::from("k"), 7);
    assert_eq!(store.recovery_marker(), Position(4), "of the other key");
    acknowledge(&mut store, &mut log);
    store.prune(&Key::from("other"), SequenceNumber(9));
    acknowledge(&mut store, &mut log);
    assert_eq!(store.recovery_marker(), Position(8));
    let names = ["k_0", "k_0#0", "k_0#1?"];
    assert_eq!(log.names(), names, "what was superseded is not put again");
    assert_eq!(log.records.keys().copied().collect::<Vec<_>>(), [8, 9, 10]);
    store.put_laggards_again(&Key::from("unknown"), 0);
    store.put_again(&state_key("k", 7, 1, "a"));
    assert!(!store.has_appends());
}

// [S23]
#[test]
fn records_that_are_not_acknowledged_do_not_lag() {
    let mut store = store();
    store.put(&state_key("k", 0, 1, "a"), completed("a")).unwrap();
    store.take_appends();
    store.put_laggards_again(&Key::from("k"), 0);
    assert!(!store.has_appends());
}

// [S23] [P17]
#[test]
fn the_marker_follows_the_oldest_record_in_any_order_of_pruning() {
    let mut store = store();
    let mut log = Log::default();
    let mut live = BTreeMap::new();
    for n in 0..200u64 {
        let key = format!("k{}", n % 7);
        store.put(&state_key(&key, n, 1, "a"), completed("a")).unwrap();
        acknowledge(&mut store, &mut log);
        live.insert(n, key);
        if n % 3 == 0 {
            let victim = format!("k{}", (n * 5) % 7);
            store.prune(&Key::from(victim.as_str()), SequenceNumber(n / 2));
            live.retain(|number, key| *key != victim || *number >= n / 2);
            acknowledge(&mut store, &mut log);
        }
        let oldest = live.keys().next().map_or(log.end, |oldest| *oldest);
        assert_eq!(store.recovery_marker(), Position(oldest), "after {n}");
        assert_eq!(store.len(), live.len());
    }
}
