//! Wrong use: one clear line and exit code 2; nothing is made, nothing is lost.

use weir_tests::{Manifest, Project, guests};

fn project() -> Project {
    Project::with_events(&Manifest::new(&guests::probe()), [])
}

#[test]
fn help_has_examples_and_exit_codes() {
    let project = Project::empty();
    let help = project.weir(&["--help"]).expect(0).stdout;
    for words in ["Examples:", "Exit codes:", "3  the input is at its end, but keys are quarantined"] {
        assert!(help.contains(words), "{help}");
    }
    let commands: [&[&str]; 14] = [
        &["run"],
        &["send"],
        &["check"],
        &["plan"],
        &["topics"],
        &["inspect"],
        &["inspect", "key"],
        &["quarantine"],
        &["quarantine", "list"],
        &["quarantine", "retry"],
        &["quarantine", "discard"],
        &["new"],
        &["build"],
        &["completions"],
    ];
    for command in commands {
        let help = project.weir(&[command, &["--help"]].concat()).expect(0).stdout;
        assert!(help.contains("Usage: weir"), "{help}");
        let has_examples = help.contains("Examples:");
        assert!(has_examples || command.len() == 2, "weir {command:?} --help has no example");
    }
}

#[test]
fn what_the_command_line_does_not_know_is_wrong_use() {
    let project = project();
    for arguments in [
        &["bogus"][..],
        &["run", "--bogus"],
        &["inspect", "bogus"],
        &["inspect", "keys", "--limit", "0"],
        &["new", "--lang", "cobol", "x"],
    ] {
        let ended = project.weir(arguments).expect(2);
        assert!(ended.stderr.starts_with("error: "), "{}", ended.stderr);
    }
    project.weir(&["check", "--log-level", "weir=loud"]).expect_error(2, &["--log-level weir=loud"]);
}

#[test]
fn a_mistake_in_the_manifest_is_named_with_line_and_column() {
    let manifest = Manifest::new(&guests::probe());
    let project = Project::new(&manifest.with("[host]\nshard = 1"));
    let text = project.read("weir.toml");
    let line = text.lines().position(|line| line.starts_with("shard")).expect("it is there") + 1;
    let place = format!("weir.toml:{line}:1: ");
    for command in ["run", "check", "plan", "build"] {
        let words = [place.as_str(), "unknown field `shard` in [host], did you mean `shards`?"];
        project.weir(&[command]).expect_error(2, &words);
    }
    project.weir(&["inspect", "keys"]).expect_error(2, &[&place]);
    assert!(!project.path(".weir").exists(), "nothing was made");
}

#[test]
fn a_mistake_in_an_override_is_named_with_the_argument() {
    let project = project();
    let set = "component.0.limit.calls_max=1";
    project
        .run_with(&["--set", set])
        .expect_error(2, &["--set component.0.limit.calls_max=1: ", "did you mean `limits`?"]);
    project.run_with(&["--set", "store.kind=kafka"]).expect_error(2, &["--set store.kind=kafka", "Kafka"]);
}

#[test]
fn a_manifest_that_is_not_there_says_what_to_do() {
    let project = Project::empty();
    project.run().expect_error(2, &["weir.toml: no manifest here", "weir new"]);
    project.run_with(&["elsewhere/weir.toml"]).expect_error(2, &["elsewhere/weir.toml: no manifest here"]);
}

#[test]
fn what_is_no_component_is_refused_in_one_line() {
    let project = project();
    project.write("text.wasm", "not wasm at all");
    project.write("module.wasm", b"\0asm\x01\0\0\0");
    project.write("empty.wasm", b"\0asm\x0d\0\x01\0");
    let cases = [
        ("missing.wasm", "missing.wasm"),
        ("text.wasm", "not WebAssembly"),
        ("module.wasm", "a core module, not a component; `weir build` makes a component of it"),
        ("empty.wasm", "exports no weir:action/actions"),
    ];
    for (file, words) in cases {
        let set = format!("component.0.path={file}");
        for command in ["run", "plan"] {
            project.weir(&[command, "--set", &set]).expect_error(2, &[file, words]);
        }
        let checked = project.weir(&["check", "--set", &set]).expect(2);
        assert!(checked.stdout.contains(words), "{}", checked.stdout);
    }
}

#[test]
fn settings_for_an_action_that_is_not_there_are_refused_with_a_near_name() {
    let project = project();
    let set = ["--set", "action.scrip.on_failure=stop"];
    for command in ["run", "plan"] {
        let words = ["--set action.scrip.on_failure=stop: ", "did you mean `script`?"];
        project.weir(&[&[command][..], &set].concat()).expect_error(2, &words);
    }
    let checked = project.weir(&[&["check"][..], &set].concat()).expect(2);
    assert!(checked.stdout.contains("did you mean `script`?"), "{}", checked.stdout);
}

#[test]
fn colour_is_only_where_it_is_asked_for() {
    let project = Project::empty();
    let coloured = |arguments: &[&str]| project.weir(&[&["run"], arguments].concat()).expect(2).stderr.contains('\x1b');
    assert!(!coloured(&[]), "a pipe is no terminal");
    assert!(coloured(&["--color", "always"]));
    assert!(!coloured(&["--color", "never"]));
}

#[test]
fn completions_are_made_for_each_shell() {
    let project = Project::empty();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = project.weir(&["completions", shell]).expect(0).stdout;
        assert!(script.contains("quarantine"), "{shell}");
    }
}
