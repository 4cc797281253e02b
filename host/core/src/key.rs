//! What events are partitioned by.

use crate::small::SmallBytes;
use std::borrow::{Borrow, Cow};
use std::fmt;

/// A key: any bytes, kept as they are. Order holds per key. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(SmallBytes);

impl Key {
    /// The key of these bytes.
    pub fn new(bytes: impl AsRef<[u8]>) -> Self {
        Self(bytes.as_ref().into())
    }

    /// The bytes as the source gave them.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_slice()
    }

    /// Whether the key is UTF-8, and so shown to guests as it is.
    pub fn is_text(&self) -> bool {
        std::str::from_utf8(self.as_bytes()).is_ok()
    }

    /// The key for people and guests: as it is where it is UTF-8, else percent-encoded [S19].
    pub fn to_text(&self) -> Cow<'_, str> {
        match std::str::from_utf8(self.as_bytes()) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => Cow::Owned(percent_encode(self.as_bytes())),
        }
    }
}

/// Every byte but letters, digits and `-_.~` as `%XX`.
pub fn percent_encode(bytes: &[u8]) -> String {
    use std::fmt::Write;
    let mut text = String::with_capacity(bytes.len());
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            text.push(byte as char);
        } else {
            write!(text, "%{byte:02X}").expect("writing to a string does not fail");
        }
    }
    text
}

/// The bytes behind percent-encoded text; none where an escape is malformed.
pub fn percent_decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        if *first != b'%' {
            bytes.push(*first);
            rest = tail;
            continue;
        }
        let digits = std::str::from_utf8(tail.get(..2)?).ok()?;
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = &tail[2..];
    }
    Some(bytes)
}

impl Borrow<[u8]> for Key {
    fn borrow(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_text())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_text())
    }
}

impl From<&str> for Key {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_and_other_bytes_are_percent_encoded() {
        assert_eq!(Key::from("a_b%").to_text(), "a_b%");
        let odd = Key::new([0xff, b'a', 0]);
        assert_eq!(odd.to_text(), "%FFa%00");
        assert!(!odd.is_text());
        assert_eq!(percent_decode(&odd.to_text()).unwrap(), odd.as_bytes());
        assert_eq!(percent_decode("%F"), None);
        assert_eq!(percent_decode("%+1"), None);
    }
}
