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
    bindings::Component::add_to_linker::<_, HasSelf<HostState>>(linker, |state| state)
}
