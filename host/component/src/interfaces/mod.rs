//! The host's side of the contract, one file for each WIT interface: it translates, and leaves the rest to
//! [`weir_core::invocation::Invocation`].

mod config;
mod durable_call;
mod events;
mod http;
mod invocation;
mod log;
mod memory;
mod types;

pub(crate) use types::from_guest as failure_from_guest;

use crate::bindings;
use crate::state::HostState;
use wasmtime::component::{HasSelf, Linker};

pub(crate) fn add_to_linker(linker: &mut Linker<HostState>) -> wasmtime::Result<()> {
    type Own = HasSelf<HostState>;
    bindings::types::add_to_linker::<_, Own>(linker, |state| state)?;
    bindings::invocation::add_to_linker::<_, Own>(linker, |state| state)?;
    bindings::config::add_to_linker::<_, Own>(linker, |state| state)?;
    bindings::log::add_to_linker::<_, Own>(linker, |state| state)?;
    bindings::http::add_to_linker::<_, Own>(linker, |state| state)?;
    memory::add_to_linker(linker)?;
    events::add_to_linker(linker)?;
    durable_call::add_to_linker(linker)
}
