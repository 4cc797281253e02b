//! Failed attempts: try again, or decide [S28] [S29].

use super::key_state::{KeyState, Phase};
use super::{Command, Report, ReportedTask, Shared};
use crate::action_state::{ActionState, Decision, Failed, StateKey};
use crate::failure::{ActionFailure, Failure, FailureClass};
use crate::invocation::Task;
use crate::plan::{ActionPolicy, OnFailure};
use crate::store::ActionStateStore;

impl KeyState {
    /// An attempt failed: it is put, so that the count survives.
    pub(super) fn on_attempt_failed(
        &mut self,
        failure: ActionFailure,
        plain_call_open: bool,
        shared: &mut Shared,
        now_ms: u64,
    ) {
        let (key, task) = self.task_in_hand();
        shared.counters.attempts_failed += 1;
        if failure.class == FailureClass::Divergence {
            shared.counters.divergences += 1;
            let reported = ReportedTask { state: key.clone(), action: task.action.clone() };
            shared.report(Report::Divergence(reported, failure.failure.message.clone()));
        }
        let policy = shared.plan.action(task.action.id()).map(|action| action.policy.clone()).unwrap_or_default();
        let earlier = shared.store.get(&key).and_then(|state| state.failed.clone());
        let attempts = earlier.as_ref().map_or(0, |failed| failed.attempts) + 1;
        let again = attempts < policy.retry.attempts && may_try_again(&failure, plain_call_open, &policy);
        let decision = (!again).then(|| decide(&policy));
        let repairs = earlier.map_or(0, |failed| failed.repairs);
        let wait = policy.retry.backoff_ms(attempts, key.to_string().as_bytes(), failure.failure.retry_after_ms);
        let not_before_ms = if again { now_ms.saturating_add(wait) } else { 0 };
        let failed = Failed { attempts, failure: failure.clone(), decision, repairs, not_before_ms };
        self.put_failed(&key, &task, failed, shared);
        match decision {
            Some(decision) => self.apply_decision(&key, failure, decision, shared),
            None => {
                let reported = ReportedTask { state: key, action: task.action };
                shared.report(Report::AttemptFailed(reported, failure, attempts, wait));
                self.back_off(not_before_ms, shared);
            }
        }
        self.advance(shared, now_ms);
    }

    /// The next attempt waits for its time.
    pub(super) fn back_off(&mut self, until_ms: u64, shared: &mut Shared) {
        self.run.as_mut().expect("a run is in progress").phase = Phase::Backoff;
        shared.backing_off.insert(self.key.clone());
        shared.commands.push(Command::RetryAt(self.key.clone(), until_ms));
    }

    /// The task in hand fails for good without an attempt.
    pub(super) fn fail_for_good(
        &mut self,
        class: FailureClass,
        kind: &str,
        message: String,
        shared: &mut Shared,
        now_ms: u64,
    ) {
        let (key, task) = self.task_in_hand();
        if class == FailureClass::Divergence {
            shared.counters.divergences += 1;
            let reported = ReportedTask { state: key.clone(), action: task.action.clone() };
            shared.report(Report::Divergence(reported, message.clone()));
        }
        let policy = shared.plan.action(task.action.id()).map(|action| action.policy.clone()).unwrap_or_default();
        let failure = ActionFailure { class, failure: Failure::fatal(kind, message) };
        let decision = decide(&policy);
        let earlier = shared.store.get(&key);
        let started_at_ms = earlier.map(|state| state.started_at_ms).or(task.source_timestamp_ms).unwrap_or(now_ms);
        let repairs = earlier.and_then(|state| state.failed.as_ref()).map_or(0, |failed| failed.repairs);
        self.run.as_mut().expect("a run is in progress").started_at_ms = started_at_ms;
        let failed =
            Failed { attempts: 0, failure: failure.clone(), decision: Some(decision), repairs, not_before_ms: 0 };
        self.put_failed(&key, &task, failed, shared);
        self.apply_decision(&key, failure, decision, shared);
    }

    /// Puts that the task failed, on top of what is known of it: a completed action stays completed.
    fn put_failed(&mut self, key: &StateKey, task: &Task, failed: Failed, shared: &mut Shared) {
        let known = shared.store.get(key).map(|state| ActionState::clone(state));
        let started_at_ms = self.started_at_ms();
        let mut state = known.unwrap_or_else(|| ActionState::started(task.action.clone(), started_at_ms));
        state.task_event = Some(task.event.clone());
        state.failed = Some(failed);
        put_failed_state(&mut shared.store, key, state);
    }

    fn apply_decision(&mut self, key: &StateKey, failure: ActionFailure, decision: Decision, shared: &mut Shared) {
        let reported = ReportedTask { state: key.clone(), action: self.queued_in_hand().action.clone() };
        shared.report(Report::Failed(reported.clone(), failure.clone(), decision));
        if decision == Decision::Stop {
            shared.commands.push(Command::Stop(reported, failure));
        }
        self.apply_recorded(key, shared);
    }
}

/// Puts a state that failed, whatever its size: the failure's own text and the event are what can be left out.
pub(super) fn put_failed_state(store: &mut ActionStateStore, key: &StateKey, mut state: ActionState) {
    let Err(too_large) = store.put(key, state.clone()) else { return };
    let message =
        format!("its record of {} bytes is over limits.record_bytes_max ({} bytes)", too_large.size, too_large.max);
    let failed = state.failed.as_mut().expect("a state that failed is put");
    failed.failure.failure = Failure::fatal("limit", message);
    state.task_event = None;
    store.put(key, state).expect("a failure without payload fits: a state leaves room for it");
}

fn decide(policy: &ActionPolicy) -> Decision {
    match policy.on_failure {
        OnFailure::Quarantine => Decision::Quarantine,
        OnFailure::DeadLetter => Decision::Discard,
        OnFailure::Stop => Decision::Stop,
    }
}

fn may_try_again(failure: &ActionFailure, plain_call_open: bool, policy: &ActionPolicy) -> bool {
    match failure.class {
        FailureClass::Retryable => true,
        FailureClass::Fatal | FailureClass::Divergence => false,
        FailureClass::Trap | FailureClass::Limit | FailureClass::Timeout => {
            !plain_call_open || policy.retry.repeat_open_calls
        }
    }
}
