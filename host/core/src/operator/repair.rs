//! Repairs of a quarantined key: retry, skip, discard [S29].

use super::failure::put_failed_state;
use super::key_state::{KeyState, Phase};
use super::{Operator, Shared, Slot};
use crate::action_state::{ActionState, CallResult, CallStatus, Decision, StateKey};
use crate::store::ActionStateStore;
use crate::store::log::Ticket;
use std::sync::Arc;

/// What to do with a quarantined key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repair {
    /// Attempts from 1, recorded calls kept.
    Retry {
        /// Drop the failed outcomes behind the last success, so that these calls are made again.
        failed_calls: bool,
    },
    /// This task ends without effect, the rest of its run goes on.
    Skip,
    /// The run ends, what its applied tasks did stays, its input event becomes a dead letter.
    Discard,
}

/// Why a repair is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RepairError {
    /// The key is not resident: load it first.
    #[error("repair {0}: its key is not loaded")]
    NotLoaded(String),
    /// The key is not quarantined, or by another state.
    #[error("repair {0}: the key is not quarantined by this action state any more; see `weir quarantine list`")]
    NotQuarantined(String),
    /// Another repair came first.
    #[error("repair {0}: it names repair {1}, and the next is {2}; see `weir quarantine list`")]
    Outdated(String, u32, u32),
}

impl Operator {
    /// Someone repairs a quarantined key. Names the state, and the number of repairs that were made before, so that one
    /// delivered twice is refused. It is answered when the append is durable.
    pub fn on_repair(
        &mut self,
        key: &StateKey,
        repairs: u32,
        repair: Repair,
        now_ms: u64,
    ) -> Result<Option<Ticket>, RepairError> {
        let Some(Slot::Resident(state)) = self.keys.get_mut(&key.key) else {
            return Err(RepairError::NotLoaded(key.to_string()));
        };
        state.repair(key, repairs, repair, &mut self.shared)?;
        let ticket = self.shared.store.undurable(&key.key);
        state.advance(&mut self.shared, now_ms);
        Ok(ticket)
    }
}

impl KeyState {
    fn repair(&mut self, key: &StateKey, repairs: u32, repair: Repair, shared: &mut Shared) -> Result<(), RepairError> {
        if !self.quarantined || self.state_in_hand() != *key {
            return Err(RepairError::NotQuarantined(key.to_string()));
        }
        repair_state(&mut shared.store, key, repairs, repair)?;
        self.release(shared);
        Ok(())
    }

    /// The key is quarantined no longer; its task is to be started, and the record says how.
    fn release(&mut self, shared: &mut Shared) {
        self.quarantined = false;
        shared.waiting += self.pending.size();
        shared.quarantined.remove(&self.key);
        shared.full.remove(&self.key);
        shared.counters.keys_quarantined -= 1;
        shared.counters.keys_running += 1;
        self.run.as_mut().expect("a quarantined key has a run").phase = Phase::Ready;
        self.touch(shared);
    }
}

/// Puts a repair into the state that quarantines a key: the record is the truth, and whoever starts the task next does as
/// it says. For a store without an operator, too.
pub fn repair_state(
    store: &mut ActionStateStore,
    key: &StateKey,
    repairs: u32,
    repair: Repair,
) -> Result<(), RepairError> {
    let quarantines =
        |state: &&Arc<ActionState>| matches!(state.decision(), Some(Decision::Quarantine | Decision::Stop));
    let Some(recorded) = store.get(key).filter(quarantines) else {
        return Err(RepairError::NotQuarantined(key.to_string()));
    };
    let mut state = ActionState::clone(recorded);
    let failed = state.failed.as_mut().expect("a decision stands with its failure");
    if failed.repairs != repairs {
        return Err(RepairError::Outdated(key.to_string(), repairs, failed.repairs));
    }
    failed.repairs += 1;
    failed.decision = Some(match repair {
        Repair::Retry { .. } => Decision::Retry,
        Repair::Skip => Decision::Skip,
        Repair::Discard => Decision::Discard,
    });
    if let Repair::Retry { failed_calls } = repair {
        failed.attempts = 0;
        failed.not_before_ms = 0;
        if failed_calls {
            drop_failed_calls(store, key, &state);
        }
    }
    put_failed_state(store, key, state);
    Ok(())
}

/// Drops the failed outcomes behind the last success, the highest position first. A pending call counts as one: what
/// became of it is not known, and without the failures before it its action might never ask for it again.
fn drop_failed_calls(store: &mut ActionStateStore, key: &StateKey, state: &ActionState) {
    let stays = |call: &CallResult| match call.status {
        CallStatus::Pending { .. } => true,
        CallStatus::Succeeded(_) => !call.retryable,
        CallStatus::Failed(_) => false,
    };
    let last = state.call_results.iter().rfind(|(_, call)| stays(call));
    let from = last.map_or(0, |(position, _)| position + 1);
    for (position, _) in state.call_results.starting_at(from).rev() {
        store.drop_call(key, position);
    }
}
