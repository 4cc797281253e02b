//! The demo's kills and its count, tried on the contender that is always there.

use std::process::Command;

#[test]
fn demo_kills_the_naive_loop_five_times_and_finds_what_it_did() {
    let directory = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_quakes-demo"))
        .arg("--naive-only")
        .args(["--example", concat!(env!("CARGO_MANIFEST_DIR"), "/..")])
        .arg("--directory")
        .arg(directory.path().join("demo"))
        .output()
        .unwrap();
    let (table, progress) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(output.status.success(), "{progress}");
    assert!(progress.contains("kill -9, 5 of 5"), "{progress}");

    let row = table.lines().find(|line| line.contains("naive loop")).unwrap();
    let counts: Vec<u32> = row.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let [due, twice, never, _not_due] = counts[..] else { panic!("{row}") };
    assert!(due > 0 && twice > 0 && never > 0, "{row}");
    assert!(table.contains("before the M 6.4 of 2018-02-06 15:50 UTC"), "{table}");
}

#[test]
fn demo_leaves_a_folder_alone_that_is_not_its_own() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("thesis.txt"), "mine").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_quakes-demo"))
        .arg("--naive-only")
        .args(["--example", concat!(env!("CARGO_MANIFEST_DIR"), "/..")])
        .arg("--directory")
        .arg(directory.path())
        .output()
        .unwrap();
    assert!(!output.status.success());
    assert!(directory.path().join("thesis.txt").exists());
}
