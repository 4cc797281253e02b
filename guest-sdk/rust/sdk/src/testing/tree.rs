//! Memory of a native test: the same rules as the host's.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::host::MemoryError;

type Result<T> = std::result::Result<T, MemoryError>;

/// A tree of objects whose leaves are JSON values. Names stand in the order of their UTF-8 bytes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tree(BTreeMap<String, Node>);

#[derive(Debug, Clone, PartialEq)]
enum Node {
    Object(Tree),
    Leaf(Value),
}

impl Tree {
    pub(crate) fn new() -> Self {
        Self(BTreeMap::new())
    }

    pub(crate) fn get(&self, path: &str) -> Result<Option<Value>> {
        let names = parse(path)?;
        Ok(match names.split_last() {
            None => Some(self.value()),
            Some((last, parents)) => self.below(parents).and_then(|tree| tree.0.get(last)).map(Node::value),
        })
    }

    pub(crate) fn exists(&self, path: &str) -> Result<bool> {
        Ok(self.get(path)?.is_some())
    }

    pub(crate) fn fields(&self, path: &str) -> Result<Option<Vec<String>>> {
        let names = parse(path)?;
        let Some((last, parents)) = names.split_last() else { return Ok(Some(self.names())) };
        Ok(match self.below(parents).and_then(|tree| tree.0.get(last)) {
            Some(Node::Object(tree)) => Some(tree.names()),
            Some(Node::Leaf(_)) | None => None,
        })
    }

    pub(crate) fn set(&mut self, path: &str, value: Value) -> Result<()> {
        let names = parse(path)?;
        let Some((last, parents)) = names.split_last() else { return Err(over_object(path)) };
        if self.place(parents, last, path)?.is_some_and(|node| matches!(node, Node::Object(_))) {
            return Err(over_object(path));
        }
        self.make(parents).0.insert(last.clone(), Node::Leaf(value));
        Ok(())
    }

    pub(crate) fn new_object(&mut self, path: &str) -> Result<()> {
        let names = parse(path)?;
        let Some((last, parents)) = names.split_last() else { return Ok(()) };
        match self.place(parents, last, path)? {
            Some(Node::Object(_)) => {}
            Some(Node::Leaf(_)) => {
                return Err(MemoryError::TypeMismatch(format!(
                    "make object {path:?}: a value stands there; remove it first"
                )));
            }
            None => {
                self.make(parents).0.insert(last.clone(), Node::Object(Self::new()));
            }
        }
        Ok(())
    }

    pub(crate) fn remove(&mut self, path: &str) -> Result<bool> {
        let names = parse(path)?;
        let Some((last, parents)) = names.split_last() else {
            let had = !self.0.is_empty();
            self.0.clear();
            return Ok(had);
        };
        if self.below(parents).and_then(|tree| tree.0.get(last)).is_none() {
            return Ok(false);
        }
        // The parent stays, though it may be empty now.
        Ok(self.make(parents).0.remove(last).is_some())
    }

    fn names(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }

    fn value(&self) -> Value {
        Value::Object(self.0.iter().map(|(name, node)| (name.clone(), node.value())).collect())
    }

    /// The object at the end of `parents`, if it is there. A read finds nothing below a value.
    fn below(&self, parents: &[String]) -> Option<&Self> {
        parents.iter().try_fold(self, |tree, name| match tree.0.get(name) {
            Some(Node::Object(below)) => Some(below),
            Some(Node::Leaf(_)) | None => None,
        })
    }

    /// What stands at a path to be changed, which must not go through a value.
    fn place(&self, parents: &[String], last: &str, path: &str) -> Result<Option<&Node>> {
        let mut tree = self;
        for name in parents {
            match tree.0.get(name) {
                Some(Node::Object(below)) => tree = below,
                Some(Node::Leaf(_)) => {
                    return Err(MemoryError::TypeMismatch(format!(
                        "change {path:?}: a value stands at {name:?}; paths do not reach into values"
                    )));
                }
                None => return Ok(None),
            }
        }
        Ok(tree.0.get(last))
    }

    /// The object at the end of `parents`, made where it is missing. The caller has seen that no value stands in the way.
    fn make(&mut self, parents: &[String]) -> &mut Self {
        let mut tree = self;
        for name in parents {
            let node = tree.0.entry(name.clone()).or_insert_with(|| Node::Object(Self::new()));
            match node {
                Node::Object(below) => tree = below,
                Node::Leaf(_) => unreachable!("a value stands in the way of {parents:?}"),
            }
        }
        tree
    }
}

