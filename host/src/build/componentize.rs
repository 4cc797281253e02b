//! From a core module to a component of the world `component`.

use super::module::names_its_world;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::{Resolve, SourceMap};

/// The contract with guests, as it stands in this release.
const CONTRACT: [(&str, &str); 9] = [
    ("actions.wit", include_str!("../../../wit/actions.wit")),
    ("durable-call.wit", include_str!("../../../wit/durable-call.wit")),
    ("events.wit", include_str!("../../../wit/events.wit")),
    ("host.wit", include_str!("../../../wit/host.wit")),
    ("http.wit", include_str!("../../../wit/http.wit")),
    ("invocation.wit", include_str!("../../../wit/invocation.wit")),
    ("memory.wit", include_str!("../../../wit/memory.wit")),
    ("types.wit", include_str!("../../../wit/types.wit")),
    ("world.wit", include_str!("../../../wit/world.wit")),
];
const WORLD: &str = "component";
const PREVIEW1: &str = "wasi_snapshot_preview1";

/// Why a core module can't be made a component.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ComponentizeError {
    /// It asks for WASI of before the components.
    #[error("the module imports {PREVIEW1}: build it for wasm32-wasip2, or without WASI (wasm32-unknown-unknown)")]
    Preview1,
    /// It does not fit the world.
    #[error("the module does not fit the world `component` of weir:action: {0}")]
    Misfit(String),
}

/// The component that this core module is the code of.
pub fn componentize(module: &[u8]) -> Result<Vec<u8>, ComponentizeError> {
    let misfit =
        |error: &dyn std::fmt::Display| ComponentizeError::Misfit(error.to_string().trim().replace('\n', ", "));
    let mut module = module.to_vec();
    if !names_its_world(&module) {
        let (resolve, world) = contract().map_err(|error| misfit(&error))?;
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)
            .map_err(|error| misfit(&format_args!("{error:#}")))?;
    }
    let encoder = ComponentEncoder::default().validate(true).module(&module);
    let component = encoder.and_then(|mut encoder| encoder.encode()).map_err(|error| format!("{error:#}"));
    component.map_err(|error| match error.contains(PREVIEW1) {
        true => ComponentizeError::Preview1,
        false => misfit(&error),
    })
}

fn contract() -> Result<(Resolve, wit_parser::WorldId), String> {
    let mut sources = SourceMap::default();
    for (name, text) in CONTRACT {
        sources.push_str(name, text);
    }
    let package = sources.parse().map_err(|(sources, error)| error.render(&sources))?;
    let mut resolve = Resolve::default();
    let package = resolve.push_group(package).map_err(|error| error.to_string())?;
    let world = resolve.select_world(&[package], Some(WORLD)).map_err(|error| format!("{error:#}"))?;
    Ok((resolve, world))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::{Binary, binary_kind};

    /// A guest by hand: one action, `say`, that listens to `input`.
    const GUEST: &str = r#"(module
        (memory (export "memory") 1)
        (data (i32.const 64) "{\"sdk\":\"by hand\",\"actions\":[{\"name\":\"say\",\"listens_to\":[\"input\"]}]}")
        (data (i32.const 16) "\40\00\00\00\43\00\00\00")
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
        (func (export "weir:action/actions@0.1.0#describe") (result i32) (i32.const 16))
        (func (export "weir:action/actions@0.1.0#invoke") (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32) (i32.const 32))
    )"#;

    #[test]
    fn the_contract_in_the_binary_is_whole() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../wit");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.ends_with(".wit"))
            .collect();
        files.sort();
        assert_eq!(files, CONTRACT.map(|(name, _)| name.to_owned()));
        contract().unwrap();
    }

    #[test]
    fn a_core_module_becomes_a_component_that_the_host_takes() {
        let module = wat::parse_str(GUEST).unwrap();
        let component = componentize(&module).unwrap();
        assert_eq!(binary_kind(&component), Binary::Component);
        let host = weir_component::ComponentHost::new(Default::default()).unwrap();
        let source = weir_component::ComponentSource { bytes: component, ..Default::default() };
        let loaded = host.load(source).unwrap();
        assert_eq!(loaded.describe().sdk, "by hand");
        assert_eq!(loaded.describe().actions[0].name.as_str(), "say");
    }

    #[test]
    fn a_module_that_does_not_fit_is_refused_in_one_line() {
        let empty = componentize(&wat::parse_str("(module)").unwrap()).unwrap_err().to_string();
        assert!(empty.contains("does not fit the world") && !empty.contains('\n'), "{empty}");
        let with_import = GUEST.replace(
            "(memory",
            r#"(import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32))) (memory"#,
        );
        assert_eq!(componentize(&wat::parse_str(&with_import).unwrap()), Err(ComponentizeError::Preview1));
        assert!(componentize(b"\0asm\x01\0\0\0\xff").is_err());
    }
}
