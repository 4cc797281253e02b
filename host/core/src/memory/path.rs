//! Paths in memory, in a form whose byte order is the order of the tree.

use crate::small::SmallBytes;
use std::borrow::Borrow;
use std::fmt;

/// Ends each name of an encoded path; a NUL in a name is followed by `NUL_IN_NAME` instead.
const END: [u8; 2] = [0, 1];
const NUL_IN_NAME: u8 = 0xff;

/// A path in memory. The empty path is the root.
///
/// Encoded as its names, each with NUL written as `00 FF` and ended by `00 01`: all below a path has the path as its
/// prefix, and fields sort by their UTF-8 bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemoryPath(SmallBytes);

/// A text that is no path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// Two dots in a row, or a dot at an end.
    #[error("path {0:?} has an empty name; write `\\.` for a dot in a name")]
    EmptyName(String),
    /// A backslash before something else than a dot or a backslash.
    #[error("path {0:?} has a backslash before neither a dot nor a backslash")]
    Escape(String),
    /// Longer than the limit.
    #[error("path of {length} bytes is over limits.path_bytes_max ({max} bytes)")]
    TooLong {
        /// Its length in bytes.
        length: usize,
        /// The limit in bytes.
        max: usize,
    },
}

impl MemoryPath {
    /// The root.
    pub fn root() -> Self {
        Self(SmallBytes::from(&[][..]))
    }

    /// The path of dotted names; `\.` and `\\` stand for a dot and a backslash in a name.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        if text.is_empty() {
            return Ok(Self::root());
        }
        let mut plain = [0; PLAIN_BYTES_MAX];
        if let Some(encoded) = encode_plain_name(text, &mut plain) {
            return Ok(Self(SmallBytes::from(encoded)));
        }
        let dots = text.bytes().filter(|byte| *byte == b'.').count();
        let mut bytes = Vec::with_capacity(text.len() + dots + END.len());
        let mut name_is_empty = true;
        let mut letters = text.bytes();
        while let Some(byte) = letters.next() {
            let literal = match byte {
                b'.' if name_is_empty => return Err(PathError::EmptyName(text.to_owned())),
                b'.' => {
                    bytes.extend(END);
                    name_is_empty = true;
                    continue;
                }
                b'\\' => match letters.next() {
                    Some(escaped @ (b'.' | b'\\')) => escaped,
                    _ => return Err(PathError::Escape(text.to_owned())),
                },
                plain => plain,
            };
            name_is_empty = false;
            bytes.push(literal);
            if literal == 0 {
                bytes.push(NUL_IN_NAME);
            }
        }
        if name_is_empty {
            return Err(PathError::EmptyName(text.to_owned()));
        }
        bytes.extend(END);
        Ok(Self(SmallBytes::from(&*bytes)))
    }

    /// A path in its encoded form, as a store gave it back; none if the bytes are not one.
    pub fn from_encoded(bytes: &[u8]) -> Option<Self> {
        let path = Self(bytes.into());
        let whole: usize = path.names().map(|name| name.len()).sum();
        let valid = whole == bytes.len() && path.names().all(|name| std::str::from_utf8(&decode(name)).is_ok());
        valid.then_some(path)
    }

    /// A part of an encoded path that is known to be one.
    pub(super) fn from_encoded_unchecked(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }

    /// The first encoded name.
    pub(super) fn first_name(&self) -> Vec<u8> {
        self.names().next().expect("a path below another has a name").to_vec()
    }

    /// The encoded form.
    pub fn as_encoded(&self) -> &[u8] {
        self.0.as_slice()
    }

    /// Whether it is the root.
    pub fn is_root(&self) -> bool {
        self.as_encoded().is_empty()
    }

    /// The path as text, where it is one name that is written as it is.
    pub(crate) fn as_plain_name(&self) -> Option<&str> {
        let mut names = self.names();
        let only = names.next().filter(|name| names.rest.is_empty() && is_plain(name))?;
        std::str::from_utf8(&only[..only.len() - END.len()]).ok()
    }

    /// The encoded names, each with its end, from the root down.
    pub(super) fn names(&self) -> Names<'_> {
        Names { rest: self.as_encoded() }
    }

    /// The encoded paths of all objects that this path goes through, without the root and itself, from the root down.
    pub(super) fn ancestors(&self) -> impl DoubleEndedIterator<Item = &[u8]> {
        let path = self.as_encoded();
        (END.len()..path.len()).filter(|&at| path[at - END.len()..at] == END).map(|at| &path[..at])
    }
}

