//! Logs: lines for people, or JSON for machines; whose line it is stands in it.

use serde_json::{Value, json};
use weir_tests::{Manifest, Project, guests};

fn project() -> Project {
    let event = json!({"key": "Hualian, Taiwan", "do": [{"log": ["warn", "the ground \u{1b}[31m shakes"]}]});
    Project::with_events(&Manifest::new(&guests::probe()), &[event])
}

#[test]
fn a_guests_line_has_key_sequence_number_and_action() {
    let ended = project().run_with(&["--log", "json"]).expect(0);
    let lines: Vec<Value> =
        ended.stderr.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect();
    let line = lines.iter().find(|line| line["target"] == "guest").expect("the guest said something");
    assert_eq!(line["message"], "the ground \u{1b}[31m shakes");
    assert_eq!(line["level"], "WARN");
    assert_eq!(
        (&line["key"], &line["sequence_number"], &line["action"]),
        (&json!("Hualian, Taiwan"), &json!(0), &json!("script"))
    );
}

#[test]
fn a_guest_does_not_steer_the_terminal() {
    let ended = project().run().expect(0);
    let line = ended.stderr.lines().find(|line| line.contains("the ground")).expect("the guest said something");
    assert!(line.contains("[script Hualian, Taiwan #0] the ground \\u{1b}[31m shakes"), "{line}");
}

#[test]
fn the_level_decides_what_is_logged() {
    let ended = project().run_with(&["--log-level", "error"]).expect(0);
    assert!(!ended.stderr.contains("the ground"), "{}", ended.stderr);
    let error = Project::empty().run_with(&["--log", "json"]).expect(2).stderr;
    let line: Value = serde_json::from_str(error.trim()).expect("errors are JSON too");
    assert_eq!(line["level"], "ERROR");
}
