//! `memory`: keyed memory [S8]. Texts are read where they lie in the guest's memory.

use crate::bindings::memory::{MemoryError as GuestError, Scope as GuestScope};
use crate::state::{HostState, with_job};
use std::sync::Arc;
use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, WasmStr};
use weir_core::json::Json;
use weir_core::memory::{MemoryError, Scope};

type Store<'a> = StoreContextMut<'a, HostState>;
type Path = (GuestScope, WasmStr);
type Answer<T> = wasmtime::Result<(Result<T, GuestError>,)>;

pub(super) fn add_to_linker(linker: &mut Linker<HostState>) -> wasmtime::Result<()> {
    let mut memory = linker.instance("weir:action/memory@0.1.0")?;
    memory.func_wrap("get", get)?;
    memory.func_wrap("set", set)?;
    memory.func_wrap("new-object", new_object)?;
    memory.func_wrap("fields", fields)?;
    memory.func_wrap("exists", exists)?;
    memory.func_wrap("remove", remove)
}

fn get(mut store: Store<'_>, (scope, path): Path) -> Answer<Option<Arc<str>>> {
    with_job(&mut store, |job, store| {
        let found = job.invocation.memory_get(scope.into(), &path.to_str(store)?);
        Ok((found.map(|json| json.map(Json::into_text)).map_err(to_guest),))
    })
}

fn set(mut store: Store<'_>, (scope, path, value): (GuestScope, WasmStr, WasmStr)) -> Answer<()> {
    with_job(&mut store, |job, store| {
        let done = job.invocation.memory_set(scope.into(), &path.to_str(store)?, &value.to_str(store)?)?;
        Ok((done.map_err(to_guest),))
    })
}

fn new_object(mut store: Store<'_>, (scope, path): Path) -> Answer<()> {
    with_job(&mut store, |job, store| {
        let done = job.invocation.memory_new_object(scope.into(), &path.to_str(store)?)?;
        Ok((done.map_err(to_guest),))
    })
}

fn fields(mut store: Store<'_>, (scope, path): Path) -> Answer<Option<Vec<String>>> {
    with_job(&mut store, |job, store| {
        Ok((job.invocation.memory_fields(scope.into(), &path.to_str(store)?).map_err(to_guest),))
    })
}

fn exists(mut store: Store<'_>, (scope, path): Path) -> Answer<bool> {
    with_job(&mut store, |job, store| {
        Ok((job.invocation.memory_exists(scope.into(), &path.to_str(store)?).map_err(to_guest),))
    })
}

fn remove(mut store: Store<'_>, (scope, path): Path) -> Answer<bool> {
    with_job(&mut store, |job, store| {
        Ok((job.invocation.memory_remove(scope.into(), &path.to_str(store)?)?.map_err(to_guest),))
    })
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
