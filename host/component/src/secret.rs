//! Values that nobody may see but the server they are meant for.

use std::fmt;
use std::sync::Arc;

/// Shorter secrets are not looked for in texts: too much would match.
const REDACTED_BYTES_MIN: usize = 6;
const REDACTED: &str = "[redacted]";

/// A secret value, with what stands before it in its header, such as `Bearer `. It never prints itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    prefix: Arc<str>,
    value: Arc<str>,
}

impl Secret {
    /// Takes a value into keeping.
    pub fn new(value: impl Into<Arc<str>>) -> Self {
        Self { prefix: "".into(), value: value.into() }
    }

    /// The same secret with a prefix, which is none: a server may echo the value alone.
    pub fn with_prefix(self, prefix: impl Into<Arc<str>>) -> Self {
        Self { prefix: prefix.into(), ..self }
    }

    /// What stands in the header.
    pub(crate) fn reveal(&self) -> String {
        format!("{}{}", self.prefix, self.value)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

/// Takes secrets out of whatever leaves for logs, records and guests: a server may have echoed one.
#[derive(Default)]
pub(crate) struct Redactor(Vec<Arc<str>>);

impl Redactor {
    pub(crate) fn new(secrets: impl Iterator<Item = Secret>) -> Self {
        let both = secrets.flat_map(|secret| [Arc::from(secret.reveal()), secret.value]);
        let mut texts: Vec<Arc<str>> = both.filter(|text: &Arc<str>| text.len() >= REDACTED_BYTES_MIN).collect();
        // A text that holds another one goes first.
        texts.sort_by_key(|text| std::cmp::Reverse(text.len()));
        texts.dedup();
        Self(texts)
    }

    pub(crate) fn redact(&self, text: &mut String) {
        for secret in &self.0 {
            if text.contains(&**secret) {
                *text = text.replace(&**secret, REDACTED);
            }
        }
    }

    /// As [`Redactor::redact`], for what is not text as a whole.
    pub(crate) fn redact_bytes(&self, bytes: &mut Vec<u8>) {
        for secret in self.0.iter().map(|secret| secret.as_bytes()) {
            let mut from = 0;
            while let Some(at) = bytes[from..].windows(secret.len()).position(|window| window == secret) {
                let at = from + at;
                bytes.splice(at..at + secret.len(), REDACTED.bytes());
                from = at + REDACTED.len();
            }
        }
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Redactor")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_redacted_the_longest_first_and_never_print_themselves() {
        let (short, long) = (Secret::new("abcdef"), Secret::new("abcdefgh"));
        assert_eq!(format!("{short:?}"), "[redacted]");
        let redactor = Redactor::new([short, long, Secret::new("x")].into_iter());
        let mut text = "x abcdefgh abcdef".to_owned();
        redactor.redact(&mut text);
        assert_eq!(text, "x [redacted] [redacted]");
    }
    #[test]
    fn a_value_is_redacted_without_its_prefix_and_among_bytes_too() {
        let redactor = Redactor::new([Secret::new("hunter22").with_prefix("Bearer ")].into_iter());
        let mut text = "Bearer hunter22, hunter22".to_owned();
        redactor.redact(&mut text);
        assert_eq!(text, "[redacted], [redacted]");
        let mut bytes = b"\xffBearer hunter22\xfehunter22".to_vec();
        redactor.redact_bytes(&mut bytes);
        assert_eq!(bytes, b"\xff[redacted]\xfe[redacted]");
        let short = Redactor::new([Secret::new("abc").with_prefix("Bearer ")].into_iter());
        let mut text = "abc Bearer abc".to_owned();
        short.redact(&mut text);
        assert_eq!(text, "abc [redacted]", "the value alone is too short to look for");
    }
}
