//! `weir build`: runs the commands of the manifest, and makes a component of a core module.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Output;
use weir_tests::toolchain::Toolchain;
use weir_tests::{Manifest, Project, Weir, files};

/// A guest by hand: one action, `say`, that listens to `input` and does nothing.
const MODULE: &str = r#"(module
    (memory (export "memory") 1)
    (data (i32.const 64) "{\"sdk\":\"by hand\",\"actions\":[{\"name\":\"say\",\"listens_to\":[\"input\"]}]}")
    (data (i32.const 16) "\40\00\00\00\43\00\00\00")
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
    (func (export "weir:action/actions@0.1.0#describe") (result i32) (i32.const 16))
    (func (export "weir:action/actions@0.1.0#invoke") (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
        (i32.const 32))
)"#;

fn project(build: &str) -> Project {
    let manifest = Manifest::new("made.wasm".as_ref()).component(&format!("build = {build:?}"));
    let event = serde_json::json!({"key": "a"});
    let project = Project::with_events(&manifest, &[event]);
    project.write("core.wasm", wat::parse_str(MODULE).expect("it is well formed"));
    project
}

#[test]
fn a_core_module_becomes_a_component_that_runs() {
    let project = project("cp core.wasm made.wasm");
    let said = project.weir(&["build"]).expect(0).stdout;
    assert_eq!(said, "made.wasm: core module, made a component\n");
    let found = project.weir(&["check", "--json"]).expect(0).json();
    assert_eq!(found["components"][0]["sdk"], "by hand");
    project.run().expect(0);
    let files: Vec<_> = std::fs::read_dir(project.folder()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert!(!files.iter().any(|name| name.to_string_lossy().contains(".new")), "{files:?}");
}

#[test]
fn a_build_that_fails_shows_its_output_and_what_to_install() {
    let failed = project("echo what went wrong; exit 7").weir(&["build"]).expect(2);
    assert!(failed.stderr.contains("what went wrong\n"), "{}", failed.stderr);
    project("echo what; exit 7").weir(&["build"]).expect_error(2, &["`echo what; exit 7` failed (exit status: 7)"]);
    let missing = project("PATH= componentize-py -o made.wasm").weir(&["build"]).expect(2);
    let said: Vec<&str> = missing.stderr.lines().filter(|line| !line.starts_with("building")).collect();
    let install = "python3 -m venv .venv && .venv/bin/pip install componentize-py==0.25.1";
    assert_eq!(said, [format!("error: componentize-py is missing: {install}")], "one line, and no other");
    project("no-such-tool").weir(&["build"]).expect_error(2, &["no-such-tool", "install the tool"]);
    let no_target = "echo 'the `wasm32-wasip2` target may not be installed'; exit 1";
    project(no_target).weir(&["build"]).expect_error(2, &["rustup target add wasm32-wasip2"]);
}

#[test]
fn a_build_that_makes_something_else_says_so() {
    project("true").weir(&["build"]).expect_error(2, &["made.wasm is not there", "does `path` name what it makes?"]);
    project("echo hello >made.wasm").weir(&["build"]).expect_error(2, &["made.wasm is not WebAssembly"]);
    let misfit = project("cp misfit.wasm made.wasm");
    misfit.write("misfit.wasm", b"\0asm\x01\0\0\0");
    misfit.weir(&["build"]).expect_error(2, &["does not fit the world"]);
}

#[test]
fn a_build_that_goes_well_tells_its_warnings_and_nothing_else() {
    let clean = project("cp core.wasm made.wasm; echo '   Compiling a v1'").weir(&["build"]).expect(0).stderr;
    assert_eq!(clean.lines().count(), 2, "it begins and ends:\n{clean}");
    let warned = project("cp core.wasm made.wasm; echo 'warning: mind the gap'").weir(&["build"]).expect(0).stderr;
    assert!(warned.contains("\nwarning: mind the gap\nbuilt in "), "{warned}");
}

/// Builds a new project whose source was changed. Its name is no other's: those in Rust share a build folder.
fn build_changed(
    name: &str,
    language: &str,
    source: &str,
    change: impl Fn(String) -> String,
    prepare: impl Fn(&Path),
) -> Option<(Project, Output)> {
    let toolchain = Toolchain::of(language)?;
    let project = Project::empty();
    project.weir(&["new", "--lang", language, name]).expect(0);
    let source = format!("{name}/{source}");
    project.write(&source, change(project.read(&source)));
    let app = project.path(name);
    prepare(&app);
    let built = toolchain.lend(&mut Weir::command(&app, &["build"])).output().expect("run weir build");
    Some((project, built))
}

/// What a build said that went well.
fn said(built: &Output) -> String {
    let said = String::from_utf8_lossy(&built.stderr).into_owned();
    assert!(built.status.success(), "{said}");
    said
}

/// What the SDK stands on was compiled for the other guests already.
fn share_target(app: &Path) {
    symlink(files::root().join("guest-sdk/rust/target"), app.join("target")).expect("link the build folder");
    std::fs::copy(files::root().join("tests/guests/Cargo.lock"), app.join("Cargo.lock")).expect("copy the lock file");
}

#[test]
fn an_action_in_rust_that_is_not_exported_is_told_by_the_build() {
    let change =
        |source: String| source + "\n#[action(\"more\")]\nfn thank(_: Order, _: &Context) -> Result {\n    Ok(())\n}\n";
    let Some((_, built)) = build_changed("unlisted", "rust", "src/lib.rs", change, share_target) else { return };
    let said = said(&built);
    assert!(said.contains("warning: function `thank` is never used"), "{said}");
    assert!(!said.contains("Finished"), "{said}");
}

#[test]
fn a_component_in_rust_that_exports_nothing_says_what_to_write() {
    let change = |source: String| source.replace("weir_sdk::export!(add_up);", "");
    let Some((project, built)) = build_changed("exporting-nothing", "rust", "src/lib.rs", change, share_target) else {
        return;
    };
    said(&built);
    let export = "in Rust, end src/lib.rs with `weir_sdk::export!(ACTION, …)`";
    let checked = project.weir(&["check", "exporting-nothing"]).expect(2).stdout;
    assert!(checked.contains("(it exports nothing)") && checked.contains(export), "{checked}");
    project.weir(&["run", "exporting-nothing"]).expect_error(2, &[export]);
}

#[test]
fn an_async_action_in_rust_is_one_mistake() {
    let change = |source: String| source.replace("fn add_up", "async fn add_up");
    let Some((_, built)) = build_changed("async-action", "rust", "src/lib.rs", change, share_target) else { return };
    assert_eq!(built.status.code(), Some(2));
    let said = String::from_utf8_lossy(&built.stderr).into_owned();
    assert!(said.contains("error: an action is not async: "), "{said}");
    assert!(said.contains("due to 1 previous error"), "no other mistake hides it:\n{said}");
}

#[test]
fn an_async_function_in_javascript_is_told_by_the_build() {
    let change = |source: String| source + "\nexport async function later() {}\n";
    let Some((_, built)) = build_changed("async-function", "javascript", "src/actions.js", change, |_| {}) else {
        return;
    };
    let said = said(&built);
    assert!(said.contains("warning: src/actions.js:") && said.contains("an async function: "), "{said}");
}
