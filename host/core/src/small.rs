//! Bytes and text that are cheap to clone, of which what is short lies in place.
//!
//! Keys, paths and most values of memory are short: to compare or to copy one reaches for no memory beside it, and none
//! is shared between threads.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

/// What fits in place: the whole is then as large as three words.
const SHORT_BYTES_MAX: usize = 22;

/// Bytes that do not change.
#[derive(Clone)]
pub(crate) struct SmallBytes(Form<[u8]>);

/// Text that does not change.
#[derive(Clone)]
pub struct SmallText(Form<str>);

enum Form<T: ?Sized> {
    Short { length: u8, bytes: [u8; SHORT_BYTES_MAX] },
    Long(Arc<T>),
}

impl<T: ?Sized> Clone for Form<T> {
    fn clone(&self) -> Self {
        match self {
            Self::Short { length, bytes } => Self::Short { length: *length, bytes: *bytes },
            Self::Long(long) => Self::Long(long.clone()),
        }
    }
}

impl<T: ?Sized> Form<T> {
    fn short(of: &[u8]) -> Option<Self> {
        let mut bytes = [0; SHORT_BYTES_MAX];
        bytes.get_mut(..of.len())?.copy_from_slice(of);
        Some(Self::Short { length: of.len() as u8, bytes })
    }
}

impl SmallBytes {
    pub(crate) fn as_slice(&self) -> &[u8] {
        match &self.0 {
            Form::Short { length, bytes } => &bytes[..usize::from(*length)],
            Form::Long(long) => long,
        }
    }
}

impl SmallText {
    /// The text.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Form::Short { length, bytes } => {
                std::str::from_utf8(&bytes[..usize::from(*length)]).expect("it was made from text")
            }
            Form::Long(long) => long,
        }
    }

    fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Form::Short { length, bytes } => &bytes[..usize::from(*length)],
            Form::Long(long) => long.as_bytes(),
        }
    }

    /// Its length in bytes.
    pub(crate) fn len(&self) -> usize {
        self.as_bytes().len()
    }

    /// The text in a form that others know; what is long stays shared.
    pub(crate) fn into_shared(self) -> Arc<str> {
        match self.0 {
            Form::Short { .. } => Arc::from(self.as_str()),
            Form::Long(long) => long,
        }
    }
}

impl From<&[u8]> for SmallBytes {
    fn from(bytes: &[u8]) -> Self {
        Self(Form::short(bytes).unwrap_or_else(|| Form::Long(Arc::from(bytes))))
    }
}

impl From<&str> for SmallText {
    fn from(text: &str) -> Self {
        Self(Form::short(text.as_bytes()).unwrap_or_else(|| Form::Long(Arc::from(text))))
    }
}

impl From<String> for SmallText {
    fn from(text: String) -> Self {
        text.as_str().into()
    }
}

impl Deref for SmallText {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl PartialEq for SmallBytes {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Eq for SmallBytes {}

impl PartialOrd for SmallBytes {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for SmallBytes {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_slice().cmp(other.as_slice())
    }
}

impl Hash for SmallBytes {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_slice().hash(state);
    }
}

impl PartialEq for SmallText {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for SmallText {}

impl Hash for SmallText {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl fmt::Debug for SmallText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn short_or_long_it_is_what_it_was_made_from(a in "[a-cé]{0,30}", b in "[a-cé]{0,30}") {
            let (text, bytes) = (SmallText::from(&*a), SmallBytes::from(a.as_bytes()));
            prop_assert_eq!(text.as_str(), &*a);
            prop_assert_eq!(bytes.as_slice(), a.as_bytes());
            prop_assert_eq!(&*text.clone().into_shared(), &*a);
            prop_assert_eq!(text == SmallText::from(&*b), a == b);
            prop_assert_eq!(bytes.cmp(&SmallBytes::from(b.as_bytes())), a.as_bytes().cmp(b.as_bytes()));
        }
    }

    #[test]
    fn it_is_as_large_as_three_words() {
        assert_eq!((size_of::<SmallBytes>(), size_of::<SmallText>()), (24, 24));
    }
}
