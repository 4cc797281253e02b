//! `weir build`: runs the commands of the manifest, and makes a component of a core module.

use weir_tests::{Manifest, Project};

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
