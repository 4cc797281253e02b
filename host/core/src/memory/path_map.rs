//! A sorted map by path. Most are small, and lie in a row: to look into one reaches for one place in memory.

use super::MemoryPath;
use std::collections::BTreeMap;
use std::collections::btree_map;
use std::ops::Bound;
use std::slice;

/// So many lie in a row; more are a tree.
const ROW_MAX: usize = 16;

/// A sorted map by path.
#[derive(Clone, Debug)]
pub struct PathMap<V>(Form<V>);

#[derive(Clone, Debug)]
enum Form<V> {
    Row(Vec<(MemoryPath, V)>),
    Tree(BTreeMap<MemoryPath, V>),
}

impl<V> Default for PathMap<V> {
    fn default() -> Self {
        Self(Form::Row(Vec::new()))
    }
}

impl<V> PathMap<V> {
    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        match &self.0 {
            Form::Row(row) => row.is_empty(),
            Form::Tree(tree) => tree.is_empty(),
        }
    }

    /// What stands at exactly this path.
    pub(super) fn get(&self, path: &[u8]) -> Option<&V> {
        match &self.0 {
            Form::Row(row) => find(row, path).ok().map(|at| &row[at].1),
            Form::Tree(tree) => tree.get(path),
        }
    }

    /// Puts a value at a path, whatever stands there.
    pub(super) fn insert(&mut self, path: MemoryPath, value: V) {
        match &mut self.0 {
            Form::Row(row) => match find(row, path.as_encoded()) {
                Ok(at) => row[at].1 = value,
                Err(at) if row.len() < ROW_MAX => row.insert(at, (path, value)),
                Err(_) => {
                    let mut tree: BTreeMap<_, _> = std::mem::take(row).into_iter().collect();
                    tree.insert(path, value);
                    self.0 = Form::Tree(tree);
                }
            },
            Form::Tree(tree) => drop(tree.insert(path, value)),
        }
    }

    /// Takes what stands at a path away.
    pub(super) fn remove(&mut self, path: &[u8]) -> Option<(MemoryPath, V)> {
        match &mut self.0 {
            Form::Row(row) => find(row, path).ok().map(|at| row.remove(at)),
            Form::Tree(tree) => tree.remove_entry(path),
        }
    }

    /// All at or after a bound, in their order.
    pub(super) fn starting_at(&self, bound: Bound<&[u8]>) -> PathIter<'_, V> {
        match &self.0 {
            Form::Row(row) => {
                let from = match bound {
                    Bound::Unbounded => 0,
                    Bound::Included(bound) => row.partition_point(|(path, _)| path.as_encoded() < bound),
                    Bound::Excluded(bound) => row.partition_point(|(path, _)| path.as_encoded() <= bound),
                };
                PathIter::Row(row[from..].iter())
            }
            Form::Tree(tree) => PathIter::Tree(tree.range::<[u8], _>((bound, Bound::Unbounded))),
        }
    }

    /// All, in their order.
    pub fn iter(&self) -> PathIter<'_, V> {
        self.starting_at(Bound::Unbounded)
    }
}

fn find<V>(row: &[(MemoryPath, V)], path: &[u8]) -> Result<usize, usize> {
    row.binary_search_by(|(found, _)| found.as_encoded().cmp(path))
}

impl<V> FromIterator<(MemoryPath, V)> for PathMap<V> {
    fn from_iter<I: IntoIterator<Item = (MemoryPath, V)>>(entries: I) -> Self {
        let mut all = Self::default();
        for (path, value) in entries {
            all.insert(path, value);
        }
        all
    }
}

impl<V: PartialEq> PartialEq for PathMap<V> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl<V: Eq> Eq for PathMap<V> {}

/// Walks a map.
#[derive(Clone, Debug)]
pub enum PathIter<'a, V> {
    /// One whose entries lie in a row.
    Row(slice::Iter<'a, (MemoryPath, V)>),
    /// A large one.
    Tree(btree_map::Range<'a, MemoryPath, V>),
}

impl<'a, V> Iterator for PathIter<'a, V> {
    type Item = (&'a MemoryPath, &'a V);

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Row(row) => row.next().map(|(path, value)| (path, value)),
            Self::Tree(tree) => tree.next(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn path(number: u8) -> MemoryPath {
        MemoryPath::parse(&format!("p{number}")).unwrap()
    }

    proptest! {
        #[test]
        fn it_holds_what_a_tree_holds(steps in proptest::collection::vec((any::<bool>(), 0..40u8), 0..80)) {
            let (mut map, mut model) = (PathMap::default(), BTreeMap::new());
            for (at, (puts, number)) in steps.into_iter().enumerate() {
                if puts {
                    map.insert(path(number), at);
                    model.insert(path(number), at);
                } else {
                    prop_assert_eq!(map.remove(path(number).as_encoded()), model.remove_entry(&path(number)));
                }
                prop_assert_eq!(map.get(path(number).as_encoded()), model.get(&path(number)));
                prop_assert_eq!(map.is_empty(), model.is_empty());
                prop_assert!(map.iter().eq(model.iter()));
                let bound = path(20);
                for bound in [Bound::Included(bound.as_encoded()), Bound::Excluded(bound.as_encoded())] {
                    prop_assert!(map.starting_at(bound).eq(model.range::<[u8], _>((bound, Bound::Unbounded))));
                }
            }
        }
    }
}
