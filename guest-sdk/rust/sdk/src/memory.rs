//! Keyed memory, typed.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::host::{Host, MemoryError, Scope};
use crate::{Failure, Result};

/// One of an action's two memories: a tree of objects whose leaves are JSON values, addressed by dotted paths
/// (`order.items.count`). What an action sets, it reads back at once; others see it when the action has completed,
/// and not at all if it fails.
///
/// A leaf holds any value that serde can write. Paths do not reach into a leaf; use a path for each part that changes
/// by itself, so that a change costs no more than that part. The empty path is the root.
/// A name from outside may hold dots: [`escape`] it.
#[derive(Debug, Clone, Copy)]
pub struct Memory {
    pub(crate) scope: Scope,
}

impl Memory {
    /// The value at the path, or the object there with all that is below it; `None` if nothing is there.
    pub fn get<T: DeserializeOwned>(&self, path: impl AsRef<str>) -> Result<Option<T>> {
        let path = path.as_ref();
        match Host::memory_get(self.scope, path).map_err(refused)? {
            Some(text) => serde_json::from_str(&text).map(Some).map_err(|error| unreadable(path, &error)),
            None => Ok(None),
        }
    }

    /// Puts a leaf. Missing parents are made. Over an object, or below a leaf, it is a failure.
    pub fn set<T: Serialize + ?Sized>(&self, path: impl AsRef<str>, value: &T) -> Result {
        let path = path.as_ref();
        Host::memory_set(self.scope, path, &serde_json::to_string(value)?).map_err(refused)
    }

    /// Sets the path to what `change` makes of the value there, or of the default where none is, and gives it.
    pub fn update<T>(&self, path: impl AsRef<str>, change: impl FnOnce(T) -> T) -> Result<T>
    where
        T: DeserializeOwned + Serialize + Default,
    {
        let path = path.as_ref();
        let value = change(self.get(path)?.unwrap_or_default());
        self.set(path, &value)?;
        Ok(value)
    }

    /// Removes the value, or the object with all below it; whether something was there.
    pub fn remove(&self, path: impl AsRef<str>) -> Result<bool> {
        Host::memory_remove(self.scope, path.as_ref()).map_err(refused)
    }

    /// Whether a value or an object is at the path.
    pub fn exists(&self, path: impl AsRef<str>) -> Result<bool> {
        Host::memory_exists(self.scope, path.as_ref()).map_err(refused)
    }

    /// Names of the fields of the object at the path, in the order of their UTF-8 bytes; `None` if no object is there.
    pub fn fields(&self, path: impl AsRef<str>) -> Result<Option<Vec<String>>> {
        Host::memory_fields(self.scope, path.as_ref()).map_err(refused)
    }

    /// Makes an empty object; nothing happens where one is.
    pub fn new_object(&self, path: impl AsRef<str>) -> Result {
        Host::memory_new_object(self.scope, path.as_ref()).map_err(refused)
    }
}

/// A name for use in a path, its dots and backslashes escaped.
///
/// ```
/// assert_eq!(format!("seen.{}", weir_sdk::escape("a.b")), r"seen.a\.b");
/// ```
pub fn escape(name: &str) -> String {
    name.replace('\\', r"\\").replace('.', r"\.")
}

/// The host's words: they name the path.
fn refused(error: MemoryError) -> Failure {
    let (kind, why) = match error {
        MemoryError::InvalidPath(why) => ("memory/invalid-path", why),
        MemoryError::TypeMismatch(why) => ("memory/type-mismatch", why),
        MemoryError::Other(why) => ("memory/other", why),
    };
    Failure::fatal(kind, why)
}

fn unreadable(path: &str, error: &serde_json::Error) -> Failure {
    Failure::fatal("json", format!("memory path `{path}` holds another type: {error}"))
}
