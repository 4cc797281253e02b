//! `types`: words that host and guest share.

use crate::bindings::types::{Failure as GuestFailure, Host};
use crate::state::HostState;
use weir_core::failure::Failure;
use weir_core::invocation::{Abort, Outcome};
use weir_core::json::Json;

impl Host for HostState {}

/// A failure for the guest.
pub(crate) fn to_guest(failure: Failure) -> GuestFailure {
    GuestFailure {
        retryable: failure.retryable,
        retry_after_ms: failure.retry_after_ms,
        kind: failure.kind,
        message: failure.message,
        details: failure.details.map(|details| details.as_str().to_owned()),
    }
}

/// A failure from the guest.
pub(crate) fn from_guest(failure: GuestFailure) -> Result<Failure, Abort> {
    let details = failure.details.map(|details| parse(&details, "give a failure its details")).transpose()?;
    Ok(Failure {
        retryable: failure.retryable,
        retry_after_ms: failure.retry_after_ms,
        kind: failure.kind,
        message: failure.message,
        details,
    })
}

/// An outcome for the guest.
pub(crate) fn outcome_to_guest(outcome: Outcome) -> Result<String, GuestFailure> {
    outcome.map(|json| json.as_str().to_owned()).map_err(to_guest)
}

pub(crate) fn parse(text: &str, what: &str) -> Result<Json, Abort> {
    Json::parse(text).map_err(|error| Abort::Trap(format!("{what}: {error}")))
}
