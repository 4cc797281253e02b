//! The records of states, within their limit.

use crate::action_state::{ActionState, Decision, StateKey, write_state};
use std::sync::Arc;

/// A record that is too large for the log [S26].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("put action state {key}: its record of {size} bytes is over limits.record_bytes_max ({max} bytes)")]
pub struct RecordTooLarge {
    /// The state.
    pub key: String,
    /// The record's size in bytes.
    pub size: usize,
    /// The limit in bytes.
    pub max: usize,
}

/// Room that a state without a failure leaves, so that a decision can be put on top of it.
const DECISION_BYTES: usize = 1_024;

/// The state's own record, within its limit; `text` is for its room.
pub(super) fn encode(
    key: &StateKey,
    state: &ActionState,
    max: usize,
    text: &mut String,
) -> Result<Arc<[u8]>, RecordTooLarge> {
    let may_fail_yet = state.failed.is_none() || state.completed && state.decision() == Some(Decision::Retry);
    let room = if may_fail_yet { DECISION_BYTES.min(max / 4) } else { 0 };
    text.clear();
    write_state(state, text);
    if text.len() > max - room {
        return Err(RecordTooLarge { key: key.to_string(), size: text.len(), max: max - room });
    }
    Ok(Arc::from(text.as_bytes()))
}