/// Most paths are one short name without anything to escape: these are encoded without a buffer from the heap.
const PLAIN_BYTES_MAX: usize = 64;

fn encode_plain_name<'a>(text: &str, buffer: &'a mut [u8; PLAIN_BYTES_MAX]) -> Option<&'a [u8]> {
    let length = text.len() + END.len();
    let plain = text.bytes().all(|byte| !matches!(byte, 0 | b'.' | b'\\'));
    let encoded = buffer.get_mut(..length).filter(|_| plain)?;
    encoded[..text.len()].copy_from_slice(text.as_bytes());
    encoded[text.len()..].copy_from_slice(&END);
    Some(encoded)
}

/// Walks the encoded names of a path.
pub(super) struct Names<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Names<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let end = self.rest.windows(2).position(|pair| pair == END)? + 2;
        let (name, rest) = self.rest.split_at(end);
        self.rest = rest;
        Some(name)
    }
}

/// The bytes of a name from its encoded form, its end included there.
fn decode(encoded: &[u8]) -> Vec<u8> {
    let mut name = Vec::with_capacity(encoded.len());
    let mut bytes = encoded[..encoded.len() - END.len()].iter();
    while let Some(&byte) = bytes.next() {
        name.push(byte);
        if byte == 0 {
            bytes.next();
        }
    }
    name
}

/// Whether a name stands in its encoded form as it does in the text of a path.
fn is_plain(encoded: &[u8]) -> bool {
    encoded[..encoded.len() - END.len()].iter().all(|byte| !matches!(byte, 0 | b'\\' | b'.'))
}

/// The text of a name from its encoded form.
pub(super) fn name_text(encoded: &[u8]) -> String {
    String::from_utf8(decode(encoded)).expect("names are made from text")
}

/// The first encoded path that sorts after everything at and below this one; not for the root.
pub(super) fn after_subtree(encoded: &[u8]) -> Vec<u8> {
    let mut bound = encoded.to_vec();
    *bound.last_mut().expect("the root has no path after it") += 1;
    bound
}

impl fmt::Display for MemoryPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, name) in self.names().enumerate() {
            if index > 0 {
                f.write_str(".")?;
            }
            if is_plain(name) {
                let text = std::str::from_utf8(&name[..name.len() - END.len()]).expect("names are made from text");
                f.write_str(text)?;
                continue;
            }
            let text = name_text(name);
            match text.contains(['\\', '.']) {
                true => f.write_str(&text.replace('\\', "\\\\").replace('.', "\\."))?,
                false => f.write_str(&text)?,
            }
        }
        Ok(())
    }
}

impl fmt::Debug for MemoryPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_string())
    }
}

impl Borrow<[u8]> for MemoryPath {
    fn borrow(&self) -> &[u8] {
        self.as_encoded()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn empty_names_and_stray_backslashes_are_refused() {
        for bad in [".", "a.", ".a", "a..b"] {
            assert!(matches!(MemoryPath::parse(bad), Err(PathError::EmptyName(_))), "{bad}");
        }
        for bad in ["\\", "a\\b"] {
            assert!(matches!(MemoryPath::parse(bad), Err(PathError::Escape(_))), "{bad}");
        }
        assert!(MemoryPath::parse("").unwrap().is_root());
    }

    #[test]
    fn bytes_that_are_no_path_are_refused() {
        for bad in [&b"a"[..], b"a\0", b"\xff\0\x01", b"a\0\x01b"] {
            assert_eq!(MemoryPath::from_encoded(bad), None, "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn text_parses_back(names in proptest::collection::vec("[a.\\\\\0é]{1,3}", 1..4)) {
            let text = names.iter().map(|name| name.replace('\\', "\\\\").replace('.', "\\.")).collect::<Vec<_>>().join(".");
            let path = MemoryPath::parse(&text).unwrap();
            prop_assert!(path.as_plain_name().is_none_or(|name| name == text && names.len() == 1));
            prop_assert_eq!(path.to_string(), text);
            prop_assert_eq!(MemoryPath::from_encoded(path.as_encoded()), Some(path.clone()));
            prop_assert_eq!(path.names().count(), names.len());
        }

        #[test]
        fn fields_sort_by_their_bytes(a in "[a\0\u{1}é]{1,3}", b in "[a\0\u{1}é]{1,3}") {
            let path = |name: &str| MemoryPath::parse(name).unwrap();
            prop_assert_eq!(path(&a).cmp(&path(&b)), a.as_bytes().cmp(b.as_bytes()));
        }
    }
}
