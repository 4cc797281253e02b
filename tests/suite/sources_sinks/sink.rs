//! Where outputs go.

use super::says;
use quakes_world::Faults;
use serde_json::{Value, json};
use std::process::Command;
use weir_tests::torture::{Scene, check_effects};
use weir_tests::{Manifest, Output, Project, Weir, files, guests};

fn manifest() -> Manifest {
    Manifest::new(&guests::probe())
}

// [S35]
#[test]
fn what_the_file_held_before_is_kept() {
    let project = Project::with_events(&manifest(), &[says("a", "one")]);
    project.write("out.jsonl", "{\"old\":true}\n");
    project.run().expect(0);
    project.append_events(&[says("a", "two")]);
    project.run().expect(0);
    let lines = project.output().lines;
    assert_eq!(lines[0], json!({"old": true}));
    assert_eq!([&lines[1]["payload"], &lines[2]["payload"]], ["one", "two"]);
}

// [S35]
#[test]
fn what_no_checkpoint_knows_is_cut_back() {
    let project = Project::with_events(&manifest(), &[says("a", "one")]);
    project.run().expect(0);
    let known = project.read("out.jsonl");
    project.write("out.jsonl", known.clone() + &known + "{\"torn\":");
    project.append_events(&[says("a", "two")]);
    project.run().expect(0);
    assert!(project.read("out.jsonl").starts_with(&known));
    assert_eq!(project.output().payloads(), ["one", "two"]);
}

// [S35]
#[test]
fn a_file_that_lost_lines_is_refused_until_it_is_put_back() {
    let project = Project::with_events(&manifest(), &[says("a", "one")]);
    project.run().expect(0);
    let known = project.read("out.jsonl");
    let sizes = format!("has {} bytes, and a checkpoint wrote {}", known.len() - 1, known.len());
    project.append_events(&[says("a", "two")]);
    project.write("out.jsonl", &known[..known.len() - 1]);
    project.run().expect_error(2, &["out.jsonl", &sizes, "put back the file"]);
    std::fs::remove_file(project.path("out.jsonl")).expect("remove the output");
    project.run().expect_error(2, &["out.jsonl", "has 0 bytes"]);
    project.write("out.jsonl", &known);
    project.run().expect(0);
    assert_eq!(project.output().payloads(), ["one", "two"]);
}

// [S35] [S5]
#[test]
fn lines_go_to_standard_output_where_the_manifest_says_so() {
    let project = Project::with_events(&manifest().sink(Some("stdout = true")), &[says("a", "one"), says("b", "two")]);
    let ended = project.run().expect(0);
    let output = Output::parse(&ended.stdout);
    assert_eq!(output.payloads_of("a"), ["one"]);
    assert_eq!(output.payloads_of("b"), ["two"]);
    assert!(ended.stderr.contains("written again"), "at least once, and it says so: {}", ended.stderr);
    for name in ["id", "key", "sequence_number", "action", "triggering_event_id", "payload"] {
        assert!(output.lines[0].get(name).is_some(), "{name}");
    }
    let ended = project.run().expect(0);
    assert_eq!(ended.stdout, "", "a restart at the end writes nothing");
}

// [S35]
#[test]
fn without_a_sink_everything_else_takes_effect() {
    let project =
        Project::with_events(&manifest().sink(None), &[says("a", "one"), json!({"key": "a", "do": [{"count": "n"}]})]);
    project.run().expect(0);
    assert!(!project.path("out.jsonl").exists());
    assert_eq!(weir_tests::control::key(&project, "a")["short_term_memory"], json!({"n": 1}));
}

#[test]
fn a_sink_that_cannot_be_opened_is_refused_before_anything_is_run() {
    let project = Project::with_events(&manifest(), &[says("a", "one")]);
    project.run_with(&["--set", "sink.file=gone/out.jsonl"]).expect_error(2, &["gone/out.jsonl", "No such file"]);
    project.run_with(&["--set", "sink.file=."]).expect_error(2, &["open sink file"]);
    project.run().expect(0);
    assert_eq!(project.output().payloads(), ["one"]);
}

