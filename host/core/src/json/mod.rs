//! JSON text as it passes through Weir: checked once, then carried as it was written.

mod canonical;
mod scan;

pub use canonical::{canonical, decode_string, string_bytes, write_displayed, write_number, write_string};
pub use scan::{JsonError, lookup, validate};

use crate::small::SmallText;
use std::fmt;
use std::sync::Arc;

/// JSON text (RFC 8259) that has been checked. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Json(SmallText);

impl Json {
    /// Takes text after checking that it is one JSON value. White space around it is left out: a record does not keep it.
    pub fn parse(text: &str) -> Result<Self, JsonError> {
        validate(text)?;
        Ok(Self(text.trim_matches([' ', '\t', '\n', '\r']).into()))
    }

    /// Takes text that is known to be JSON, because it was checked before or was made by a serialiser.
    pub fn from_checked(text: impl AsRef<str>) -> Self {
        Self(text.as_ref().into())
    }

    /// What is not JSON at its source: its text as a JSON string, or base64 of it as one.
    pub fn wrap(bytes: &[u8]) -> Self {
        let mut text = String::new();
        match std::str::from_utf8(bytes) {
            Ok(plain) => write_string(plain, &mut text),
            Err(_) => write_string(&crate::base64::encode(bytes), &mut text),
        }
        Self(text.as_str().into())
    }

    /// `null`.
    pub fn null() -> Self {
        Self("null".into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The length of the text in bytes.
    pub(crate) fn size(&self) -> usize {
        self.0.len()
    }

    /// The text, shared.
    pub fn into_text(self) -> Arc<str> {
        self.0.into_shared()
    }
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl<'de> serde::Deserialize<'de> for Json {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <Box<serde_json::value::RawValue>>::deserialize(deserializer)?;
        Ok(Self(raw.get().into()))
    }
}
