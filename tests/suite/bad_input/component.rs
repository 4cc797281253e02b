//! Components that the host refuses.

use weir_tests::{Manifest, Project, guests};

/// A component that exports `actions` of this version and imports one interface.
fn component(version: &str, import: &str) -> Vec<u8> {
    let text = format!(
        "(component
           (import \"{import}\" (instance))
           (instance $actions)
           (export \"weir:action/actions@{version}\" (instance $actions)))"
    );
    wat::parse_str(text).expect("this is a component")
}

fn refused(name: &str, bytes: &[u8], words: &[&str]) {
    let project = Project::with_events(&Manifest::new(&guests::tally()), []);
    project.write(name, bytes);
    let set = format!("component.0.path={name}");
    project.run_with(&["--set", &set]).expect_error(2, &[&[name][..], words].concat());
    assert!(!project.path(".weir").exists(), "no store is made for it");
    project.run().expect(0);
}

// [S10]
#[test]
fn a_component_with_a_foreign_import_is_refused_by_its_name() {
    let foreign = component("0.1.0", "weather:report/today@1.0.0");
    refused("foreign.wasm", &foreign, &["imports weather:report/today@1.0.0", "a guest is not given"]);
    refused("http.wasm", &component("0.1.0", "wasi:http/types@0.2.0"), &["imports wasi:http/types@0.2.0"]);
}

#[test]
fn a_component_of_another_version_of_the_contract_is_refused() {
    let older = component("0.0.1", "weir:action/memory@0.0.1");
    refused("older.wasm", &older, &["weir:action/actions@0.0.1", "this host supports version 0.1.0"]);
    let newer = component("0.1.0", "weir:action/memory@0.2.0");
    refused("newer.wasm", &newer, &["weir:action/memory@0.2.0", "this host supports version 0.1.0"]);
}

#[test]
fn a_component_of_another_world_is_refused() {
    let text = "(component (instance $i) (export \"shop:cart/checkout@1.0.0\" (instance $i)))";
    let other = wat::parse_str(text).expect("this is a component");
    refused("other.wasm", &other, &["exports no weir:action/actions", "shop:cart/checkout@1.0.0"]);
}

#[test]
fn what_is_no_component_is_refused() {
    refused("text.wasm", b"once upon a time", &["not WebAssembly"]);
    refused("module.wasm", b"\0asm\x01\0\0\0", &["a core module, not a component", "weir build"]);
    let cut = std::fs::read(guests::tally()).expect("read a component");
    refused("cut.wasm", &cut[..cut.len() / 2], &["cannot be compiled", "is it whole? build it again"]);
    refused("empty.wasm", b"", &["not WebAssembly"]);
}

// [S11]
#[test]
fn a_limit_that_no_host_can_give_is_refused_by_its_name() {
    let limits = "component.0.limits";
    for (limit, value) in [("stack_bytes_max", 1_u64 << 40), ("memory_bytes_max", 1 << 40)] {
        let project = Project::with_events(&Manifest::new(&guests::tally()), []);
        let said = format!("limits.{limit} = {value} is over what this host can give");
        project.run_with(&["--set", &format!("{limits}.{limit}={value}")]).expect_error(2, &[&said]);
    }
}

#[test]
fn a_missing_component_says_how_it_is_made() {
    let project = Project::with_events(&Manifest::new(&guests::tally()), []);
    project.run_with(&["--set", "component.0.path=gone.wasm"]).expect_error(2, &["gone.wasm", "No such file"]);
    let set = ["--set", "component.0.path=gone.wasm", "--set", "component.0.build=make"];
    project.run_with(&set).expect_error(2, &["gone.wasm", "`weir build` makes it"]);
    for command in ["check", "plan"] {
        let ended = project.weir(&[command, set[0], set[1]]).expect(2);
        assert!((ended.stdout + &ended.stderr).contains("--set component.0.path=gone.wasm: read component gone.wasm"));
    }
}
