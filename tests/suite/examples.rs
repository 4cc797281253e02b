//! Each example gives what it says. `expected.jsonl` holds the lines of `alerts.jsonl` of a run in a calm world, sorted
//! by key and sequence number, for the order across keys means nothing. To make it anew, after a change that is meant:
//! `WEIR_ACCEPT=1 cargo test --release -p weir-tests --test suite examples`, and look at the difference.

use crate::kill::undisturbed_quakes;
use serde_json::Value;
use weir_tests::project::to_lines;
use weir_tests::{Output, assert_same_by_key, files};

fn sorted(output: &Output) -> Vec<Value> {
    // The map is sorted by key, and within a key lines have their order.
    output.by_key().into_values().flatten().collect()
}

// [S4] [S5] [P18]
#[test]
fn quakes_gives_the_expected_alerts() {
    let path = files::root().join("examples/quakes/expected.jsonl");
    let found = undisturbed_quakes();
    if std::env::var_os("WEIR_ACCEPT").is_some() {
        std::fs::write(&path, to_lines(&sorted(&found))).expect("write the expected alerts");
    }
    let expected = Output::read(&path);
    assert_eq!(expected.lines, sorted(&expected), "it is sorted");
    assert_same_by_key(&found.by_key(), &expected.by_key());
    assert!(expected.by_key().contains_key("Hualian, Taiwan"));
}
