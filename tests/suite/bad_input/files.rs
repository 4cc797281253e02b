//! Files that a manifest names and that are not there, or are not what they should be: told where they are named.

use serde_json::json;
use weir_tests::{Manifest, Project, guests};

/// Where a line of the manifest stands that begins so.
fn place(project: &Project, begin: &str) -> String {
    let text = project.read("weir.toml");
    let line = text.lines().position(|line| line.starts_with(begin)).expect("the manifest has it") + 1;
    format!("weir.toml:{line}:")
}

// [S35]
#[test]
fn a_source_file_that_is_not_there_is_named_with_line_column_and_near_name_and_nothing_is_made() {
    let project = Project::new(&Manifest::new(&guests::tally()));
    project.write("inn.jsonl", "");
    let place = format!("{}1: ", place(&project, "file = \"in.jsonl\""));
    let words = [&place[..], "read source file in.jsonl: No such file", "did you mean `inn.jsonl`?"];
    project.run().expect_error(2, &words);
    project
        .run_with(&["--set", "source.file=gone"])
        .expect_error(2, &["--set source.file=gone: read source file gone"]);
    for made in [".weir", "out.jsonl"] {
        assert!(!project.path(made).exists(), "{made} is not made for it");
    }
}

// [S35] [S29]
#[test]
fn a_folder_that_is_not_there_for_outputs_or_dead_letters_is_named_before_anything_is_made() {
    let manifest = Manifest::new(&guests::tally());
    let sink =
        Project::with_events(&manifest.clone().sink(Some("file = \"outt/lines.jsonl\"")), [&json!({"key": "a"})]);
    let letters = manifest.with("[dead_letter]\nfile = \"outt/lines.jsonl\"");
    let letters = Project::with_events(&letters, [&json!({"key": "a"})]);
    for (project, what) in [(&sink, "sink file"), (&letters, "dead-letter file")] {
        std::fs::create_dir(project.path("out")).expect("make a folder");
        let place = format!("{}1: ", place(project, "file = \"outt/"));
        let open = format!("open {what} outt/lines.jsonl: folder outt: No such file");
        project.run().expect_error(2, &[&place, &open, "did you mean `out`?"]);
        assert!(!project.path(".weir").exists(), "nothing is made for it");
        std::fs::create_dir(project.path("outt")).expect("make the folder");
        project.run().expect(0);
    }
}

// [S29] [S35]
#[test]
fn a_dead_letter_that_cannot_be_written_is_named_as_one_and_not_lost() {
    let project = Project::new(&Manifest::new(&guests::tally()));
    project.write("in.jsonl", "nonsense\n");
    let mut command = std::process::Command::new("bash");
    // The file is as long as files may be, so that an append fails, and only that.
    let script = "trap '' XFSZ; ulimit -f 100000; exec \"$0\" run --set source.on_bad_event=set-aside";
    let letters = std::fs::File::create(project.path("dead-letters.jsonl")).expect("make the file");
    letters.set_len(100_000 << 10).expect("stretch it");
    command.args(["-c", script, &weir_tests::files::weir().display().to_string()]);
    command.current_dir(project.folder()).env("XDG_CACHE_HOME", weir_tests::files::cache());
    let words = ["append to dead-letter file", "dead-letters.jsonl", "nothing is lost"];
    weir_tests::Weir::spawn(command).wait().expect_error(1, &words);
    project.run_with(&["--set", "source.on_bad_event=set-aside"]).expect(0);
    assert_eq!(project.read("dead-letters.jsonl").matches("nonsense").count(), 1);
}

#[test]
fn a_pipe_is_no_component() {
    let project = Project::with_events(&Manifest::new("pipe.wasm".as_ref()), []);
    let made = std::process::Command::new("mkfifo").arg(project.path("pipe.wasm")).status();
    assert!(made.is_ok_and(|status| status.success()), "make a pipe");
    let place = format!("{}1: ", place(&project, "path = "));
    // Nobody writes to it: a host that opened it would wait.
    project.run().expect_error(2, &[&place, "read component pipe.wasm: it is no regular file"]);
}

#[test]
fn a_manifest_that_is_no_text_is_told_with_its_place() {
    let project = Project::empty();
    project.write("weir.toml", b"name = \"caf\xe9\"\n");
    project.run().expect_error(2, &["weir.toml:1:12: the manifest is not UTF-8 text"]);
    project.write("weir.toml", b"\xef\xbb\xbfname = \"a\"\n\n[source]\nkey = \"\xff\"\n");
    project.run().expect_error(2, &["weir.toml:4:8: the manifest is not UTF-8 text"]);
    project.write("weir.toml", "\u{feff}nam = \"a\"\n");
    project.run().expect_error(2, &["weir.toml:1:1: unknown field `nam`", "did you mean `name`?"]);
}

// [S1] [S35]
#[test]
fn a_pipe_is_no_source_file_for_it_can_not_be_read_again() {
    let project = Project::with_events(&Manifest::new(&guests::tally()), [&json!({"key": "a"})]);
    let made = std::process::Command::new("mkfifo").arg(project.path("pipe")).status();
    assert!(made.is_ok_and(|status| status.success()), "make a pipe");
    // Nobody writes to it: a host that opened it would wait.
    project.run_with(&["--set", "source.file=pipe"]).expect_error(2, &["source.file=pipe", "source.stdin"]);
    project.run_with(&["--set", "source.file=."]).expect_error(2, &["it is a folder"]);
    assert!(!project.path(".weir").exists(), "nothing is made for it");
    project.run().expect(0);
}

#[test]
fn a_component_that_is_not_there_is_named_with_line_column_and_near_name() {
    let project = Project::with_events(&Manifest::new("tally.wasm".as_ref()), []);
    project.write("talley.wasm", "");
    let place = format!("{}1: ", place(&project, "path = "));
    let words = [&place[..], "read component tally.wasm: No such file", "did you mean `talley.wasm`?"];
    for command in ["run", "plan"] {
        project.weir(&[command]).expect_error(2, &words);
    }
    let found = project.weir(&["check"]).expect(2).stdout;
    for words in words {
        assert!(found.contains(words), "{words}:\n{found}");
    }
}

#[test]
fn settings_for_an_action_that_is_not_there_are_named_with_line_column_and_near_name() {
    let manifest = Manifest::new(&guests::tally()).with("[action.taly]\non_failure = \"stop\"");
    let project = Project::with_events(&manifest, []);
    let place = place(&project, "[action.taly]");
    let words = [&place[..], "no component has an action `taly`, did you mean `tally`?"];
    for command in ["run", "plan"] {
        project.weir(&[command]).expect_error(2, &words);
    }
    let found = project.weir(&["check"]).expect(2).stdout;
    for words in words {
        assert!(found.contains(words), "{words}:\n{found}");
    }
}
