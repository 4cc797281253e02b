//! Identities derived from content, stable over processes and releases.

use sha2::{Digest as _, Sha256};
use std::fmt;

/// SHA-256 over length-prefixed parts: no two lists of parts give the same bytes to the hash.
pub fn digest_of_parts(parts: &[&[u8]]) -> [u8; 32] {
    let mut gathered = [0; GATHERED_BYTES_MAX];
    if let Some(length) = gather(parts, &mut gathered) {
        return digest_of_bytes(&gathered[..length]);
    }
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

/// What is short is hashed in one go: a call of the hash for each part costs more than to copy it.
const GATHERED_BYTES_MAX: usize = 256;

fn gather(parts: &[&[u8]], gathered: &mut [u8; GATHERED_BYTES_MAX]) -> Option<usize> {
    let mut at = 0;
    for part in parts {
        let length = (part.len() as u64).to_be_bytes();
        for bytes in [&length[..], part] {
            gathered.get_mut(at..at + bytes.len())?.copy_from_slice(bytes);
            at += bytes.len();
        }
    }
    Some(at)
}

/// SHA-256 of plain bytes.
pub fn digest_of_bytes(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// A UUIDv8 (RFC 9562) from SHA-256 over length-prefixed parts.
fn uuid_of_parts(parts: &[&[u8]]) -> [u8; 16] {
    let digest = digest_of_parts(parts);
    let mut uuid = [0; 16];
    uuid.copy_from_slice(&digest[..16]);
    uuid[6] = (uuid[6] & 0x0f) | 0x80;
    uuid[8] = (uuid[8] & 0x3f) | 0x80;
    uuid
}

/// Writes 16 bytes in the usual grouping of a UUID.
fn write_uuid(f: &mut fmt::Formatter<'_>, bytes: &[u8; 16]) -> fmt::Result {
    f.write_str(uuid_text(bytes, &mut [0; 36]))
}

/// The two digits of each byte.
const HEX: [[u8; 2]; 256] = {
    let digits = b"0123456789abcdef";
    let mut pairs = [[0; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        pairs[byte] = [digits[byte >> 4], digits[byte & 15]];
        byte += 1;
    }
    pairs
};

/// Where the digits of each byte stand.
const PLACES: [usize; 16] = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];

fn uuid_text<'a>(bytes: &[u8; 16], text: &'a mut [u8; 36]) -> &'a str {
    for (byte, at) in bytes.iter().zip(PLACES) {
        text[at..at + 2].copy_from_slice(&HEX[*byte as usize]);
    }
    for at in [8, 13, 18, 23] {
        text[at] = b'-';
    }
    std::str::from_utf8(text).expect("hexadecimal digits are text")
}

fn parse_uuid(text: &str) -> Option<[u8; 16]> {
    let text = text.as_bytes();
    if text.len() != 36 || [8, 13, 18, 23].iter().any(|&at| text[at] != b'-') {
        return None;
    }
    let mut digits = text.iter().filter(|&&byte| byte != b'-');
    let mut uuid = [0; 16];
    for byte in &mut uuid {
        let high = (*digits.next()? as char).to_digit(16)?;
        let low = (*digits.next()? as char).to_digit(16)?;
        *byte = (high << 4 | low) as u8;
    }
    digits.next().is_none().then_some(uuid)
}

macro_rules! identity {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub [u8; 16]);

        impl $name {
            /// The identity that this text shows; none where it is no UUID.
            pub fn parse(text: &str) -> Option<Self> {
                parse_uuid(text).map(Self)
            }

            /// The UUID's text, written into a buffer of the caller's.
            pub fn as_text<'a>(&self, buffer: &'a mut [u8; 36]) -> &'a str {
                uuid_text(&self.0, buffer)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_uuid(f, &self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_uuid(f, &self.0)
            }
        }
    };
}

identity! {
    /// Names one event; the same again on replay [S4].
    EventId
}

identity! {
    /// Names one action by its name, not by its code [S19].
    ActionId
}

impl EventId {
    /// The id of an input event: source name, position there, and a digest of its bytes.
    pub fn of_input(source: &str, position: &[u8], bytes: &[u8]) -> Self {
        let digest = digest_of_bytes(bytes);
        Self(uuid_of_parts(&[b"input", source.as_bytes(), position, &digest]))
    }

    /// The id of an event that a task emits: the task and its ordinal in it.
    pub fn of_emitted(trigger: EventId, action: ActionId, ordinal: u32) -> Self {
        let ordinal = ordinal.to_be_bytes();
        Self(uuid_of_parts(&[b"emitted", &trigger.0, &action.0, &ordinal]))
    }
}

impl ActionId {
    /// The id of the action of this name.
    pub fn of_name(name: &str) -> Self {
        Self(uuid_of_parts(&[b"action", name.as_bytes()]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_hashed_alike_however_long_they_are() {
        for length in [0, 3, 200, 230, 231, 232, 233, 240, 250, 256, 1_000] {
            let part = vec![7; length];
            let mut plain = Sha256::new();
            for part in [&part[..], b"end"] {
                plain.update((part.len() as u64).to_be_bytes());
                plain.update(part);
            }
            assert_eq!(digest_of_parts(&[&part, b"end"]), <[u8; 32]>::from(plain.finalize()), "{length}");
        }
    }

    // [S4] [D9] [D10]
    #[test]
    fn ids_come_from_content_and_place() {
        let one = EventId::of_input("file", &7u64.to_be_bytes(), b"{}");
        assert_eq!(one, EventId::of_input("file", &7u64.to_be_bytes(), b"{}"));
        assert_ne!(one, EventId::of_input("file", &8u64.to_be_bytes(), b"{}"));
        assert_ne!(one, EventId::of_input("inbox", &7u64.to_be_bytes(), b"{}"));
        assert_ne!(one, EventId::of_input("file", &7u64.to_be_bytes(), b"{ }"));
        let action = ActionId::of_name("alert");
        assert_ne!(EventId::of_emitted(one, action, 0), EventId::of_emitted(one, action, 1));
        assert_eq!(&action.to_string()[14..15], "8", "a UUID of version 8");
    }

    #[test]
    fn uuid_text_parses_back() {
        let id = ActionId::of_name("x");
        assert_eq!(ActionId::parse(&id.to_string()), Some(id));
        assert_eq!(ActionId::parse("not one"), None);
        assert_eq!(ActionId::parse(&"-".repeat(36)), None);
    }
}
