//! A file as the source.

use super::says;
use weir_tests::project::to_lines;
use weir_tests::{Manifest, Project, guests};

fn project(text: &str) -> Project {
    let project = Project::new(&Manifest::new(&guests::probe()));
    project.write("in.jsonl", text);
    project
}

fn one_two_three() -> Vec<String> {
    ["one", "two", "three"].iter().map(|text| says("a", text).to_string()).collect()
}

// [S1] [S6]
#[test]
fn lines_may_end_as_they_like() {
    let lines = one_two_three();
    let ways = [
        lines.join("\n"),
        lines.join("\n") + "\n",
        lines.join("\r\n") + "\r\n",
        lines.join("\n\n \t \r\n\n") + "\n\n\n",
        format!("\n\n{}\n", lines.join("\n  ")),
        format!("\u{feff}{}\n", lines.join("\n")),
    ];
    for text in ways {
        let project = project(&text);
        project.run().expect(0);
        assert_eq!(project.output().payloads(), ["one", "two", "three"], "{text:?}");
    }
}

// [S6] [S35]
#[test]
fn a_restart_at_the_end_does_nothing() {
    for text in ["", "\n", &one_two_three().join("\n")] {
        let project = project(text);
        project.run().expect(0);
        let before = project.read("out.jsonl");
        for _ in 0..2 {
            project.run().expect(0);
            assert_eq!(project.read("out.jsonl"), before);
        }
    }
}

// [S35] [S4]
#[test]
fn lines_that_were_appended_are_taken_by_the_next_run() {
    let project = project(&(one_two_three().join("\n") + "\n"));
    project.run().expect(0);
    project.append_events(&[says("a", "four"), says("b", "five")]);
    project.run().expect(0);
    assert_eq!(project.output().payloads_of("a"), ["one", "two", "three", "four"]);
    assert_eq!(project.output().payloads_of("b"), ["five"]);
    let numbers: Vec<_> = project.output().by_key()["a"].iter().map(|line| line["sequence_number"].clone()).collect();
    assert_eq!(numbers, [0, 1, 2, 3]);
    let mut ids: Vec<String> = project.output().lines.iter().map(|line| line["id"].to_string()).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 5, "each output event has an id of its own");
}

// [S35]
#[test]
fn a_last_line_without_an_end_may_get_one_later() {
    let project = project(&one_two_three().join("\n"));
    project.run().expect(0);
    project.write("in.jsonl", one_two_three().join("\n") + "\n" + &to_lines(&[says("a", "four")]));
    project.run().expect(0);
    assert_eq!(project.output().payloads(), ["one", "two", "three", "four"]);
}

// [S35]
#[test]
fn a_file_that_is_not_the_one_consumed_is_refused_and_the_right_one_goes_on() {
    let text = one_two_three().join("\n") + "\n";
    let project = project(&text);
    project.run().expect(0);
    let shorter = &text[..text.len() - 1];
    project.write("in.jsonl", shorter);
    let sizes = format!("has {} bytes, and {} were consumed", shorter.len(), text.len());
    project.run().expect_error(2, &["in.jsonl", &sizes, "put back the file", "store.directory"]);

    project.write("in.jsonl", text.replacen("two", "six", 1) + "more");
    project.run().expect_error(2, &["in.jsonl is another", "put back the file", "store.directory"]);

    std::fs::remove_file(project.path("in.jsonl")).expect("remove the input");
    project.run().expect_error(2, &["in.jsonl", "No such file"]);

    project.write("in.jsonl", text.clone() + &to_lines(&[says("a", "four")]));
    project.run().expect(0);
    assert_eq!(project.output().payloads(), ["one", "two", "three", "four"]);
}

// [S35]
#[test]
fn a_folder_is_no_file_to_read() {
    let project = project("");
    project.run_with(&["--set", "source.file=."]).expect_error(2, &["it is a folder"]);
}

// [S2]
#[test]
fn an_event_that_no_action_listens_to_takes_a_number_and_ends() {
    let project =
        Project::new(&Manifest::new(&guests::probe()).source("file = \"in.jsonl\"\nkey = \"key\"\nkind = \"kind\""));
    let mut unheard = says("a", "never");
    unheard["kind"] = "unheard".into();
    project.write_events(&[says("a", "one"), unheard, says("a", "two")]);
    project.run().expect(0);
    let lines = project.output().lines;
    let found: Vec<_> = lines.iter().map(|line| (line["payload"].clone(), line["sequence_number"].clone())).collect();
    assert_eq!(found, [("one".into(), 0.into()), ("two".into(), 2.into())]);
}

// The memory store takes every run from the beginning, and says loudly that it does.
#[test]
fn a_memory_store_runs_everything_anew_and_says_so() {
    let manifest = Manifest { store: "kind = \"memory\"".to_owned(), ..Manifest::new(&guests::probe()) };
    let project = Project::with_events(&manifest, &[says("a", "one")]);
    for _ in 0..2 {
        let ended = project.run().expect(0);
        assert!(ended.stderr.contains("nothing survives"), "{}", ended.stderr);
    }
    assert_eq!(project.output().payloads(), ["one", "one"]);
    assert!(!project.path(".weir").exists());
}
