//! Why an action, or a durable call, did not succeed.

use crate::json::Json;
use std::fmt;

/// A failure as guests make and see it; recorded and replayed whole [S15].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// May succeed when tried again.
    pub retryable: bool,
    /// Not before this long; the policy's backoff otherwise.
    pub retry_after_ms: Option<u32>,
    /// What sort of failure, for code to tell failures apart.
    pub kind: String,
    /// For people.
    pub message: String,
    /// Whatever else belongs to it.
    pub details: Option<Json>,
}

impl Failure {
    /// A failure that trying again does not mend.
    pub fn fatal(kind: impl Into<String>, message: impl Into<String>) -> Self {
        Self { retryable: false, retry_after_ms: None, kind: kind.into(), message: message.into(), details: None }
    }

    /// A failure that may pass.
    pub fn retryable(kind: impl Into<String>, message: impl Into<String>) -> Self {
        Self { retryable: true, ..Self::fatal(kind, message) }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.message)
    }
}

/// How an attempt at an action failed [S28].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FailureClass {
    /// The guest says that it may pass.
    Retryable,
    /// The guest says that it will not.
    Fatal,
    /// The guest trapped, or used the contract wrongly.
    Trap,
    /// A limit was passed; the message names it.
    Limit,
    /// The invocation took too long.
    Timeout,
    /// What was asked differs from what was recorded [S14].
    Divergence,
}

impl FailureClass {
    const ALL: [(Self, &'static str); 6] = [
        (Self::Retryable, "retryable"),
        (Self::Fatal, "fatal"),
        (Self::Trap, "trap"),
        (Self::Limit, "limit"),
        (Self::Timeout, "timeout"),
        (Self::Divergence, "divergence"),
    ];

    /// The word for it in records, logs and metrics.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(class, _)| *class == self).expect("every class is listed").1
    }

    /// The class of this word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, name)| *name == word).map(|(class, _)| *class)
    }
}

/// A failed attempt at an action: its class and what the guest or host said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActionFailure {
    /// How it failed.
    pub class: FailureClass,
    /// What was said.
    pub failure: Failure,
}

impl fmt::Display for ActionFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.class.as_str() {
            class if class == self.failure.kind => self.failure.fmt(f),
            class => write!(f, "{} ({class})", self.failure),
        }
    }
}
