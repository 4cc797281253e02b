//! Sizes of calls: what a call's record and outcome may take, known before anything is put [S26].

use super::{Abort, Outcome};
use crate::action_state::{CallResult, CallStatus, encode_call_result};
use crate::event::ActionName;
use crate::failure::Failure;
use crate::json::validate;
use std::sync::Arc;

/// How many bytes one byte of text takes at most in JSON.
const ESCAPED_MAX: usize = 6;
/// The longest message of a failure that names a limit.
const LIMIT_MESSAGE_BYTES: usize = 128;
/// More than a call's record has beside its texts.
const RECORD_FRAME_BYTES: usize = 512;

/// Whatever becomes of a call, its record must be within the limit; what it would be otherwise.
pub(super) fn check_function_id(action: &ActionName, function_id: &str, max: usize) -> Result<(), String> {
    if ESCAPED_MAX * (function_id.len() + 256) + RECORD_FRAME_BYTES <= max {
        return Ok(());
    }
    let shortest = CallResult {
        function_id: Arc::from(function_id),
        arguments_digest: [0; 32],
        status: CallStatus::Failed(Failure::fatal("limit", "-".repeat(LIMIT_MESSAGE_BYTES))),
        retryable: false,
        completed_at_ms: u64::MAX,
    };
    fits_record(action, &shortest, max).map_err(|failure| failure.message)
}

/// Checks that a call's record is within the limit: the failure that is recorded otherwise [S26] [S11].
pub(super) fn fits_record(action: &ActionName, result: &CallResult, max: usize) -> Result<(), Failure> {
    let outcome_bytes = match &result.status {
        CallStatus::Pending { .. } => 0,
        CallStatus::Succeeded(json) => json.size(),
        CallStatus::Failed(failure) => {
            let details = failure.details.as_ref().map_or(0, |details| details.size());
            ESCAPED_MAX * (failure.kind.len() + failure.message.len()) + details
        }
    };
    let names = ESCAPED_MAX * (action.as_str().len() + result.function_id.len());
    if RECORD_FRAME_BYTES + names + outcome_bytes <= max {
        return Ok(());
    }
    let size = encode_call_result(action, u64::MAX, result).len();
    if size <= max {
        return Ok(());
    }
    let message = format!("record of {size} bytes is over limits.record_bytes_max ({max} bytes)");
    Err(Failure::fatal("limit", message))
}

/// Checks an outcome: it must be JSON, and within the limit; else it is a failure of kind `limit`, which is recorded.
pub(super) fn within_limit(outcome: Outcome, max: usize) -> Result<(Outcome, Option<Failure>), Abort> {
    let (size, texts) = match &outcome {
        Ok(json) => (json.size(), [Some(json), None]),
        Err(failure) => {
            let details = failure.details.as_ref().map_or(0, |details| details.size());
            (failure.kind.len() + failure.message.len() + details, [None, failure.details.as_ref()])
        }
    };
    if size > max {
        let message = format!("outcome of {size} bytes is over limits.value_bytes_max ({max} bytes)");
        let failure = Failure::fatal("limit", message);
        return Ok((Err(failure.clone()), Some(failure)));
    }
    for json in texts.into_iter().flatten() {
        validate(json.as_str()).map_err(|error| Abort::Trap(format!("complete a durable call: outcome is {error}")))?;
    }
    Ok((outcome, None))
}
