//! Memory as a guest sees it.

use crate::calls::fresh;
use crate::harness::json;
use proptest::prelude::*;
use weir_core::event::PartitionId;
use weir_core::invocation::{GuestEnd, InvocationResult};
use weir_core::memory::{MemoryError, MemoryUpdate, Scope};
use weir_core::partition::{murmur2, partition_of};

// [S8]
#[test]
fn an_action_reads_its_own_updates() {
    let mut guest = fresh();
    let scope = Scope::ShortTerm;
    guest.memory_set(scope, "order.items.count", "3").unwrap().unwrap();
    guest.memory_set(scope, "order.a\\.b", "{\"x\": 1}").unwrap().unwrap();
    guest.memory_new_object(scope, "order.empty").unwrap().unwrap();
    let order = guest.memory_get(scope, "order").unwrap().unwrap();
    assert_eq!(order.as_str(), "{\"a.b\":{\"x\": 1},\"empty\":{},\"items\":{\"count\":3}}");
    let fields = guest.memory_fields(scope, "order").unwrap();
    assert_eq!(fields, Some(vec!["a.b".to_owned(), "empty".to_owned(), "items".to_owned()]));
    assert_eq!(guest.memory_fields(scope, "order.items.count"), Ok(None));
    assert_eq!(guest.memory_exists(scope, "order.items"), Ok(true));
    assert_eq!(guest.memory_exists(scope, "order.other"), Ok(false));
    assert_eq!(guest.memory_get(scope, "order.a\\.b.x"), Ok(None), "paths do not reach into values");
    assert_eq!(guest.memory_get(Scope::Sensory, "order"), Ok(None), "scopes are apart");
    assert_eq!(guest.memory_remove(scope, "order.items").unwrap(), Ok(true));
    assert_eq!(guest.memory_remove(scope, "order.items").unwrap(), Ok(false));
    assert_eq!(guest.memory_get(scope, "").unwrap().unwrap().as_str(), "{\"order\":{\"a.b\":{\"x\": 1},\"empty\":{}}}");
}

// [S8]
#[test]
fn setting_over_an_object_or_below_a_leaf_is_an_error_that_the_guest_gets() {
    let mut guest = fresh();
    let scope = Scope::Sensory;
    guest.memory_set(scope, "a.b", "1").unwrap().unwrap();
    for path in ["a", "", "a.b.c"] {
        let error = guest.memory_set(scope, path, "2").unwrap().unwrap_err();
        assert!(matches!(error, MemoryError::TypeMismatch(_)), "{path}: {error}");
    }
    let error = guest.memory_new_object(scope, "a.b").unwrap().unwrap_err();
    assert!(matches!(error, MemoryError::TypeMismatch(_)), "{error}");
    for path in ["a..b", ".", "a\\b"] {
        assert!(matches!(guest.memory_get(scope, path), Err(MemoryError::InvalidPath(_))), "{path}");
        assert!(matches!(guest.memory_set(scope, path, "1").unwrap(), Err(MemoryError::InvalidPath(_))), "{path}");
    }
    assert_eq!(guest.memory_get(scope, "a.b"), Ok(Some(json("1"))));
}

// [S7] [S8]
#[test]
fn only_what_changed_memory_is_recorded_in_its_order() {
    let mut guest = fresh();
    guest.memory_set(Scope::ShortTerm, "a", "1").unwrap().unwrap();
    guest.memory_new_object(Scope::ShortTerm, "b").unwrap().unwrap();
    guest.memory_new_object(Scope::ShortTerm, "b").unwrap().unwrap();
    guest.memory_remove(Scope::ShortTerm, "nothing").unwrap().unwrap();
    guest.memory_set(Scope::Sensory, "c", "2").unwrap().unwrap();
    guest.memory_remove(Scope::ShortTerm, "a").unwrap().unwrap();
    let InvocationResult::Completed(effects) = guest.finish(GuestEnd::Returned(Ok(()))).result else {
        panic!("it completes")
    };
    let words = |updates: &[MemoryUpdate]| -> Vec<String> {
        let word = |update: &MemoryUpdate| match update {
            MemoryUpdate::Set(path, json) => format!("set {path} {json}"),
            MemoryUpdate::NewObject(path) => format!("new {path}"),
            MemoryUpdate::Remove(path) => format!("remove {path}"),
        };
        updates.iter().map(word).collect()
    };
    assert_eq!(words(&effects.short_term_updates), ["set a 1", "new b", "remove a"]);
    assert_eq!(words(&effects.sensory_updates), ["set c 2"]);
}

proptest! {
    // [S20] [P18]
    #[test]
    fn any_key_has_one_partition_within_the_count(key in proptest::collection::vec(any::<u8>(), 0..300), count in 1u32..200) {
        let PartitionId(partition) = partition_of(&key, count);
        prop_assert!(partition < count);
        prop_assert_eq!(partition, (murmur2(&key) & 0x7fff_ffff) % count);
    }
}
