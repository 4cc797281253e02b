//! Torn journals and full disks.

use super::*;
use std::fs::OpenOptions;
use std::path::PathBuf;
use std::process::Command;

const PARTITION: PartitionId = PartitionId(3);

/// A store into which numbers were appended, each by itself.
fn store_of_numbers(directory: &Path, count: u64) {
    let store = open(directory);
    let mut log = store.log([PARTITION]).unwrap();
    for number in 0..count {
        log.append(&mut vec![record(3, number, &[number as u8; 50])]).unwrap();
    }
    log.sync().unwrap();
}

fn records_in(directory: &Path) -> Vec<(Position, Vec<u8>)> {
    let log = open(directory).log([PARTITION]).unwrap();
    let mut records = Vec::new();
    let end = log.end(PARTITION).unwrap();
    log.scan(PARTITION, Position(0), end, &mut |position, _, value| {
        records.push((position, value.expect("a record").to_vec()))
    })
    .unwrap();
    assert_eq!(end.0, records.len() as u64, "the end stands after the last record that is left");
    records
}

fn journal_of(directory: &Path) -> PathBuf {
    let data = directory.join("data");
    journal::path_of(&data, journal::newest(&data).unwrap().unwrap())
}

fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-a").arg(from.join(".")).arg(to).status().unwrap().success());
}

fn written_length(journal: &Path) -> u64 {
    let bytes = std::fs::read(journal).unwrap();
    bytes.iter().rposition(|&byte| byte != 0).unwrap() as u64 + 1
}

fn assert_prefix(records: &[(Position, Vec<u8>)]) {
    for (index, (position, value)) in records.iter().enumerate() {
        assert_eq!((position.0, &value[..]), (index as u64, &[index as u8; 50][..]), "what is left is a prefix");
    }
}

// [S25] [S33]
#[test]
fn journal_cut_anywhere_leaves_a_prefix() {
    let whole = tempfile::tempdir().unwrap();
    store_of_numbers(whole.path(), 40);
    let length = written_length(&journal_of(whole.path()));
    let mut lengths = Vec::new();
    for step in 0..=8 {
        let torn = tempfile::tempdir().unwrap();
        copy(whole.path(), torn.path());
        let file = OpenOptions::new().write(true).open(journal_of(torn.path())).unwrap();
        file.set_len(length * step / 8 - step % 3).unwrap();
        let records = records_in(torn.path());
        assert_prefix(&records);
        lengths.push(records.len());
    }
    assert!(
        lengths.is_sorted() && lengths[0] == 0 && lengths[8] >= 39,
        "the longer the journal, the more: {lengths:?}"
    );
}

// [S25] [S33]
#[test]
fn journal_with_a_hole_leaves_what_was_before_the_hole() {
    let whole = tempfile::tempdir().unwrap();
    store_of_numbers(whole.path(), 40);
    let length = written_length(&journal_of(whole.path()));
    let mut lengths = Vec::new();
    for step in 1..12 {
        let torn = tempfile::tempdir().unwrap();
        copy(whole.path(), torn.path());
        let path = journal_of(torn.path());
        let mut bytes = std::fs::read(&path).unwrap();
        bytes.truncate(length as usize);
        let at = (length * step / 12) as usize;
        bytes[at..at + 20].fill(0);
        std::fs::write(&path, bytes).unwrap();
        let records = records_in(torn.path());
        assert_prefix(&records);
        lengths.push(records.len());
    }
    assert!(lengths.is_sorted() && lengths[10] >= 30, "the later the hole, the more: {lengths:?}");
}

// [S25]
#[test]
fn log_goes_on_behind_a_torn_end() {
    let directory = tempfile::tempdir().unwrap();
    store_of_numbers(directory.path(), 10);
    let path = journal_of(directory.path());
    OpenOptions::new().write(true).open(&path).unwrap().set_len(written_length(&path) - 1).unwrap();
    let store = open(directory.path());
    let mut log = store.log([PARTITION]).unwrap();
    assert_eq!(log.end(PARTITION).unwrap(), Position(9));
    log.append(&mut vec![record(3, 0, &[9; 50])]).unwrap();
    drop((log, store));
    let records = records_in(directory.path());
    assert_eq!(records.len(), 10);
    assert_prefix(&records);
}

// [S26]
#[test]
fn full_disk_poisons_the_store_and_loses_nothing_that_was_synced() {
    let directory = tempfile::tempdir().unwrap();
    store_of_numbers(directory.path(), 10);
    // A limit on the size of files is a full disk that needs no privilege. It is in units of 512 bytes.
    let child = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 2048; exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "embedded::tests::faults::child_fills_the_disk", "--ignored", "--nocapture"])
        .env("WEIR_TEST_STORE", directory.path())
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&child.stdout) + String::from_utf8_lossy(&child.stderr);
    let synced = output.lines().filter_map(|line| line.strip_prefix("synced ")).next_back();
    let synced: usize = synced.unwrap_or_else(|| panic!("child synced nothing: {output}")).parse().unwrap();
    assert!(child.status.success() && output.contains("filled"), "{output}");
    let records = records_in(directory.path());
    assert!(records.len() >= synced, "{} records are left, {synced} were synced", records.len());
    assert_prefix(&records);
}

/// The part of the test above that runs under the limit.
#[test]
#[ignore = "runs as a child of the test of the full disk"]
fn child_fills_the_disk() {
    let directory = PathBuf::from(std::env::var_os("WEIR_TEST_STORE").expect("a parent"));
    let store = open(&directory);
    let mut log = store.log([PARTITION]).unwrap();
    let error = (10u64..).find_map(|number| {
        let appended = log.append(&mut vec![record(3, number, &[number as u8; 50])]);
        let synced = appended
            .and_then(|()| if number % 100 == 0 { log.sync().map(|_| println!("synced {number}")) } else { Ok(()) });
        synced.err()
    });
    let error = error.expect("the disk fills up");
    assert!(matches!(&error, StoreError::Write { .. }), "{error}");
    println!("filled: {error}");
    let poisoned = |result: Result<(), StoreError>| matches!(result, Err(StoreError::Poisoned { .. }));
    assert!(poisoned(log.append(&mut vec![])), "no append");
    assert!(poisoned(log.sync().map(drop)), "no sync");
    assert!(poisoned(store.commit_checkpoint(Checkpoint::default())), "no checkpoint");
    assert!(poisoned(store.inbox_append(vec![]).map(drop)), "no event");
    assert!(store.busy_keys().is_ok(), "what is there may be read");
}

// [S24]
#[test]
fn removed_record_stays_removed_when_the_host_is_killed_before_any_flush() {
    let directory = tempfile::tempdir().unwrap();
    let copied = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let mut log = store.log([PARTITION]).unwrap();
    log.append(&mut vec![record(3, 0, b"gone"), record(3, 1, b"kept")]).unwrap();
    log.append(&mut vec![tombstone(3, 2, RecordPlace::Unacknowledged(Ticket(0)))]).unwrap();
    // What the system has is what a killed process leaves, and it has all without a sync [S33].
    copy(directory.path(), copied.path());
    let log = open(copied.path()).log([PARTITION]).unwrap();
    let mut values = Vec::new();
    log.scan(PARTITION, Position(0), Position(9), &mut |_, _, value| values.push(value.expect("a record").to_vec()))
        .unwrap();
    assert_eq!(values, [b"kept"]);
}
