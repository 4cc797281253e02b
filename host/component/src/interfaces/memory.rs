//! `memory`: keyed memory [S8]. Texts are read where they lie in the guest's memory.

use crate::bindings::memory::{MemoryError as GuestError, Scope as GuestScope};
use crate::state::{HostState, Job, with_job};
use crate::watch::{MemoryOperation as Operation, Step};
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
        let (scope, path) = (scope.into(), path.to_str(store)?);
        let found = job.invocation.memory_get(scope, &path).map(|json| json.map(Json::into_text));
        told(job, scope, Operation::Get, &path, &found, |found| found.as_deref().map(str::to_owned));
        Ok((found.map_err(to_guest),))
    })
}

fn set(mut store: Store<'_>, (scope, path, value): (GuestScope, WasmStr, WasmStr)) -> Answer<()> {
    with_job(&mut store, |job, store| {
        let (scope, path, value) = (scope.into(), path.to_str(store)?, value.to_str(store)?);
        let done = job.invocation.memory_set(scope, &path, &value)?;
        told(job, scope, Operation::Set, &path, &done, |()| Some(value.to_string()));
        Ok((done.map_err(to_guest),))
    })
}

fn new_object(mut store: Store<'_>, (scope, path): Path) -> Answer<()> {
    with_job(&mut store, |job, store| {
        let (scope, path) = (scope.into(), path.to_str(store)?);
        let done = job.invocation.memory_new_object(scope, &path)?;
        told(job, scope, Operation::NewObject, &path, &done, |()| Some("{}".to_owned()));
        Ok((done.map_err(to_guest),))
    })
}

fn fields(mut store: Store<'_>, (scope, path): Path) -> Answer<Option<Vec<String>>> {
    with_job(&mut store, |job, store| {
        let (scope, path) = (scope.into(), path.to_str(store)?);
        let names = job.invocation.memory_fields(scope, &path);
        told(job, scope, Operation::Fields, &path, &names, |names| names.as_ref().map(|names| names.join(", ")));
        Ok((names.map_err(to_guest),))
    })
}

fn exists(mut store: Store<'_>, (scope, path): Path) -> Answer<bool> {
    with_job(&mut store, |job, store| {
        let (scope, path) = (scope.into(), path.to_str(store)?);
        let exists = job.invocation.memory_exists(scope, &path);
        told(job, scope, Operation::Exists, &path, &exists, |exists| Some(exists.to_string()));
        Ok((exists.map_err(to_guest),))
    })
}

fn remove(mut store: Store<'_>, (scope, path): Path) -> Answer<bool> {
    with_job(&mut store, |job, store| {
        let (scope, path) = (scope.into(), path.to_str(store)?);
        let was_there = job.invocation.memory_remove(scope, &path)?;
        told(job, scope, Operation::Remove, &path, &was_there, |was_there| was_there.then(String::new));
        Ok((was_there.map_err(to_guest),))
    })
}

/// Tells whoever watches what an operation came to.
fn told<T>(
    job: &Job,
    scope: Scope,
    operation: Operation,
    path: &str,
    answer: &Result<T, MemoryError>,
    value: impl FnOnce(&T) -> Option<String>,
) {
    job.watch(|watch| Step::Memory {
        scope,
        operation,
        path: watch.text(path),
        value: match answer {
            Ok(answer) => Ok(value(answer).map(|value| watch.text(&value))),
            Err(error) => Err(watch.text(&error.to_string())),
        },
    });
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