// [P6] [S35] [S18]
#[test]
fn a_sink_that_fails_fails_no_action() {
    let scene = Scene::new(0, Faults::NONE);
    let origin = scene.world.origin();
    let event =
        |n: u64| json!({"key": "a", "do": [{"count": "n"}, {"http": ["POST", format!("{origin}/effect/note"), n]}]});
    let events: Vec<Value> = (0..3).map(event).collect();
    // The first checkpoint with outputs is that at the end.
    let manifest = manifest().granting(&origin).checkpoints_every_ms(60_000);
    let project = Project::with_events(&manifest, &events);
    // The sink's file is as long as files may be, so that an append fails, and only that.
    let kib = 100_000;
    let file = std::fs::File::create(project.path("out.jsonl")).expect("make the output");
    file.set_len(kib * 1024).expect("stretch it");
    let mut command = Command::new("bash");
    let limited = format!("trap '' XFSZ; ulimit -f {kib}; exec \"$0\" run");
    command.args(["-c", &limited, &files::weir().display().to_string()]);
    command.current_dir(project.folder()).env("XDG_CACHE_HOME", files::cache());
    Weir::spawn(command).wait().expect_error(1, &["append to sink file", "nothing is lost"]);
    assert_eq!(scene.ledger().requests.len(), 3);
    assert!(weir_tests::control::quarantined(&project).is_empty());

    project.run().expect(0);
    check_effects(&scene.ledger());
    assert_eq!(scene.ledger().requests.len(), 3, "none is made again");
    let text = project.read("out.jsonl");
    assert_eq!(Output::parse(text.trim_start_matches('\0')).lines.len(), 3);
}

// [S35]
#[test]
fn the_source_is_no_sink_by_whatever_name() {
    let project = Project::with_events(&manifest(), &[says("a", "one")]);
    let before = project.read("in.jsonl");
    std::os::unix::fs::symlink("in.jsonl", project.path("link.jsonl")).expect("make a link");
    for name in ["sink.file=./in.jsonl", "sink.file=link.jsonl", "dead_letter.file=link.jsonl"] {
        project.run_with(&["--set", name]).expect_error(2, &["are the same file", "name another one"]);
    }
    assert_eq!(project.read("in.jsonl"), before);
}

// [S35]
#[test]
fn a_device_is_no_sink_file() {
    let project = Project::with_events(&manifest(), &[says("a", "one")]);
    project
        .run_with(&["--set", "sink.file=/dev/null"])
        .expect_error(2, &["/dev/null", "no regular file", "sink.stdout"]);
}

// [S6]
#[test]
fn a_sink_that_fails_ends_a_host_whose_source_goes_on() {
    let project = Project::new(&manifest().listening().sink(Some("stdout = true")));
    let mut command = Command::new("bash");
    // Nobody reads: a write to standard output fails.
    let script = "exec 3>&2; { \"$0\" run; echo \"code $?\" >&3; } | true";
    command.args(["-c", script, &files::weir().display().to_string()]);
    command.current_dir(project.folder()).env("XDG_CACHE_HOME", files::cache());
    let mut host = Weir::spawn(command);
    let origin = host.origin();
    let posted = weir_tests::post(&origin, b"a", None, &says("a", "one").to_string()).expect("it answers");
    assert_eq!(posted.status, 202);
    host.wait_for_log("code 1");
    let said = host.wait().stderr;
    assert!(said.contains("error: write to standard output: Broken pipe"), "{said}");
    // The event is there still.
    project.deploy(&manifest().listening());
    let mut host = project.start();
    host.origin();
    weir_tests::wait_until("it took effect", || project.output().lines.len() == 1);
    host.stop().expect(0);
}
