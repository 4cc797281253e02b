//! What an invocation needs of the host around it.

use std::future::Future;
use std::pin::Pin;
use weir_core::action_state::CallPut;
use weir_core::invocation::Invocation;

/// Resolves when every put of the key is durable.
pub type DoorFuture = Pin<Box<dyn Future<Output = Result<(), DoorClosed>> + Send>>;

/// The way of an invocation to the action-state log and the clock. One for each shard; implemented by the driver.
pub trait InvocationPort: Send + Sync + 'static {
    /// Hands records to the log, in order, without waiting.
    fn put(&self, invocation: &Invocation, puts: Vec<CallPut>);

    /// Hands records to the log, and resolves when these and all earlier ones of the key are durable: then a request
    /// may leave the host [S33].
    fn door(&self, invocation: &Invocation, puts: Vec<CallPut>) -> DoorFuture;

    /// Time outside, microseconds since 1970 UTC.
    fn wall_clock_us(&self) -> u64;
}

/// No request may leave the host for this key any more: the host drains, or lost the partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DoorClosed;

/// An invocation was given up before it ended: nothing of it counts, and recovery runs its task again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invocation was interrupted: the host takes no further effect for its key")]
pub struct Interrupted;
