//! The functions of the host, as the rest of the SDK sees them: the contract's words as Rust types,
//! and a [`Host`] that passes calls on, in a component to the host, in a native test to the test's own.

use crate::Failure;

#[cfg(not(target_family = "wasm"))]
mod native;
#[cfg(target_family = "wasm")]
pub(crate) mod wasm;

#[cfg(not(target_family = "wasm"))]
pub(crate) use native::{Host, with_key};
#[cfg(target_family = "wasm")]
pub(crate) use wasm::Host;

/// What an action reacts to.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub id: String,
    pub kind: String,
    /// JSON text.
    pub payload: String,
}

/// Which memory: that of the run, or that of the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    Sensory,
    ShortTerm,
}

/// Why memory refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum MemoryError {
    InvalidPath(String),
    TypeMismatch(String),
    // The contract's way to grow: only a newer host says it.
    #[cfg_attr(not(target_family = "wasm"), allow(dead_code))]
    Other(String),
}

/// What came of a durable call: JSON text, or why not.
pub(crate) type Outcome = std::result::Result<String, Failure>;

/// What to do about a durable call that was begun.
#[derive(Debug, Clone)]
pub(crate) enum NextStep {
    Execute,
    Replay(Outcome),
    Reconcile,
}

/// A durable call that was begun.
#[derive(Debug, Clone)]
pub(crate) struct Begun {
    pub position: u32,
    pub id: String,
    pub step: NextStep,
}

/// The body of a request or a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Body {
    None,
    Text(String),
    Bytes(Vec<u8>),
}

/// A request as it leaves the guest.
#[derive(Debug, Clone)]
pub(crate) struct HttpRequest {
    pub method: String,
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub body: Body,
    pub timeout_ms: Option<u32>,
}

/// A response as it reaches the guest.
#[derive(Debug, Clone)]
pub(crate) struct HttpResponse {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Body,
}

/// Why there is no response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum HttpError {
    Denied(String),
    InvalidRequest(String),
    Timeout,
    TooLarge(String),
    Connection(String),
    // The contract's way to grow: only a newer host says it.
    #[cfg_attr(not(target_family = "wasm"), allow(dead_code))]
    Other(String),
}

/// How much a log line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Every step.
    Trace,
    /// For whoever looks for a mistake.
    Debug,
    /// What an operator may want to know.
    Info,
    /// Something is odd; work goes on.
    Warn,
    /// Something failed.
    Error,
}
