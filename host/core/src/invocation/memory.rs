//! Memory as a guest asks for it: what was there under its own updates [S7] [S8].

use super::{Abort, Invocation, check_size};
use crate::json::Json;
use crate::memory::{Entries, MemoryError, MemoryPath, MemoryUpdate, Overlay, PathError, Scope};

/// Of a longer path an error of the host shows the beginning.
const SHOWN_PATH_BYTES: usize = 256;

impl Invocation {
    /// The value at a path.
    pub fn memory_get(&self, scope: Scope, path: &str) -> Result<Option<Json>, MemoryError> {
        Ok(self.memory(scope).get(&self.path(path)?))
    }

    /// Names of the fields of the object at a path.
    pub fn memory_fields(&self, scope: Scope, path: &str) -> Result<Option<Vec<String>>, MemoryError> {
        Ok(self.memory(scope).fields(&self.path(path)?))
    }

    /// Whether a value or an object is at a path.
    pub fn memory_exists(&self, scope: Scope, path: &str) -> Result<bool, MemoryError> {
        Ok(self.memory(scope).exists(&self.path(path)?))
    }

    /// Puts a leaf.
    pub fn memory_set(&mut self, scope: Scope, path: &str, value: &str) -> Result<Result<(), MemoryError>, Abort> {
        self.check_no_open_call("set memory")?;
        let shown = &path[..path.floor_char_boundary(SHOWN_PATH_BYTES)];
        let max = self.limits.value_bytes_max;
        check_size("limits.value_bytes_max", format_args!("set {shown:?}"), value.len(), max)?;
        let json = Json::parse(value).map_err(|error| Abort::Trap(format!("set memory {path:?}: value is {error}")))?;
        Ok(self.update("set memory", scope, path, |path| MemoryUpdate::Set(path, json))?.map(|_| ()))
    }

    /// Makes an empty object; nothing happens where one is.
    pub fn memory_new_object(&mut self, scope: Scope, path: &str) -> Result<Result<(), MemoryError>, Abort> {
        self.check_no_open_call("make an object in memory")?;
        Ok(self.update("make an object in memory", scope, path, MemoryUpdate::NewObject)?.map(|_| ()))
    }

    /// Removes the value, or the object with all below it; whether something was there.
    pub fn memory_remove(&mut self, scope: Scope, path: &str) -> Result<Result<bool, MemoryError>, Abort> {
        self.check_no_open_call("remove from memory")?;
        self.update("remove from memory", scope, path, MemoryUpdate::Remove)
    }

    fn memory(&self, scope: Scope) -> &Overlay {
        match scope {
            Scope::Sensory => &self.sensory,
            Scope::ShortTerm => &self.short_term,
        }
    }

    fn path(&self, text: &str) -> Result<MemoryPath, PathError> {
        let (length, max) = (text.len(), self.limits.path_bytes_max);
        if length > max {
            return Err(PathError::TooLong { length, max });
        }
        MemoryPath::parse(text)
    }

    fn update(
        &mut self,
        what: &str,
        scope: Scope,
        path: &str,
        make: impl FnOnce(MemoryPath) -> MemoryUpdate,
    ) -> Result<Result<bool, MemoryError>, Abort> {
        let update = match self.path(path) {
            Ok(path) => make(path),
            Err(error) => return Ok(Err(error.into())),
        };
        let (memory, updates) = match scope {
            Scope::Sensory => (&mut self.sensory, &mut self.effects.sensory_updates),
            Scope::ShortTerm => (&mut self.short_term, &mut self.effects.short_term_updates),
        };
        let changed = memory.update(&update);
        if changed == Ok(true) {
            let value_bytes = if let MemoryUpdate::Set(_, json) = &update { json.size() } else { 0 };
            updates.push(update);
            self.count_effect(what, path.len() + value_bytes)?;
        }
        Ok(changed)
    }
}
