//! Logs: lines for people, or JSON for machines; whose line it is stands in it.

use serde_json::{Value, json};
use std::process::{Command, Stdio};
use weir_tests::{Manifest, Project, files, guests};

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

#[test]
fn why_it_ended_is_said_however_little_is_logged() {
    let error = Project::empty().run_with(&["--log", "json", "--log-level", "off"]).expect(2).stderr;
    let line: Value = serde_json::from_str(error.trim()).expect("it is JSON");
    assert!(line["message"].as_str().expect("a message").contains("no manifest here"), "{line}");
}

#[test]
fn a_reader_of_the_log_that_goes_away_does_no_harm() {
    let events = (0..50).map(|n| json!({"key": format!("k{n}"), "do": [{"log": ["warn", "hello"]}]}));
    let project = Project::with_events(&Manifest::new(&guests::probe()), &events.collect::<Vec<Value>>());
    for (arguments, code) in [("run", 0), ("check --set x.y=1", 2)] {
        let mut command = Command::new("bash");
        let script = format!("{{ \"$0\" {arguments} 2>&3 3>&-; echo $?; }} 3> >(true)");
        // The reader is gone before the first word.
        command.args(["-c", &format!("sleep 0.1; {script}"), &files::weir().display().to_string()]);
        command.current_dir(project.folder()).env("XDG_CACHE_HOME", files::cache());
        let output = command.stdin(Stdio::null()).output().expect("run bash");
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), code.to_string(), "{arguments}");
    }
    assert_eq!(project.output().lines.len(), 50);
}

#[test]
fn a_short_run_shows_no_progress_on_a_terminal() {
    let project = project();
    let mut command = Command::new("script");
    command.args(["-qec", &format!("{} run --log-level error", files::weir().display()), "/dev/null"]);
    command.current_dir(project.folder()).env("XDG_CACHE_HOME", files::cache()).env("TERM", "xterm");
    let output = command.stdin(Stdio::null()).output().expect("run it on a terminal");
    assert!(output.status.success());
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!shown.contains(|letter: char| !letter.is_ascii() || letter == '%'), "{shown:?}");
}

// [S2]
#[test]
fn a_kind_that_no_action_listens_to_is_told_once() {
    let manifest = Manifest::new(&guests::probe()).source("file = \"in.jsonl\"\nkey = \"key\"\nkind = \"kind\"");
    let mut events: Vec<Value> = (0..20).map(|n| json!({"key": format!("k{n}"), "kind": "inptu"})).collect();
    events.push(json!({"key": "emits", "do": [{"emit": ["tpyed", 1]}, {"emit": ["tpyed", 2]}, {"emit": ["both", 3]}]}));
    let ended = Project::with_events(&manifest.with("[host]\nshards = 2"), &events).run().expect(0);
    let told: Vec<&str> = ended.stderr.lines().filter(|line| line.contains("no action listens")).collect();
    for kind in ["inptu", "tpyed"] {
        let line = format!("WARN  no action listens to kind `{kind}`: its events end at once (see `weir plan`)");
        assert_eq!(told.iter().filter(|told| told.ends_with(&line)).count(), 1, "{told:?}");
    }
    assert_eq!(told.len(), 2, "{told:?}");
}
