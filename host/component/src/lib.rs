//! The component host: runs actions in sandboxed WebAssembly components.
//!
//! *Invariant:* this is the only crate that knows wasmtime. What a guest may do is decided by
//! [`weir_core::invocation::Invocation`]; here its calls are translated, its limits enforced, and its requests sent.
//!
//! One [`ComponentHost`] a process compiles and checks components; one [`Invoker`] a shard runs invocations of them:
//! a fresh instance for each, on the shard's own runtime, without a thread or task of its own.

mod bindings;
mod cache;
mod contract;
mod describe;
mod engine;
mod error;
mod guest_log;
mod host;
mod http;
mod instance;
mod interfaces;
mod load;
mod meter;
mod port;
mod precompiled;
mod secret;
mod state;
mod ticker;
mod trap;
mod wasi;
mod watch;

pub use cache::CompileCost;
pub use contract::CONTRACT_VERSION;
pub use describe::{DescribedAction, Description};
pub use error::{LoadError, LoadErrorReason};
pub use host::{ComponentHost, HostError, HostSettings, Invoker};
pub use http::{EffectGate, GrantError, HttpGrant};
pub use load::{ComponentSource, Grants, LoadedComponent};
pub use port::{DoorClosed, DoorFuture, Interrupted, InvocationPort};
pub use secret::Secret;
pub use watch::{Ending, KnownCall, MemoryOperation, Seen, Step, Watcher};
pub use weir_core::limits::InvocationLimits;