impl Node {
    fn value(&self) -> Value {
        match self {
            Self::Object(tree) => tree.value(),
            Self::Leaf(value) => value.clone(),
        }
    }
}

fn over_object(path: &str) -> MemoryError {
    MemoryError::TypeMismatch(format!("set {path:?}: an object stands there; remove it first"))
}

/// The names of a path: split at dots, `\.` and `\\` being a dot and a backslash in a name.
fn parse(path: &str) -> Result<Vec<String>> {
    if path.is_empty() {
        return Ok(Vec::new());
    }
    let mut names = vec![String::new()];
    let mut characters = path.chars();
    while let Some(character) = characters.next() {
        match character {
            '.' => names.push(String::new()),
            '\\' => match characters.next() {
                Some(escaped @ ('.' | '\\')) => names.last_mut().expect("never empty").push(escaped),
                _ => {
                    let why = format!("path {path:?} has a backslash before neither a dot nor a backslash");
                    return Err(MemoryError::InvalidPath(why));
                }
            },
            other => names.last_mut().expect("never empty").push(other),
        }
    }
    if names.iter().any(String::is_empty) {
        return Err(MemoryError::InvalidPath(format!(
            "path {path:?} has an empty name; write `\\.` for a dot in a name"
        )));
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn tree(leaves: &[(&str, Value)]) -> Tree {
        let mut tree = Tree::new();
        for (path, value) in leaves {
            tree.set(path, value.clone()).unwrap();
        }
        tree
    }

    #[test]
    fn object_is_read_as_all_below_it() {
        let tree = tree(&[("a.b", json!(1)), ("a.c.d", json!([2])), (r"a.x\.y", json!({"z": 3}))]);
        assert_eq!(tree.get("a").unwrap(), Some(json!({"b": 1, "c": {"d": [2]}, "x.y": {"z": 3}})));
        assert_eq!(tree.get("").unwrap(), Some(json!({"a": tree.get("a").unwrap()})));
        assert_eq!(tree.get("a.q").unwrap(), None);
        assert!(tree.exists("a.c").unwrap());
    }

    #[test]
    fn value_does_not_go_over_an_object_nor_below_a_value() {
        let mut tree = tree(&[("a.b", json!(1)), ("leaf", json!({"x": 1}))]);
        let before = tree.clone();
        for path in ["a", "", "a.b.c", "leaf.x"] {
            assert!(matches!(tree.set(path, json!(2)), Err(MemoryError::TypeMismatch(_))), "{path}");
        }
        assert!(matches!(tree.new_object("a.b"), Err(MemoryError::TypeMismatch(_))));
        assert_eq!(tree, before);
        // To a read or a removal, nothing is there.
        assert_eq!((tree.get("leaf.x").unwrap(), tree.remove("leaf.x").unwrap()), (None, false));
    }

    #[test]
    fn object_whose_last_field_is_removed_stays() {
        let mut tree = tree(&[("a.b", json!(1))]);
        assert!(tree.remove("a.b").unwrap());
        assert!(!tree.remove("a.b").unwrap());
        assert_eq!(tree.get("a").unwrap(), Some(json!({})));
        assert!(tree.remove("a").unwrap());
        assert_eq!(tree.get("a").unwrap(), None);
    }

    #[test]
    fn fields_come_in_the_order_of_their_bytes() {
        let tree = tree(&[("o.é", json!(1)), ("o.z", json!(1)), ("o.Z", json!(1)), ("o.\u{1F600}", json!(1))]);
        assert_eq!(tree.fields("o").unwrap().unwrap(), ["Z", "z", "é", "\u{1F600}"]);
        assert_eq!(tree.fields("o.z").unwrap(), None);
        assert_eq!(tree.fields("none").unwrap(), None);
    }

    #[test]
    fn path_with_an_empty_name_or_a_stray_backslash_is_invalid() {
        for path in [".", "a.", ".a", "a..b", r"a\b", r"a\"] {
            assert!(matches!(Tree::new().get(path), Err(MemoryError::InvalidPath(_))), "{path}");
        }
    }
}
