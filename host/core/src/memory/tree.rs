//! The memory of one key in one scope.

use super::{Entries, MemoryPath, Node, PathMap};
use std::ops::Bound;

/// Memory of one key in one scope, with the paths that changed since they were last taken for a checkpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    entries: PathMap<Node>,
    changed: PathMap<()>,
}

impl Tree {
    /// Memory as a store gave it back; nothing counts as changed.
    pub fn restored(entries: impl IntoIterator<Item = (MemoryPath, Node)>) -> Self {
        Self { entries: entries.into_iter().collect(), changed: PathMap::default() }
    }

    /// Whether nothing is there.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// All entries, in the order of their paths.
    pub fn entries(&self) -> impl Iterator<Item = (&MemoryPath, &Node)> {
        self.entries.iter()
    }

    /// Removes everything.
    pub fn clear(&mut self) {
        for (path, _) in std::mem::take(&mut self.entries).iter() {
            self.changed.insert(path.clone(), ());
        }
    }

    /// Whether any path changed.
    pub fn is_changed(&self) -> bool {
        !self.changed.is_empty()
    }

    /// The paths that changed since the last call.
    pub fn take_changed(&mut self) -> PathMap<()> {
        std::mem::take(&mut self.changed)
    }

    /// Counts paths as changed again: their checkpoint was aborted.
    pub fn put_back_changed(&mut self, paths: PathMap<()>) {
        if self.changed.is_empty() {
            self.changed = paths;
        } else {
            for (path, ()) in paths.iter() {
                self.changed.insert(path.clone(), ());
            }
        }
    }
}

impl Entries for Tree {
    fn entry(&self, path: &[u8]) -> Option<&Node> {
        self.entries.get(path)
    }

    fn entry_from(&self, bound: Bound<&[u8]>) -> Option<(&MemoryPath, &Node)> {
        self.entries.starting_at(bound).next()
    }

    fn put_entry(&mut self, path: MemoryPath, node: Node) {
        if self.changed.get(path.as_encoded()).is_none() {
            self.changed.insert(path.clone(), ());
        }
        self.entries.insert(path, node);
    }

    fn take_entry(&mut self, path: &[u8]) {
        if let Some((path, _)) = self.entries.remove(path) {
            self.changed.insert(path, ());
        }
    }
}
