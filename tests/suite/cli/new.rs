//! `weir new`: what it makes builds and runs at once.

use std::os::unix::fs::symlink;
use std::process::Command;
use weir_tests::{Output, Project, Weir, files};

#[test]
fn a_new_project_builds_and_runs_at_once() {
    let project = Project::empty();
    project.weir(&["new", "--lang", "rust", "first-app"]).expect(0);
    let app = project.path("first-app");
    // The SDK was compiled for the other guests already.
    symlink(files::root().join("guest-sdk/rust/target"), app.join("target")).expect("link the build folder");
    std::fs::copy(files::root().join("tests/guests/Cargo.lock"), app.join("Cargo.lock")).expect("copy the lock file");
    let mut build = Weir::command(&app, &["build"]);
    build.envs(guest_environment()).env_remove("CARGO_TARGET_DIR");
    let built = build.output().expect("run weir build");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let checked = Weir::start(&app, &["check"]).wait().expect(0);
    assert!(checked.stdout.contains("all is well"), "{}", checked.stdout);
    Weir::start(&app, &["run"]).wait().expect(0);
    let thanks = Output::read(&app.join("thanks.jsonl"));
    assert_eq!(thanks.lines.len(), 4);
    // Run again, nothing happens twice.
    Weir::start(&app, &["run"]).wait().expect(0);
    assert_eq!(Output::read(&app.join("thanks.jsonl")).lines.len(), 4);
}

/// What a build of a guest needs in its environment, as `scripts/wasm-target` says.
fn guest_environment() -> Vec<(String, String)> {
    let output = Command::new(files::root().join("scripts/wasm-target")).output().expect("run scripts/wasm-target");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let script = String::from_utf8(output.stdout).expect("it is text") + "\nprintf %s \"${RUSTC-}\"";
    let rustc = Command::new("sh").arg("-c").arg(script).output().expect("run sh").stdout;
    let rustc = String::from_utf8(rustc).expect("it is text");
    if rustc.is_empty() { Vec::new() } else { vec![("RUSTC".to_owned(), rustc)] }
}

#[test]
fn a_project_does_not_go_over_what_is_there() {
    let project = Project::empty();
    project.write("taken", "mine");
    project.weir(&["new", "--lang", "rust", "taken"]).expect_error(2, &["taken is there already"]);
    assert_eq!(project.read("taken"), "mine");
    project.weir(&["new", "--lang", "rust", "9 lives"]).expect_error(2, &["\"9 lives\" can't name a project"]);
}
