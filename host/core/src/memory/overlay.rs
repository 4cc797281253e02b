//! Memory as an invocation sees it: what was there, under its own updates.

use super::{Entries, MemoryPath, Node, PathMap, Tree};
use std::ops::Bound;
use std::sync::Arc;

/// A tree that is not touched, and what an invocation changed on top of it. Dropping it forgets the changes [S7] [D17].
#[derive(Clone, Debug, Default)]
pub struct Overlay {
    base: Arc<Tree>,
    /// None where something is removed.
    changed: PathMap<Option<Node>>,
}

impl Overlay {
    /// No changes yet.
    pub fn new(base: Arc<Tree>) -> Self {
        Self { base, changed: PathMap::default() }
    }
}

impl Entries for Overlay {
    fn entry(&self, path: &[u8]) -> Option<&Node> {
        match self.changed.get(path) {
            Some(node) => node.as_ref(),
            None => self.base.entry(path),
        }
    }

    fn entry_from(&self, bound: Bound<&[u8]>) -> Option<(&MemoryPath, &Node)> {
        let mut changed = self.changed.starting_at(bound).peekable();
        let mut below = self.base.entry_from(bound);
        loop {
            let Some(&(path, node)) = changed.peek() else { return below };
            match below {
                Some((base_path, _)) if base_path < path => return below,
                Some((base_path, _)) if base_path == path => {
                    below = self.base.entry_from(Bound::Excluded(path.as_encoded()));
                }
                _ => {}
            }
            changed.next();
            if let Some(node) = node {
                return Some((path, node));
            }
        }
    }

    fn put_entry(&mut self, path: MemoryPath, node: Node) {
        self.changed.insert(path, Some(node));
    }

    fn take_entry(&mut self, path: &[u8]) {
        if self.base.entry(path).is_some() {
            self.changed.insert(MemoryPath::from_encoded_unchecked(path), None);
        } else {
            self.changed.remove(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{MemoryError, MemoryUpdate};
    use super::*;
    use crate::json::Json;
    use proptest::prelude::*;

    fn path(text: &str) -> MemoryPath {
        MemoryPath::parse(text).unwrap()
    }

    fn json(text: &str) -> Json {
        Json::parse(text).unwrap()
    }

    // [S8]
    #[test]
    fn values_and_objects_do_not_take_each_others_place() {
        let mut tree = Tree::default();
        tree.set(&path("order.items.count"), &json("3")).unwrap();
        assert_eq!(tree.get(&path("order")).unwrap().as_str(), r#"{"items":{"count":3}}"#);
        assert!(matches!(tree.set(&path("order.items"), &json("1")), Err(MemoryError::TypeMismatch(_))));
        assert!(matches!(tree.set(&path("order.items.count.x"), &json("1")), Err(MemoryError::TypeMismatch(_))));
        assert!(matches!(tree.set(&path(""), &json("1")), Err(MemoryError::TypeMismatch(_))));
        assert!(matches!(tree.new_object(&path("order.items.count")), Err(MemoryError::TypeMismatch(_))));
        tree.set(&path("order.items.count"), &json("{\"a\":4}")).unwrap();
        assert_eq!(tree.get(&path("order.items.count.a")), None, "paths do not reach into values");
        assert_eq!(tree.get(&path("order.nothing")), None);
        assert_eq!(tree.get(&path("")).unwrap().as_str(), r#"{"order":{"items":{"count":{"a":4}}}}"#);
    }

    // [S8]
    #[test]
    fn an_object_whose_last_field_is_removed_stays() {
        let mut tree = Tree::default();
        tree.set(&path("a.b"), &json("1")).unwrap();
        assert!(tree.remove(&path("a.b")));
        assert!(!tree.remove(&path("a.b")));
        assert_eq!(tree.fields(&path("a")), Some(vec![]));
        assert!(tree.exists(&path("a")));
        assert!(tree.remove(&path("")));
        assert!(tree.is_empty());
        assert_eq!(tree.fields(&path("")), Some(vec![]));
    }

    // [S8]
    #[test]
    fn fields_come_in_the_order_of_their_bytes() {
        let mut tree = Tree::default();
        for name in ["b", "é", "a\\.b", "a", "B.x", "B.y"] {
            tree.set(&path(name), &json("0")).unwrap();
        }
        assert_eq!(tree.fields(&path("")).unwrap(), ["B", "a", "a.b", "b", "é"]);
        assert_eq!(tree.fields(&path("a")), None, "a value has no fields");
    }

    fn update() -> impl Strategy<Value = MemoryUpdate> {
        let path = prop_oneof![Just(""), Just("a"), Just("b"), Just("a.x"), Just("a.y"), Just("a.x.p"), Just("b.q")]
            .prop_map(path);
        (path, 0..4u8).prop_map(|(path, what)| match what {
            0 => MemoryUpdate::NewObject(path),
            1 => MemoryUpdate::Remove(path),
            n => MemoryUpdate::Set(path, json(&n.to_string())),
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        // [S7] [S8] [D17]
        #[test]
        fn an_overlay_reads_as_the_tree_would_and_leaves_the_tree_alone(
            before in proptest::collection::vec(update(), 0..8),
            after in proptest::collection::vec(update(), 0..8),
        ) {
            let mut tree = Tree::default();
            for update in &before {
                let _ = tree.update(update);
            }
            let base = Arc::new(tree.clone());
            let mut overlay = Overlay::new(base.clone());
            for update in &after {
                prop_assert_eq!(overlay.update(update), tree.update(update));
                for text in ["", "a", "b", "a.x", "a.y", "a.x.p", "b.q", "c"] {
                    let path = path(text);
                    prop_assert_eq!(overlay.get(&path), tree.get(&path));
                    prop_assert_eq!(overlay.fields(&path), tree.fields(&path));
                    prop_assert_eq!(overlay.exists(&path), tree.exists(&path));
                    if let Some(value) = tree.get(&path) {
                        prop_assert!(crate::json::validate(value.as_str()).is_ok());
                    }
                }
            }
            for (path, node) in tree.entries() {
                prop_assert!(!tree.has_below(path.as_encoded()), "{:?} {:?}", path, node);
            }
        }
    }
}
