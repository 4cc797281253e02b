//! Components that are refused, each with one line that says why and what to do.

use weir_component::{
    ComponentHost, ComponentSource, Grants, HostSettings, HttpGrant, InvocationLimits, LoadError, LoadErrorReason,
};

fn refused(source: ComponentSource) -> LoadError {
    let host = ComponentHost::new(HostSettings { invocations_max: 10, ..HostSettings::default() }).unwrap();
    let error = host.load(ComponentSource { name: "a.wasm".into(), ..source }).unwrap_err();
    let line = error.to_string();
    assert!(line.starts_with("component a.wasm: ") && !line.contains('\n'), "{line}");
    error
}

fn refused_text(text: &str) -> LoadError {
    refused(ComponentSource { bytes: wat::parse_str(text).unwrap(), ..ComponentSource::default() })
}

#[test]
fn what_is_not_webassembly() {
    for bytes in [&b""[..], b"#!/bin/sh", b"(component)"] {
        let error = refused(ComponentSource { bytes: bytes.to_vec(), ..ComponentSource::default() });
        assert_eq!(error.reason, LoadErrorReason::NotWasm);
    }
}

#[test]
fn a_core_module() {
    let error = refused_text("(module (func (export \"f\")))");
    assert_eq!(error.reason, LoadErrorReason::CoreModule);
    assert!(error.to_string().contains("weir build"), "{error}");
}

#[test]
fn a_damaged_component() {
    let mut bytes = wat::parse_str("(component (core module (func)))").unwrap();
    bytes.truncate(bytes.len() - 2);
    let error = refused(ComponentSource { bytes, ..ComponentSource::default() });
    assert!(matches!(error.reason, LoadErrorReason::Malformed(_)), "{error}");
}

#[test]
fn a_component_of_another_world() {
    let error = refused_text("(component (instance $i) (export \"wasi:cli/run@0.2.0\" (instance $i)))");
    assert!(matches!(error.reason, LoadErrorReason::WrongWorld { .. }), "{error}");
    assert!(error.to_string().contains("wasi:cli/run@0.2.0") && error.to_string().contains("weir:action/actions"));
    assert!(refused_text("(component)").to_string().contains("it exports nothing"));
}

#[test]
fn a_component_for_another_version_of_the_contract() {
    let error = refused_text("(component (instance $i) (export \"weir:action/actions@0.2.0\" (instance $i)))");
    assert!(matches!(error.reason, LoadErrorReason::OtherVersion { .. }), "{error}");
    assert!(error.to_string().contains("@0.2.0") && error.to_string().contains("version 0.1.0"), "{error}");
    let error = refused_text(
        "(component (import \"weir:action/memory@0.3.0\" (instance))
           (instance $i) (export \"weir:action/actions@0.1.0\" (instance $i)))",
    );
    assert!(error.to_string().contains("weir:action/memory@0.3.0"), "{error}");
}

// [S10]
#[test]
fn a_component_with_a_foreign_import() {
    for import in ["wasi:http/outgoing-handler@0.2.0", "wasi:clocks/wall-clock@0.3.0", "other:thing/x"] {
        let error = refused_text(&format!(
            "(component (import \"{import}\" (instance))
               (instance $i) (export \"weir:action/actions@0.1.0\" (instance $i)))"
        ));
        assert_eq!(error.reason, LoadErrorReason::ForeignImport(import.to_owned()));
    }
}

#[test]
fn a_component_without_the_functions_of_the_contract() {
    let error = refused_text("(component (instance $i) (export \"weir:action/actions@0.1.0\" (instance $i)))");
    assert!(matches!(error.reason, LoadErrorReason::MissingExport(_)), "{error}");
    assert!(error.to_string().contains("describe"), "{error}");
    let error = refused_text(
        "(component (import \"weir:action/memory@0.1.0\" (instance (export \"vacuum\" (func))))
           (instance $i) (export \"weir:action/actions@0.1.0\" (instance $i)))",
    );
    assert!(error.to_string().contains("vacuum"), "{error}");
}

// [S11]
#[test]
fn a_component_or_limit_that_is_too_large() {
    let memories = "(core instance (instantiate $m))".repeat(5);
    let error = refused_text(&format!(
        "(component (core module $m (memory 1)) {memories}
           (instance $i) (export \"weir:action/actions@0.1.0\" (instance $i)))"
    ));
    assert!(error.to_string().contains("contains 5 Wasm linear memories"), "{error}");

    let limits = InvocationLimits { memory_bytes_max: 1 << 40, ..InvocationLimits::default() };
    let bytes = wat::parse_str("(component)").unwrap();
    let error = refused(ComponentSource { bytes, limits: limits.into(), ..ComponentSource::default() });
    assert!(error.to_string().contains("limits.memory_bytes_max"), "{error}");
}

// [S10]
#[test]
fn a_grant_that_means_nothing() {
    let grant = HttpGrant { origin: "https://a/path".into(), secret_headers: Vec::new() };
    let bytes = wat::parse_str("(component)").unwrap();
    let error = refused(ComponentSource { bytes, grants: Grants { http: vec![grant] }, ..ComponentSource::default() });
    assert!(error.to_string().contains("grant.http \"https://a/path\""), "{error}");
}
