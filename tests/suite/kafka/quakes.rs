//! The example on Kafka, as `make demo-kafka` runs it.

use std::process::Command;
use weir_tests::{files, guests, kafka};

// [S1] [S5] [S30] [S31] [S32] [P18]
#[test]
fn the_example_pages_once_for_each_swarm_while_two_hosts_are_killed_in_turns() {
    // Where there is no Java the script has no broker either.
    if kafka::shared().is_none() {
        return;
    }
    guests::quakes();
    let folder = tempfile::tempdir().expect("make a folder");
    let weir = files::weir();
    let output = Command::new(files::root().join("examples/quakes/kafka.sh"))
        .arg("--binaries")
        .arg(weir.parent().expect("a binary is in a folder"))
        .arg("--directory")
        .arg(folder.path().join("demo"))
        .output()
        .expect("run the script");
    let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}{errors}");
    assert!(errors.contains("kill -9, 3 of 3"), "{errors}");
    for endpoint in ["pages", "map pins"] {
        let row = said.lines().find(|line| line.contains(endpoint)).expect("the table has it");
        let counts: Vec<u32> = row.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        assert_eq!(counts, [88, 0, 0, 0], "due, twice, never, not due: {said}");
    }
    assert!(said.contains("topic alerts: 88 records, 88 different ones, due: 88"), "{said}");
    let mut status = Command::new(files::root().join("scripts/kafka"));
    let status = status.arg("status").arg(folder.path().join("demo/kafka")).output().expect("run scripts/kafka");
    assert!(!status.status.success(), "the broker is gone");
}
