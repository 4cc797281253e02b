//! The inbox, of both stores.

use super::*;
use InboxAnswer::{Full, KeyUsed, Repeated, Taken};

fn event(payload: &str, at_ms: u64, id: Option<&str>) -> InboxEvent {
    InboxEvent {
        key: "k".into(),
        kind: None,
        payload: payload.as_bytes().to_vec(),
        headers: vec![],
        received_at_ms: at_ms,
        idempotency_key: id.map(|id| id.as_bytes().to_vec()),
    }
}

fn payloads(store: &Store, from: u64, limit: usize) -> Vec<(u64, String)> {
    let entries = store.inbox_scan(from, limit).unwrap();
    entries.into_iter().map(|entry| (entry.number, String::from_utf8(entry.event.payload).unwrap())).collect()
}

fn consume(store: &Store, to: u64) {
    let record = CheckpointRecord { inbox_consumed_to: to, ..CheckpointRecord::default() };
    store.commit_checkpoint(Checkpoint { entries: vec![], record }).unwrap();
}

// [S1]
#[test]
fn events_are_read_in_the_order_of_their_arrival() {
    let directory = tempfile::tempdir().unwrap();
    for store in both_stores(directory.path(), StoreSettings::default()) {
        let events = ["a", "b", "c"].map(|payload| event(payload, 1, None));
        assert_eq!(store.inbox_append(events.to_vec()).unwrap(), [Taken(0), Taken(1), Taken(2)]);
        store.sync().unwrap();
        assert_eq!(payloads(&store, 0, 2), [(0, "a".into()), (1, "b".into())]);
        assert_eq!(payloads(&store, 2, 2), [(2, "c".into())]);
        consume(&store, 2);
        assert_eq!(payloads(&store, 0, 9), [(2, "c".into())], "what a checkpoint consumed is gone");
        assert_eq!(store.inbox_append(vec![event("d", 1, None)]).unwrap(), [Taken(3)], "numbers go on");
    }
}

// [S1]
#[test]
fn event_is_not_read_before_it_is_durable() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    store.inbox_append(vec![event("a", 1, None)]).unwrap();
    assert_eq!(store.inbox_scan(0, 9).unwrap(), []);
    store.sync().unwrap();
    assert_eq!(store.inbox_scan(0, 9).unwrap().len(), 1);
}

#[test]
fn repeated_idempotency_key_is_taken_once() {
    let directory = tempfile::tempdir().unwrap();
    for store in both_stores(directory.path(), StoreSettings::default()) {
        let twice = vec![event("a", 1, Some("id")), event("a", 1, Some("id")), event("b", 1, Some("other"))];
        assert_eq!(store.inbox_append(twice).unwrap(), [Taken(0), Repeated(0), Taken(1)]);
        assert_eq!(store.inbox_append(vec![event("a", 2, Some("id"))]).unwrap(), [Repeated(0)], "not yet synced");
        consume(&store, 2);
        assert_eq!(store.inbox_append(vec![event("a", 3, Some("id"))]).unwrap(), [Repeated(0)], "long consumed");
    }
}

// [S35]
#[test]
fn idempotency_key_with_another_payload_is_neither_taken_nor_taken_for_a_repetition() {
    let directory = tempfile::tempdir().unwrap();
    for store in both_stores(directory.path(), StoreSettings::default()) {
        let send = |payload| store.inbox_append(vec![event(payload, 1, Some("id"))]).unwrap()[0];
        let two = vec![event(r#"{"a":1,"b":2}"#, 1, Some("id")), event("3", 1, Some("id"))];
        assert_eq!(store.inbox_append(two).unwrap(), [Taken(0), KeyUsed(0)], "in one batch");
        assert_eq!(send("3"), KeyUsed(0));
        assert_eq!(send(r#"{ "b": 2, "a": 1 }"#), Repeated(0), "the same value, spelt otherwise");
        consume(&store, 1);
        assert_eq!(send("3"), KeyUsed(0), "long consumed");
        assert_eq!(send(r#"{"a":1,"b":2}"#), Repeated(0));
        assert_eq!(store.inbox_append(vec![event("3", 1, Some("other"))]).unwrap(), [Taken(1)]);
    }
}

#[test]
fn idempotency_key_is_forgotten_after_its_time_and_not_before() {
    let directory = tempfile::tempdir().unwrap();
    let settings = StoreSettings { inbox_idempotency_ms: 100, ..StoreSettings::default() };
    for store in both_stores(directory.path(), settings) {
        let send = |at_ms, id| store.inbox_append(vec![event("a", at_ms, Some(id))]).unwrap()[0];
        assert_eq!(send(0, "id"), Taken(0));
        assert_eq!(send(50, "later"), Taken(1));
        assert_eq!(send(99, "id"), Repeated(0));
        assert_eq!(send(100, "id"), Taken(2), "its time is over");
        assert_eq!(send(149, "later"), Repeated(1));
        assert_eq!(send(199, "id"), Repeated(2), "the second time counts from the second event");
        assert_eq!(send(200, "id"), Taken(3));
        assert_eq!(send(200, "later"), Taken(4));
    }
}

#[test]
fn inbox_is_full_by_count_and_by_bytes_until_a_checkpoint_consumes() {
    let directory = tempfile::tempdir().unwrap();
    let settings = StoreSettings { inbox_events_max: 2, inbox_bytes_max: 1_000, ..StoreSettings::default() };
    for store in both_stores(directory.path(), settings) {
        let three = ["a", "b", "c"].map(|payload| event(payload, 1, Some(payload)));
        assert_eq!(store.inbox_append(three.to_vec()).unwrap(), [Taken(0), Taken(1), Full]);
        assert_eq!(store.inbox_append(vec![event("a", 1, Some("a"))]).unwrap(), [Repeated(0)], "full, but known");
        consume(&store, 1);
        assert_eq!(store.inbox_append(vec![event("c", 1, Some("c"))]).unwrap(), [Taken(2)], "a refused one is unknown");
        consume(&store, 3);
        let large = "x".repeat(900);
        let two = vec![event(&large, 1, None), event(&large, 1, None)];
        assert_eq!(store.inbox_append(two).unwrap(), [Taken(3), Full]);
    }
}

// [S1] [S25]
#[test]
fn inbox_is_as_it_was_when_the_store_is_opened_again() {
    let directory = tempfile::tempdir().unwrap();
    let settings = StoreSettings { inbox_events_max: 3, inbox_idempotency_ms: 100, ..StoreSettings::default() };
    let reopen = || Store::Embedded(EmbeddedStore::open(directory.path(), "tests", settings.clone()).unwrap());
    let store = reopen();
    let events = ["a", "b", "c"].map(|payload| event(payload, 1, Some(payload)));
    store.inbox_append(events.to_vec()).unwrap();
    consume(&store, 1);
    drop(store);
    let store = reopen();
    assert_eq!(payloads(&store, 0, 9), [(1, "b".into()), (2, "c".into())]);
    let again = vec![event("a", 2, Some("a")), event("d", 2, None), event("e", 2, None)];
    assert_eq!(store.inbox_append(again).unwrap(), [Repeated(0), Taken(3), Full]);
    consume(&store, 4);
    drop(store);
    let store = reopen();
    assert_eq!(store.inbox_append(vec![event("a", 101, Some("a"))]).unwrap(), [Taken(4)], "empty, numbers still go on");
}
