//! What wasmtime makes of the contract in `wit/`.
//!
//! Only what may really wait is async for the host: the others cost less as plain functions.

#![allow(missing_docs)]

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "component",
    imports: {
        "weir:action/durable-call.begin-reconcilable": async | trappable,
        "weir:action/http.send": async | trappable,
        "weir:action/http.send-all": async | trappable,
        default: trappable,
    },
    exports: { default: async },
});

pub(crate) use self::weir::action::{config, durable_call, events, http, invocation, log, memory, types};
