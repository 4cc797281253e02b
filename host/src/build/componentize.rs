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

/// WASI of before the components, which toolchains for Go and C ask for: answered inside the component.
const PREVIEW1: &str = "wasi_snapshot_preview1";
const PREVIEW1_MODULE: &str = include_str!("preview1.wat");
const PREVIEW1_WORLD: (&str, &str) = ("preview1.wit", include_str!("preview1.wit"));

/// Why a core module can't be made a component: it does not fit the world.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the module does not fit the world `component` of weir:action: {0}")]
pub struct ComponentizeError(String);

impl ComponentizeError {
    /// In one line, whatever the libraries say.
    fn new(error: impl std::fmt::Display) -> Self {
        Self(error.to_string().trim().replace('\n', ", "))
    }
}

/// The component that this core module is the code of.
pub fn componentize(module: &[u8]) -> Result<Vec<u8>, ComponentizeError> {
    let failed = |error: anyhow::Error| ComponentizeError::new(format_args!("{error:#}"));
    let mut module = module.to_vec();
    if !names_its_world(&module) {
        embed_world(&mut module, &CONTRACT, WORLD)?;
    }
    let encoder = ComponentEncoder::default().validate(true).module(&module).map_err(failed)?;
    let mut encoder = encoder.adapter(PREVIEW1, &preview1()?).map_err(failed)?;
    encoder.encode().map_err(failed)
}

/// The module that answers WASI preview1; it is left out of a component that does not ask for it.
fn preview1() -> Result<Vec<u8>, ComponentizeError> {
    let mut module = wat::parse_str(PREVIEW1_MODULE).map_err(ComponentizeError::new)?;
    let sources: Vec<(&str, &str)> = CONTRACT.into_iter().chain([PREVIEW1_WORLD]).collect();
    embed_world(&mut module, &sources, "preview1")?;
    Ok(module)
}

/// Writes into a module which world it is made for.
fn embed_world(module: &mut Vec<u8>, sources: &[(&str, &str)], world: &str) -> Result<(), ComponentizeError> {
    let (resolve, world) = read_world(sources, world).map_err(ComponentizeError::new)?;
    embed_component_metadata(module, &resolve, world, StringEncoding::UTF8)
        .map_err(|error| ComponentizeError::new(format_args!("{error:#}")))
}

fn read_world(sources: &[(&str, &str)], world: &str) -> Result<(Resolve, wit_parser::WorldId), String> {
    let mut map = SourceMap::default();
    for (name, text) in sources {
        map.push_str(name, *text);
    }
    let package = map.parse().map_err(|(map, error)| error.render(&map))?;
    let mut resolve = Resolve::default();
    let package = resolve.push_group(package).map_err(|error| error.to_string())?;
    let world = resolve.select_world(&[package], Some(world)).map_err(|error| format!("{error:#}"))?;
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
        read_world(&CONTRACT, WORLD).unwrap();
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
    fn what_asks_for_preview1_becomes_a_component_that_imports_no_wasi() {
        let import =
            r#"(import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32))) (memory"#;
        let component = componentize(&wat::parse_str(GUEST.replace("(memory", import)).unwrap()).unwrap();
        let host = weir_component::ComponentHost::new(Default::default()).unwrap();
        let source = weir_component::ComponentSource { bytes: component, ..Default::default() };
        let imports = host.load(source).unwrap().imports().to_vec();
        assert!(!imports.iter().any(|import| import.starts_with("wasi:")), "{imports:?}");
        let unknown = GUEST.replace("(memory", &import.replace("fd_write", "fd_tell_fortune"));
        let refused = componentize(&wat::parse_str(unknown).unwrap()).unwrap_err().to_string();
        assert!(refused.contains("fd_tell_fortune"), "{refused}");
    }

    #[test]
    fn a_module_that_does_not_fit_is_refused_in_one_line() {
        let empty = componentize(&wat::parse_str("(module)").unwrap()).unwrap_err().to_string();
        assert!(empty.contains("does not fit the world") && !empty.contains('\n'), "{empty}");
        assert!(componentize(b"\0asm\x01\0\0\0\xff").is_err());
    }
}
