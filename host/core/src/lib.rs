//! The pure core of Weir: keyed operator, action-state store, durable calls, memory, checkpoints.
//!
//! *Invariant:* it knows no clock, thread, file, socket, randomness or async. Facts come in as `on_*` calls, what is to
//! be done goes out as commands; time is an argument.

pub mod action_state;
pub mod base64;
pub mod checkpoint;
pub mod event;
pub mod failure;
pub mod id;
pub mod invocation;
pub mod json;
pub mod key;
pub mod limits;
pub mod memory;
pub mod operator;
pub mod ownership;
pub mod partition;
pub mod plan;
pub mod small;
pub mod store;
