//! Whether a component keeps to the contract: what it exports and imports, by name.

use crate::error::LoadErrorReason;
use crate::wasi;
use wasmtime::Engine;
use wasmtime::component::{Component, ComponentExportIndex};

/// The package of the contract.
const PACKAGE: &str = "weir:action/";
/// The interface that a component exports.
const ACTIONS: &str = "weir:action/actions";
/// The version of the contract; what is compatible with it runs too.
pub const CONTRACT_VERSION: &str = "0.1.0";

/// Tells what the bytes are, before the compiler looks.
pub(crate) fn check_bytes(bytes: &[u8]) -> Result<(), LoadErrorReason> {
    match bytes {
        [0, b'a', b's', b'm', 1, 0, 0, 0, ..] => Err(LoadErrorReason::CoreModule),
        [0, b'a', b's', b'm', ..] => Ok(()),
        _ => Err(LoadErrorReason::NotWasm),
    }
}

/// The names of what the component imports, in its order.
pub(crate) fn check_names(engine: &Engine, component: &Component) -> Result<Vec<String>, LoadErrorReason> {
    let kind = component.component_type();
    let exports: Vec<&str> = kind.exports(engine).map(|(name, _)| name).collect();
    let Some(actions) = exports.iter().find(|name| split_version(name).0 == ACTIONS) else {
        let found = if exports.is_empty() { "nothing".to_owned() } else { exports.join(", ") };
        return Err(LoadErrorReason::WrongWorld { wanted: ACTIONS, found, more: "" });
    };
    check_version(actions)?;
    let imports: Vec<String> = kind.imports(engine).map(|(name, _)| name.to_owned()).collect();
    for import in &imports {
        if import.starts_with(PACKAGE) {
            check_version(import)?;
        } else if !is_empty_wasi(import) {
            return Err(LoadErrorReason::ForeignImport(import.clone()));
        }
    }
    Ok(imports)
}

/// Where the component's `invoke` is.
pub(crate) fn invoke_of(component: &Component) -> Result<ComponentExportIndex, LoadErrorReason> {
    let actions = component.get_export_index(None, format!("{ACTIONS}@{CONTRACT_VERSION}"));
    let invoke = actions.and_then(|actions| component.get_export_index(Some(&actions), "invoke"));
    invoke.ok_or_else(|| LoadErrorReason::MissingExport("no function `invoke`".to_owned()))
}

fn split_version(name: &str) -> (&str, &str) {
    name.split_once('@').unwrap_or((name, ""))
}

/// Versions 0.1.x are one contract: it grows by functions only.
fn check_version(name: &str) -> Result<(), LoadErrorReason> {
    let wanted = CONTRACT_VERSION.rsplit_once('.').expect("three numbers").0;
    let found = split_version(name).1.rsplit_once('.').map_or("", |(compatible, _)| compatible);
    if found != wanted {
        return Err(LoadErrorReason::OtherVersion { found: name.to_owned(), supported: CONTRACT_VERSION });
    }
    Ok(())
}

fn is_empty_wasi(name: &str) -> bool {
    wasi::PACKAGES.iter().any(|package| name.starts_with(package)) && split_version(name).1.starts_with("0.2.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_patch_of_the_contract_is_one_contract() {
        assert_eq!(check_version("weir:action/memory@0.1.0"), Ok(()));
        assert_eq!(check_version("weir:action/memory@0.1.7"), Ok(()));
        for other in ["weir:action/memory@0.2.0", "weir:action/memory@1.1.0", "weir:action/memory"] {
            assert!(check_version(other).is_err(), "{other}");
        }
    }

    // [S10]
    #[test]
    fn only_the_packages_that_can_be_empty_are_allowed() {
        for (name, expected) in [
            ("wasi:cli/environment@0.2.6", true),
            ("wasi:sockets/tcp@0.2.0", true),
            ("wasi:http/outgoing-handler@0.2.0", false),
            ("wasi:clocks/wall-clock@0.3.0", false),
            ("wasi:keyvalue/store@0.2.0", false),
        ] {
            assert_eq!(is_empty_wasi(name), expected, "{name}");
        }
    }
}
