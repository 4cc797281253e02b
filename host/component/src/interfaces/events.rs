//! `events`: what an action emits. Texts are read where they lie in the guest's memory.

use crate::state::{HostState, with_job};
use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, WasmStr};

pub(super) fn add_to_linker(linker: &mut Linker<HostState>) -> wasmtime::Result<()> {
    linker.instance("weir:action/events@0.1.0")?.func_wrap("emit", emit)
}

fn emit(mut store: StoreContextMut<'_, HostState>, (kind, payload): (WasmStr, WasmStr)) -> wasmtime::Result<(String,)> {
    with_job(&mut store, |job, store| {
        let id = job.invocation.emit(&kind.to_str(store)?, &payload.to_str(store)?)?;
        Ok((id.as_text(&mut [0; 36]).to_owned(),))
    })
}
