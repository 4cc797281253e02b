//! Durable calls as a guest asks for them.

use super::calls::{EndedCall, NewCall};
use super::{Abort, Begun, CallMode, Invocation, Outcome, check_size};
use crate::action_state::ArgumentsDigest;
use crate::failure::Failure;
use crate::id::digest_of_bytes;
use crate::json::canonical;

impl Invocation {
    /// Opens the next durable call of this action. Where the step is `Reconcile`, the host answers the guest only when
    /// the time that it names has passed, and hands over what is to be put before it waits.
    pub fn begin(&mut self, function_id: &str, arguments: &str, mode: CallMode, now_ms: u64) -> Result<Begun, Abort> {
        if function_id.is_empty() || function_id.len() > 1024 {
            let length = function_id.len();
            return Err(Abort::Trap(format!(
                "begin a durable call: its function id must be 1 to 1024 bytes, not {length}"
            )));
        }
        let max = self.limits.value_bytes_max;
        let what = format_args!("begin durable call {function_id:?}: its arguments");
        check_size("limits.value_bytes_max", what, arguments.len(), max)?;
        let digest = arguments_digest(function_id, arguments)?;
        if self.calls.is_open(function_id, &digest) {
            let message =
                format!("begin durable call {function_id:?}: one with the same arguments is open; complete it first");
            return Err(Abort::Trap(message));
        }
        self.calls.release_held();
        let batch_from = usize::MAX;
        let begun =
            self.calls.begin(NewCall { action: &self.task.action, function_id, digest, mode, batch_from }, now_ms)?;
        self.clock.on_call_ended(self.calls.latest_end_ms());
        Ok(begun)
    }

    /// Closes an open call and hands its outcome to the record; answers what was recorded instead, if the outcome
    /// passed a limit.
    pub fn complete(&mut self, position: u32, outcome: Outcome, now_ms: u64) -> Result<Option<Failure>, Abort> {
        let instead = self.calls.complete(
            position,
            EndedCall { action: &self.task.action, outcome, counts_as_retryable: false },
            now_ms,
        )?;
        self.clock.on_call_ended(self.calls.latest_end_ms());
        Ok(instead)
    }
}

/// SHA-256 of the arguments as canonical JSON [D12].
fn arguments_digest(function_id: &str, arguments: &str) -> Result<ArgumentsDigest, Abort> {
    let mut text = String::with_capacity(arguments.len());
    canonical(arguments, &mut text)
        .map_err(|error| Abort::Trap(format!("begin durable call {function_id:?}: arguments are {error}")))?;
    Ok(digest_of_bytes(text.as_bytes()))
}
