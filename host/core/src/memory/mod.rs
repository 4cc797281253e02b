//! Keyed memory: in each scope a tree of objects whose leaves are JSON values [S8].
//!
//! A tree is kept flat, as its leaves and empty objects sorted by path. So what changed is a set of paths, an entry of
//! memory is an entry of a checkpoint [S22], and reading a subtree is reading a range.

mod entries;
mod overlay;
mod path;
mod path_map;
mod tree;

pub use entries::Entries;
pub use overlay::Overlay;
pub use path::{MemoryPath, PathError};
pub use path_map::{PathIter, PathMap};
pub use tree::Tree;

use crate::json::Json;

/// How long memory lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// Lives for one run.
    Sensory,
    /// Lives with the key.
    ShortTerm,
}

/// What stands at a path: every other object is known by what is below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// A JSON value; paths do not reach into it.
    Leaf(Json),
    /// An object without fields.
    EmptyObject,
}

/// One operation on memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MemoryUpdate {
    /// Puts a leaf.
    Set(MemoryPath, Json),
    /// Makes an empty object.
    NewObject(MemoryPath),
    /// Removes a value, or an object with all below it.
    Remove(MemoryPath),
}

impl MemoryUpdate {
    /// The path it is about.
    pub fn path(&self) -> &MemoryPath {
        match self {
            Self::Set(path, _) | Self::NewObject(path) | Self::Remove(path) => path,
        }
    }
}

/// What a guest gets when memory refuses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MemoryError {
    /// The path is too long or has an empty name.
    #[error(transparent)]
    InvalidPath(#[from] PathError),
    /// The path goes through a value, or would put a value where an object stands.
    #[error("{0}")]
    TypeMismatch(String),
}
