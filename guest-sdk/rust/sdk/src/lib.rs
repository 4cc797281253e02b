//! Write Weir actions in Rust.
//!
//! An *action* is a function that Weir runs for events of the kinds it listens to: one event of a key after another,
//! and each with effect exactly once. It reads and changes its key's memory, emits events, and makes durable calls and
//! HTTP requests; all of that takes effect when it completes, and none of it if it fails.
//!
//! ```
//! use weir_sdk::prelude::*;
//!
//! #[derive(Serialize, Deserialize)]
//! struct Quake {
//!     magnitude: Option<f64>,
//!     place: String,
//! }
//!
//! #[action("input")]
//! fn count(quake: Quake, ctx: &Context) -> Result {
//!     let n = ctx.memory().update("count", |n: u64| n + 1)?;
//!     if n > 10 {
//!         ctx.emit("swarm", &quake)?;
//!     }
//!     Ok(())
//! }
//!
//! #[action("swarm")]
//! fn page(quake: Quake, ctx: &Context) -> Result {
//!     let ticket: Value = ctx.post("https://pager.example.com/page", &quake).send()?.json()?;
//!     ctx.output(&ticket)
//! }
//!
//! weir_sdk::export!(count, page);
//!
//! # use weir_sdk::testing::TestKey;
//! let mut key = TestKey::new("Taiwan"); // In a test: natively, without a host.
//! let quake = json!({"magnitude": 4.7, "place": "Hualian, Taiwan"});
//! assert!(key.run(count, &quake).unwrap().events().is_empty());
//! assert_eq!(key.memory("count"), Some(1));
//! ```
//!
//! Where to look next: [`Context`] is what an action has at hand, [`Memory`] its memory, [`DurableCall`] side effects
//! whose outcome survives, [`Request`] HTTP, [`Failure`] what goes wrong, [`testing`] tests.

#![forbid(unsafe_op_in_unsafe_fn)]

extern crate self as weir_sdk;

mod action;
mod context;
mod durable;
mod failure;
mod host;
pub mod log;
mod memory;
mod parallel;
mod request;
mod response;
#[cfg(not(target_family = "wasm"))]
pub mod testing;

pub use action::{Action, Definition};
pub use context::Context;
pub use durable::{Call, DurableCall, ReconcilableCall};
pub use failure::{Failure, Result};
pub use memory::{Memory, escape};
pub use parallel::RequestCall;
pub use request::Request;
pub use response::Response;
pub use weir_sdk_macros::action;

pub use {serde, serde_json};

/// What nearly every action uses.
pub mod prelude {
    pub use crate::log;
    #[cfg(not(target_family = "wasm"))]
    pub use crate::testing::{TestKey, TestRequest, TestResponse};
    pub use crate::{Call, Context, Failure, Memory, Request, Response, Result, action};
    pub use serde::{Deserialize, Serialize};
    pub use serde_json::{Value, json};
    pub use std::time::Duration;
}

/// Lists the actions that this component offers, in the order in which Weir runs those that listen to the same kind.
/// Once in a crate, whose `crate-type` is `cdylib`.
///
/// ```
/// use weir_sdk::prelude::*;
///
/// #[action("input")]
/// fn hello(name: String, ctx: &Context) -> Result {
///     ctx.output(&format!("hello {name}"))
/// }
///
/// weir_sdk::export!(hello);
/// # fn main() {}
/// ```
///
/// Two actions of one name do not compile:
///
/// ```compile_fail
/// # use weir_sdk::prelude::*;
/// # #[action("input")] fn hello(name: String, ctx: &Context) -> Result { Ok(()) }
/// weir_sdk::export!(hello, hello);
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! export {
    ($($action:path),+ $(,)?) => {
        const _: () = {
            const ACTIONS: &[$crate::Definition] = &[$($crate::Definition::of::<$action>()),+];
            const _: () = $crate::Definition::assert_names_differ(ACTIONS);

            $crate::__export_component!(ACTIONS);
        };
    };
}

#[doc(hidden)]
#[cfg(not(target_family = "wasm"))]
#[macro_export]
macro_rules! __export_component {
    ($actions:ident) => {};
}

#[doc(hidden)]
#[cfg(target_family = "wasm")]
#[macro_export]
macro_rules! __export_component {
    ($actions:ident) => {
        struct Component;
        impl $crate::__private::bindings::exports::weir::action::actions::Guest for Component {
            fn describe() -> ::std::string::String {
                $crate::__private::describe($actions)
            }
            fn invoke(
                action: ::std::string::String,
                event: $crate::__private::bindings::weir::action::types::Event,
            ) -> ::core::result::Result<(), $crate::__private::bindings::weir::action::types::Failure> {
                $crate::__private::invoke_component($actions, &action, event)
            }
        }
        $crate::__private::bindings::export_component!(Component with_types_in $crate::__private::bindings);
    };
}

/// For the macros of this crate.
#[doc(hidden)]
pub mod __private {
    pub use crate::action::invoke_with_payload as invoke;
    #[cfg(target_family = "wasm")]
    pub use crate::host::wasm::{bindings, describe, invoke as invoke_component};
}
