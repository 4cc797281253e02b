//! A dotted path into a payload.

use serde_json::Value;
use std::fmt;

/// A dotted path into a payload, such as `order.customer`; `\.` stands for a dot in a name. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldPath {
    text: String,
    names: Vec<String>,
}

impl FieldPath {
    /// The path in this text; what is wrong with it otherwise.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut names = vec![String::new()];
        let mut letters = text.chars();
        while let Some(letter) = letters.next() {
            match letter {
                '.' => names.push(String::new()),
                '\\' => match letters.next() {
                    Some(escaped @ ('.' | '\\')) => names.last_mut().expect("there is always one").push(escaped),
                    _ => return Err(format!("{text:?} has a backslash before neither a dot nor a backslash")),
                },
                plain => names.last_mut().expect("there is always one").push(plain),
            }
        }
        if names.iter().any(String::is_empty) {
            return Err(format!("{text:?} is no dotted path: a name in it is empty"));
        }
        Ok(Self { text: text.to_owned(), names })
    }

    /// The names, from the root of the payload down.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The value there, if there is one; an item of a list goes by its index.
    pub fn value_in<'a>(&self, payload: &'a Value) -> Option<&'a Value> {
        self.names.iter().try_fold(payload, |value, name| match value {
            Value::Object(fields) => fields.get(name),
            Value::Array(items) => items.get(name.parse::<usize>().ok()?),
            _ => None,
        })
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_reaches_into_objects_and_lists() {
        let payload = serde_json::json!({"a": {"b.c": [1, {"d": 2}]}});
        let value = |path| FieldPath::parse(path).unwrap().value_in(&payload).cloned();
        assert_eq!(value("a.b\\.c.1.d"), Some(2.into()));
        assert_eq!(value("a.b"), None);
        for wrong in ["", ".a", "a..b", "a.", "a\\b"] {
            assert!(FieldPath::parse(wrong).is_err(), "{wrong}");
        }
    }
}
