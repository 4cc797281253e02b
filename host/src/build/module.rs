//! What a WebAssembly file is, as far as its first bytes and the names of its custom sections tell.

/// What sort of binary a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binary {
    /// A component.
    Component,
    /// A core module, which is to be made a component.
    CoreModule,
    /// Something else.
    Other,
}

const MAGIC: &[u8] = b"\0asm";
const MODULE_VERSION: &[u8] = &[1, 0, 0, 0];
/// Component binaries have a layer field of 1 behind a version of their own.
const COMPONENT_LAYER: &[u8] = &[1, 0];
const CUSTOM_SECTION: u8 = 0;

/// What sort of binary these bytes are.
pub fn binary_kind(bytes: &[u8]) -> Binary {
    match (bytes.get(..4), bytes.get(4..8)) {
        (Some(MAGIC), Some(MODULE_VERSION)) => Binary::CoreModule,
        (Some(MAGIC), Some(version)) if version.ends_with(COMPONENT_LAYER) => Binary::Component,
        _ => Binary::Other,
    }
}

/// Whether the module says itself which world it is made for, as the generators of bindings have it say.
pub(super) fn names_its_world(module: &[u8]) -> bool {
    let mut rest = module.get(8..).unwrap_or_default();
    while let Some((id, body, next)) = section(rest) {
        if id == CUSTOM_SECTION && custom_name(body).is_some_and(|name| name.starts_with(b"component-type")) {
            return true;
        }
        rest = next;
    }
    false
}

/// The first section: id, body, and what is behind it.
fn section(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&id, rest) = bytes.split_first()?;
    let (size, rest) = length(rest)?;
    let (body, next) = rest.split_at_checked(size)?;
    Some((id, body, next))
}

fn custom_name(body: &[u8]) -> Option<&[u8]> {
    let (size, rest) = length(body)?;
    rest.get(..size)
}

/// A length in LEB128, of 32 bits at most.
fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut value = 0u64;
    for (at, byte) in bytes.iter().take(5).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((usize::try_from(value).ok()?, &bytes[at + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binaries_are_told_apart() {
        assert_eq!(binary_kind(b"\0asm\x01\0\0\0"), Binary::CoreModule);
        assert_eq!(binary_kind(b"\0asm\x0d\0\x01\0"), Binary::Component);
        assert_eq!(binary_kind(b"#!/bin/sh"), Binary::Other);
        assert_eq!(binary_kind(b"\0asm"), Binary::Other);
    }

    #[test]
    fn a_module_that_names_its_world_is_known_and_a_damaged_one_is_no_panic() {
        let mut module = b"\0asm\x01\0\0\0".to_vec();
        assert!(!names_its_world(&module));
        module.extend([CUSTOM_SECTION, 5, 4]);
        module.extend(b"name");
        assert!(!names_its_world(&module));
        module.extend([CUSTOM_SECTION, 17, 16]);
        module.extend(b"component-type:x");
        assert!(names_its_world(&module));
        for end in 0..module.len() {
            assert!(!names_its_world(&module[..end]));
        }
        assert!(!names_its_world(b"\0asm\x01\0\0\0\0\xff\xff\xff\xff\xff"));
    }
}
