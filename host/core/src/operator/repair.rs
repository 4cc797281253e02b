//! Repairs of a quarantined key: retry, skip, discard [S29].

use super::key_state::{KeyState, Phase};
use super::{Operator, Shared, Slot};
use crate::action_state::{ActionState, CallStatus, Decision, StateKey};
use crate::store::log::Ticket;

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
        if !self.quarantined || self.task_in_hand().0 != *key {
            return Err(RepairError::NotQuarantined(key.to_string()));
        }
        let recorded = shared.store.get(key).expect("a quarantined key has a state that says so");
        let mut state = ActionState::clone(recorded);
        let failed = state.failed.as_mut().expect("the state of a quarantined key failed");
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
            if failed_calls {
                let succeeded = |status: &CallStatus| matches!(status, CallStatus::Succeeded(_));
                let last = state.call_results.iter().rfind(|(_, call)| succeeded(&call.status) && !call.retryable);
                let from = last.map_or(0, |(position, _)| position + 1);
                let dropped: Vec<u32> = state.call_results.range(from..).map(|(position, _)| *position).collect();
                for position in dropped.into_iter().rev() {
                    if !state.call_results[&position].is_pending() {
                        shared.store.drop_call(key, position);
                    }
                }
            }
        }
        shared.store.put(key, state).expect("a state that was put before fits with another word");
        self.release(shared);
        Ok(())
    }

    /// The key is quarantined no longer; its task is to be started, and the record says how.
    fn release(&mut self, shared: &mut Shared) {
        self.quarantined = false;
        shared.quarantined.remove(&self.key);
        shared.counters.keys_quarantined -= 1;
        shared.counters.keys_running += 1;
        self.run.as_mut().expect("a quarantined key has a run").phase = Phase::Ready;
        self.touch(shared);
    }
}
