//! `weir new`: what it makes in each language passes its unit test, builds and runs at once, as its README says.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output};
use weir_tests::toolchain::Toolchain;
use weir_tests::{Output as Lines, Project, Weir, files};

/// What a language's projects are known by.
struct Expected {
    language: &'static str,
    /// As `weir check` names it.
    name: &'static str,
    /// Runs the unit tests.
    test: &'static str,
    /// What a line of the tests says when they passed.
    passed: &'static str,
}

/// A project of this language, in the folder that is given as second, is put to the test.
fn a_new_project_builds_and_runs_at_once(expected: &Expected, prepare: impl FnOnce(&Path)) {
    let Some(toolchain) = Toolchain::of(expected.language) else { return };
    let project = Project::empty();
    // A user's folders may have spaces in their names.
    let made = project.weir(&["new", "--lang", expected.language, "my work/first-app"]).expect(0).stdout;
    assert!(made.contains("weir build") && made.contains(expected.test), "{made}");
    assert!(made.contains("cd 'my work/first-app'\n"), "{made}");
    let app = project.path("my work/first-app");
    prepare(&app);

    let mut test = Command::new("sh");
    test.args(["-c", expected.test]).current_dir(&app);
    let tested = said(toolchain.lend(&mut test).output().expect("run the unit tests"));
    assert!(tested.contains(expected.passed), "{tested}");

    let mut build = Weir::command(&app, &["build"]);
    said(toolchain.lend(&mut build).output().expect("run weir build"));
    // The compiler takes longer than any other command may.
    let checked = said(Weir::command(&app, &["check", "--json"]).output().expect("run weir check"));
    let found: serde_json::Value = serde_json::from_str(&checked).expect("it is JSON");
    assert_eq!(found["components"][0]["language"], expected.name);
    assert_eq!(found["problems"], serde_json::json!([]));

    Weir::start(&app, &["run"]).wait().expect(0);
    let thanks = Lines::read(&app.join("thanks.jsonl"));
    let mut spent: Vec<u64> =
        thanks.lines.iter().map(|line| line["payload"]["spent"].as_u64().expect("a number")).collect();
    spent.sort_unstable();
    assert_eq!(spent, [105, 120, 220, 250]);
    // Run again, nothing happens twice.
    Weir::start(&app, &["run"]).wait().expect(0);
    assert_eq!(Lines::read(&app.join("thanks.jsonl")).lines.len(), 4);

    let shown = Weir::start(&app, &["dev", "--once", "--no-build"]).wait().expect(0).stdout;
    for line in ["add_up ann #1  input ", "  reads   spent = 60\n", "  writes  spent = 120\n", "has spent 120\n"] {
        assert!(shown.contains(line), "{line}:\n{shown}");
    }
    assert!(shown.ends_with("6 actions, 4 outputs\n"), "{shown}");
}

/// What a command said that went well.
fn said(output: Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    if text.is_empty() { String::from_utf8_lossy(&output.stderr).into_owned() } else { text }
}

fn nothing(_: &Path) {}

#[test]
fn a_new_project_in_rust() {
    let expected = Expected {
        language: "rust",
        name: "Rust",
        test: "cargo test",
        passed: "another_hundred_is_thanked_for ... ok",
    };
    a_new_project_builds_and_runs_at_once(&expected, |app| {
        // What the SDK stands on was compiled for the other guests already.
        symlink(files::root().join("guest-sdk/rust/target"), app.join("target")).expect("link the build folder");
        std::fs::copy(files::root().join("tests/guests/Cargo.lock"), app.join("Cargo.lock"))
            .expect("copy the lock file");
    });
}

#[test]
fn a_new_project_in_javascript() {
    let expected = Expected {
        language: "javascript",
        name: "JavaScript",
        test: "npm test",
        passed: "another hundred is thanked for",
    };
    a_new_project_builds_and_runs_at_once(&expected, nothing);
}

#[test]
fn a_new_project_in_typescript() {
    let expected = Expected {
        language: "typescript",
        name: "JavaScript",
        test: "npm test",
        passed: "another hundred is thanked for",
    };
    a_new_project_builds_and_runs_at_once(&expected, nothing);
}

#[test]
fn a_new_project_in_python() {
    let expected = Expected { language: "python", name: "Python", test: "python3 -m unittest", passed: "OK" };
    a_new_project_builds_and_runs_at_once(&expected, nothing);
}

#[test]
fn a_new_project_in_go() {
    let expected = Expected { language: "go", name: "Go", test: "go test", passed: "ok " };
    a_new_project_builds_and_runs_at_once(&expected, nothing);
}

#[test]
fn a_new_project_in_c() {
    let expected = Expected { language: "c", name: "C", test: "make test", passed: "passed" };
    a_new_project_builds_and_runs_at_once(&expected, |app| {
        // Where the project's README has zig installed.
        let toolchain = Toolchain::of("c").expect("it was there a moment ago");
        symlink(toolchain.folder().expect("it is a folder"), app.join(".venv")).expect("link the environment");
    });
}

#[test]
fn a_type_that_does_not_fit_is_found_in_a_project_in_typescript() {
    let Some(toolchain) = Toolchain::of("typescript") else { return };
    let project = Project::empty();
    project.weir(&["new", "--lang", "typescript", "app"]).expect(0);
    let check = || {
        let mut check = Command::new("tsc");
        toolchain.lend(check.current_dir(project.path("app"))).output().expect("run tsc")
    };
    // Types of Node.js come with npm: `tsc` finds them among those of the toolchain.
    symlink(
        toolchain.folder().expect("it is a folder").join("node_modules/@types"),
        project.path("app/node_modules/@types"),
    )
    .expect("link");
    let well = check();
    assert!(well.status.success(), "{}", String::from_utf8_lossy(&well.stdout));
    let source = project.read("app/src/actions.ts").replace("order.amount, 0", "order.amonut, 0");
    project.write("app/src/actions.ts", source);
    let wrong = String::from_utf8_lossy(&check().stdout).into_owned();
    assert!(wrong.contains("Property 'amonut' does not exist"), "{wrong}");
}

#[test]
fn a_project_does_not_go_over_what_is_there() {
    let project = Project::empty();
    project.write("taken", "mine");
    project.weir(&["new", "--lang", "rust", "taken"]).expect_error(2, &["taken is there already"]);
    assert_eq!(project.read("taken"), "mine");
    project.weir(&["new", "--lang", "rust", "9 lives"]).expect_error(2, &["\"9 lives\" can't name a project"]);
}

#[test]
fn the_versions_that_projects_name_are_those_that_are_tested() {
    let project = Project::empty();
    let root = files::root().join("scripts/toolchains");
    let pins = |file: &str| std::fs::read_to_string(root.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
    let packages: serde_json::Value = serde_json::from_str(&pins("javascript/package.json")).expect("it is JSON");
    for language in ["javascript", "typescript"] {
        project.weir(&["new", "--lang", language, language]).expect(0);
        let text = project.read(&format!("{language}/package.json"));
        let named: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
        for (package, version) in named["devDependencies"].as_object().expect("an object") {
            assert_eq!(packages["devDependencies"][package], *version, "{package}");
        }
    }
    for (language, file) in [("python", "python/requirements.txt"), ("c", "c/requirements.txt")] {
        project.weir(&["new", "--lang", language, language]).expect(0);
        let pins = pins(file);
        let pin = pins.lines().find(|line| line.contains("==")).and_then(|line| line.split(' ').next()).expect("a pin");
        assert!(project.read(&format!("{language}/README.md")).contains(pin), "{language}: {pin}");
    }
}
