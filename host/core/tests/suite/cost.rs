//! What operations of the action-state store cost, by the number of states in it.

use crate::harness::Log;
use crate::store::{acknowledge, completed, state_key, store};
use weir_core::action_state::StateKey;
use weir_core::event::SequenceNumber;
use weir_core::id::EventId;

/// The least time that a get, a miss, a put and a prune take together, of many rounds, with so many states in the store.
#[expect(clippy::disallowed_types, clippy::disallowed_methods, reason = "what an operation costs is told by a clock")]
fn least_cost(states: u64) -> std::time::Duration {
    let (keys, mut store, mut log) = (states / 4, store(), Log::default());
    let name = |n: u64| state_key(&format!("device-{}", n % keys), n / keys, 1, "a");
    for n in 0..states {
        store.put(&name(n), completed("a")).unwrap();
    }
    acknowledge(&mut store, &mut log);
    let round = |n: u64| {
        let (next, oldest) = (name(states + n), name(n));
        let missing = StateKey { event: EventId([9; 16]), ..oldest.clone() };
        let began_at = std::time::Instant::now();
        assert!(store.get(&oldest).is_some() && store.get(&missing).is_none());
        store.put(&next, completed("a")).unwrap();
        store.prune(&oldest.key, SequenceNumber(oldest.sequence_number.0 + 1));
        began_at.elapsed()
    };
    let least = (0..200).map(round).min().unwrap();
    assert_eq!(store.len() as u64, states, "each round put one and pruned one");
    least
}

// [D2] [D4] [S24]
#[test]
fn no_operation_costs_more_where_there_are_more_states() {
    let (few, many) = (least_cost(1_000), least_cost(200_000));
    assert!(many < few * 20, "{few:?} at 1,000 states, {many:?} at 200,000: a scan would cost 200 times as much");
}
