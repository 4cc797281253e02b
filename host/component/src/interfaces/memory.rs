//! `memory`: keyed memory [S8].

use crate::bindings::memory::{Host, MemoryError as GuestError, Scope as GuestScope};
use crate::state::HostState;
use weir_core::memory::{MemoryError, Scope};

type Answer<T> = wasmtime::Result<Result<T, GuestError>>;

impl Host for HostState {
    fn get(&mut self, scope: GuestScope, path: String) -> Answer<Option<String>> {
        let found = self.invocation()?.memory_get(scope.into(), &path);
        Ok(found.map(|json| json.map(|json| json.as_str().to_owned())).map_err(to_guest))
    }

    fn set(&mut self, scope: GuestScope, path: String, value: String) -> Answer<()> {
        Ok(self.invocation()?.memory_set(scope.into(), &path, &value)?.map_err(to_guest))
    }

    fn new_object(&mut self, scope: GuestScope, path: String) -> Answer<()> {
        Ok(self.invocation()?.memory_new_object(scope.into(), &path)?.map_err(to_guest))
    }

    fn fields(&mut self, scope: GuestScope, path: String) -> Answer<Option<Vec<String>>> {
        Ok(self.invocation()?.memory_fields(scope.into(), &path).map_err(to_guest))
    }

    fn exists(&mut self, scope: GuestScope, path: String) -> Answer<bool> {
        Ok(self.invocation()?.memory_exists(scope.into(), &path).map_err(to_guest))
    }

    fn remove(&mut self, scope: GuestScope, path: String) -> Answer<bool> {
        Ok(self.invocation()?.memory_remove(scope.into(), &path)?.map_err(to_guest))
    }
}

impl From<GuestScope> for Scope {
    fn from(scope: GuestScope) -> Self {
        match scope {
            GuestScope::Sensory => Self::Sensory,
            GuestScope::ShortTerm => Self::ShortTerm,
        }
    }
}

fn to_guest(error: MemoryError) -> GuestError {
    let message = error.to_string();
    match error {
        MemoryError::InvalidPath(_) => GuestError::InvalidPath(message),
        MemoryError::TypeMismatch(_) => GuestError::TypeMismatch(message),
    }
}
