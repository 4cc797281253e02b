//! What wasmtime makes of the contract in `wit/`.
//!
//! Only what may really wait is async for the host: the others cost less as plain functions. Memory, events and durable
//! calls are linked by hand (see `interfaces/`), with these types, to read the guest's texts without a copy.

#![allow(missing_docs)]

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "component",
    imports: {
        "weir:action/http.send": async | trappable,
        "weir:action/http.send-all": async | trappable,
        default: trappable,
    },
    exports: { default: async },
});

pub(crate) use self::weir::action::{config, durable_call, http, invocation, log, memory, types};

/// An event, lent to the guest.
#[derive(Clone, Copy, Debug, wasmtime::component::ComponentType, wasmtime::component::Lower)]
#[component(record)]
pub(crate) struct LentEvent<'a> {
    pub(crate) id: &'a str,
    pub(crate) kind: &'a str,
    pub(crate) payload: &'a str,
}
