//! What a folder says of itself before it is opened.

use super::*;

fn refusal(directory: &Path, application: &str, settings: StoreSettings) -> String {
    let error = EmbeddedStore::open(directory, application, settings).err().expect("refused");
    assert!(error.is_refusal());
    let text = error.to_string();
    assert!(
        text.contains(&directory.display().to_string()) && !text.contains('\n'),
        "one line with the folder: {text}"
    );
    text
}

#[test]
fn store_of_another_application_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    assert!(!EmbeddedStore::exists(directory.path()));
    drop(open(directory.path()));
    assert!(EmbeddedStore::exists(directory.path()));
    let text = refusal(directory.path(), "quakes", StoreSettings::default());
    assert!(text.contains(r#"belongs to application "tests", not "quakes""#), "{text}");
}

#[test]
fn store_of_a_later_version_is_refused_whatever_else_it_says() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("stamp.json"), br#"{"version":9,"shards":{}}"#).unwrap();
    let text = refusal(directory.path(), "tests", StoreSettings::default());
    assert!(text.contains("version 9") && text.contains("use a later weir"), "{text}");
}

// [S20]
#[test]
fn store_of_another_number_of_partitions_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    drop(open(directory.path()));
    let text = refusal(directory.path(), "tests", StoreSettings { partitions: 32, ..StoreSettings::default() });
    assert!(text.contains("has 64 partitions, not 32"), "{text}");
}

#[test]
fn store_in_use_is_refused_and_names_the_process() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let text = refusal(directory.path(), "tests", StoreSettings::default());
    assert!(text.contains(&format!("in use by process {}", std::process::id())), "{text}");
    drop(store);
    open(directory.path());
}

#[test]
fn stamp_that_is_no_stamp_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("stamp.json"), b"version = 1").unwrap();
    let text = refusal(directory.path(), "tests", StoreSettings::default());
    assert!(text.contains("stamp.json is no stamp"), "{text}");
}

#[test]
fn folder_that_cannot_be_made_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    std::fs::write(&file, b"").unwrap();
    let text = refusal(&file.join("store"), "tests", StoreSettings::default());
    assert!(text.contains("give a directory that this user may write"), "{text}");
}

#[test]
fn half_made_store_is_made_anew() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    store.log([PartitionId(0)]).unwrap().append(&mut vec![record(0, 0, b"")]).unwrap();
    drop(store);
    // The draft becomes the stamp last: where it still is one, the host died before the store was one.
    std::fs::rename(directory.path().join("stamp.json"), directory.path().join("stamp.json.new")).unwrap();
    std::fs::remove_file(directory.path().join("data/version")).unwrap();
    let store = open(directory.path());
    assert_eq!(store.log([PartitionId(0)]).unwrap().end(PartitionId(0)).unwrap(), Position(0));
}

// [S26]
#[test]
fn a_store_that_lost_a_file_is_refused_and_not_begun_anew() {
    let copy = |from: &Path, to: &Path| {
        let copied = std::process::Command::new("cp").arg("-r").arg(from).arg(to).status();
        assert!(copied.is_ok_and(|status| status.success()));
    };
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole");
    let store = open(&whole);
    store.log([PartitionId(0)]).unwrap().append(&mut vec![record(0, 0, b"")]).unwrap();
    drop(store);
    let keyspace = std::fs::read_dir(whole.join("data/keyspaces")).unwrap().next().unwrap().unwrap();
    let current = format!("data/keyspaces/{}/current", keyspace.file_name().display());
    let journals = std::fs::read_dir(whole.join("data")).unwrap().map(|entry| entry.unwrap().file_name());
    let journal = journals.map(|name| name.into_string().unwrap()).find(|name| name.ends_with(".jnl")).unwrap();
    for lost in ["data", "data/version", "data/keyspaces", &format!("data/{journal}"), &current] {
        let broken = folder.path().join("broken");
        copy(&whole, &broken);
        std::fs::rename(broken.join(lost), folder.path().join("lost")).unwrap();
        let text = refusal(&broken, "tests", StoreSettings::default());
        assert!(text.contains("is damaged") && text.contains("restore the directory from a copy"), "{lost}: {text}");
        std::fs::rename(folder.path().join("lost"), broken.join(lost)).unwrap();
        let end = open(&broken).log([PartitionId(0)]).unwrap().end(PartitionId(0)).unwrap();
        assert_eq!(end, Position(1), "{lost}: put back, it is whole");
        std::fs::remove_dir_all(broken).unwrap();
    }
}

#[test]
fn a_folder_of_somebody_else_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("data")).unwrap();
    std::fs::write(directory.path().join("data/thesis.txt"), b"years of work").unwrap();
    let text = refusal(directory.path(), "tests", StoreSettings::default());
    assert!(text.contains("no stamp.json") && text.contains("give another directory"), "{text}");
    assert_eq!(std::fs::read(directory.path().join("data/thesis.txt")).unwrap(), b"years of work");
}

#[test]
fn last_handle_may_fall_in_a_callback_of_the_store() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let (sender, receiver) = mpsc::channel();
    let moved = store.clone();
    store.request_sync(move |result| {
        drop(moved);
        sender.send(result).unwrap();
    });
    drop(store);
    assert_eq!(receiver.recv(), Ok(Ok(())));
}
