//! Values that nobody may see but the server they are meant for.

use std::fmt;
use std::sync::Arc;

/// Shorter secrets are not looked for in texts: too much would match.
const REDACTED_BYTES_MIN: usize = 6;
const REDACTED: &str = "[redacted]";

/// A secret value. It never prints itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<str>);

impl Secret {
    /// Takes a value into keeping.
    pub fn new(value: impl Into<Arc<str>>) -> Self {
        Self(value.into())
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

/// Takes secrets out of whatever leaves for logs, records and guests: a server may have echoed one.
#[derive(Debug, Default)]
pub(crate) struct Redactor(Vec<Secret>);

impl Redactor {
    pub(crate) fn new(secrets: impl Iterator<Item = Secret>) -> Self {
        let mut secrets: Vec<Secret> = secrets.filter(|secret| secret.0.len() >= REDACTED_BYTES_MIN).collect();
        // A secret that holds another one goes first.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.0.len()));
        Self(secrets)
    }

    pub(crate) fn redact(&self, text: &mut String) {
        for secret in &self.0 {
            if text.contains(secret.reveal()) {
                *text = text.replace(secret.reveal(), REDACTED);
            }
        }
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
}
