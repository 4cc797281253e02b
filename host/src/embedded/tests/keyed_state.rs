//! Keyed state and the checkpoint's record.

use super::*;
use weir_core::checkpoint::{Entry, EntryKey, EntrySpace};
use weir_core::key::Key;

fn entry(space: EntrySpace, key: EntryKey, value: &str) -> Entry {
    Entry { space, key: key.to_bytes(), value: Some(value.as_bytes().to_vec()) }
}

fn header(key: &str) -> Entry {
    entry(EntrySpace::Header, EntryKey::Key(key.into()), key)
}

fn removal(of: &Entry) -> Entry {
    Entry { value: None, ..of.clone() }
}

fn commit(store: &Store, entries: Vec<Entry>) {
    store.commit_checkpoint(Checkpoint { entries, record: CheckpointRecord::default() }).unwrap();
}

// [S22] [S34]
#[test]
fn key_is_loaded_with_all_its_entries_and_no_others() {
    let directory = tempfile::tempdir().unwrap();
    for store in both_stores(directory.path(), StoreSettings::default()) {
        let (short, long) = (Key::from("a"), Key::from("aa"));
        let of_short = vec![
            header("a"),
            entry(EntrySpace::Queued, EntryKey::Ordinal(short.clone(), 1), "task"),
            entry(EntrySpace::Pending, EntryKey::Ordinal(short.clone(), 0), "event"),
            entry(EntrySpace::Pending, EntryKey::Ordinal(short.clone(), 256), "event"),
            entry(EntrySpace::Quarantined, EntryKey::Key(short.clone()), "why"),
        ];
        commit(&store, [of_short.clone(), vec![header("aa"), header("")]].concat());
        assert_eq!(store.load_key(&short).unwrap(), Some(of_short.clone()));
        assert_eq!(store.load_key(&long).unwrap(), Some(vec![header("aa")]));
        assert_eq!(store.load_key(&Key::from("aaa")).unwrap(), None);
        assert_eq!(store.load_header(&short).unwrap(), of_short[0].value);
        assert_eq!(store.load_header(&Key::from("aaa")).unwrap(), None);
        commit(&store, of_short[1..].iter().map(removal).collect());
        assert_eq!(store.load_key(&short).unwrap(), Some(vec![header("a")]));
        commit(&store, vec![removal(&header("a"))]);
        assert_eq!(store.load_key(&short).unwrap(), None);
    }
}

// [S22]
#[test]
fn busy_keys_are_those_with_work_to_do() {
    let directory = tempfile::tempdir().unwrap();
    for store in both_stores(directory.path(), StoreSettings::default()) {
        assert_eq!(store.busy_keys().unwrap(), []);
        let busy = [
            entry(EntrySpace::Queued, EntryKey::Ordinal("q".into(), 1), ""),
            entry(EntrySpace::Queued, EntryKey::Ordinal("q".into(), 2), ""),
            entry(EntrySpace::Pending, EntryKey::Ordinal("p".into(), 1), ""),
            entry(EntrySpace::Quarantined, EntryKey::Key("x".into()), ""),
        ];
        let headers = ["q", "p", "x", "idle"].map(header);
        commit(&store, [&busy[..], &headers].concat());
        assert_eq!(store.busy_keys().unwrap(), ["p", "q", "x"].map(Key::from));
        commit(&store, busy.iter().map(removal).collect());
        assert_eq!(store.busy_keys().unwrap(), []);
    }
}

// [S22]
#[test]
fn checkpoint_is_there_when_the_store_is_opened_again() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    assert_eq!(store.read_checkpoint().unwrap(), None);
    let progress = PartitionProgress { partition: 7, source_offset: 11, recovery_marker: 5 };
    let record = CheckpointRecord { partitions: vec![progress], ..CheckpointRecord::default() };
    store.commit_checkpoint(Checkpoint { entries: vec![header("k")], record: record.clone() }).unwrap();
    drop(store);
    let store = open(directory.path());
    assert_eq!(store.read_checkpoint().unwrap(), Some(record));
    assert_eq!(store.load_key(&"k".into()).unwrap(), Some(vec![header("k")]));
    // [S23] The end of a partition is never before its marker, even where no record was ever seen.
    let log = store.log([PartitionId(7), PartitionId(8)]).unwrap();
    assert_eq!(log.end(PartitionId(7)).unwrap(), Position(5));
    assert_eq!(log.end(PartitionId(8)).unwrap(), Position(0));
}

#[test]
fn key_too_long_for_a_name_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let entries = vec![header(&"k".repeat(65_532))];
    let error = store.commit_checkpoint(Checkpoint { entries, record: CheckpointRecord::default() }).unwrap_err();
    assert!(error.to_string().contains("65536 bytes, more than 65535"), "{error}");
    assert_eq!(store.load_key(&Key::new(vec![0; 70_000])), Ok(None));
}

/// Pages of keys, one behind the other.
fn listed(store: &Store, prefix: &str, page: usize) -> Vec<String> {
    let (mut listed, mut after) = (Vec::new(), None);
    loop {
        let keys = store.keys(prefix.as_bytes(), after.as_ref(), page).unwrap();
        assert!(keys.len() <= page && keys.iter().all(|(key, header)| key.as_bytes() == header));
        let Some((last, _)) = keys.last() else {
            return listed;
        };
        after = Some(last.clone());
        listed.extend(keys.into_iter().map(|(key, _)| key.to_text().into_owned()));
    }
}

#[test]
fn keys_are_listed_by_prefix_and_page() {
    let directory = tempfile::tempdir().unwrap();
    let keys = ["", "a", "b", "aa", "ab", "ba", "aab", "aba", "abb", "bab", "aabb", "abbbb", "bbbbb"];
    for store in both_stores(directory.path(), StoreSettings::default()) {
        commit(&store, keys.into_iter().map(header).collect());
        for prefix in ["", "a", "b", "ab", "aab", "bb", "c", "abbbbb"] {
            // Shorter ones first, each length in its order: as they stand above.
            let expected: Vec<_> = keys.into_iter().filter(|key| key.starts_with(prefix)).collect();
            for page in 1..=4 {
                assert_eq!(listed(&store, prefix, page), expected, "prefix {prefix:?}, page {page}");
            }
        }
    }
}
