//! Event kind → actions, in declared order, with what is to be done when one fails.

use crate::event::ActionName;
use crate::id::{ActionId, digest_of_parts};
use crate::invocation::OnDivergence;
use crate::limits::InvocationLimits;
use hashbrown::HashMap;
use std::sync::Arc;

/// How often and when a failed action is tried again [S28].
#[derive(Clone, Debug, PartialEq)]
pub struct RetryPolicy {
    /// Attempts in all, the first included.
    pub attempts: u32,
    /// Wait before the second attempt, milliseconds; doubled for each next.
    pub backoff_ms: u64,
    /// The longest wait, milliseconds.
    pub backoff_ms_max: u64,
    /// By which share of itself a wait may be longer, 0 to 1, so that many keys do not come back at once.
    pub jitter: f64,
    /// Whether traps, limits and timeouts in a plain call are tried again, which repeats its effect.
    pub repeat_open_calls: bool,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { attempts: 5, backoff_ms: 200, backoff_ms_max: 10_000, jitter: 0.2, repeat_open_calls: false }
    }
}

impl RetryPolicy {
    /// How long to wait after so many failed attempts. The jitter comes from the task, so it needs no randomness.
    pub fn backoff_ms(&self, failed_attempts: u32, task: &[u8], retry_after_ms: Option<u32>) -> u64 {
        let doublings = failed_attempts.saturating_sub(1).min(32);
        let backoff = self.backoff_ms.saturating_mul(1 << doublings).min(self.backoff_ms_max);
        let digest = digest_of_parts(&[b"jitter", task, &failed_attempts.to_be_bytes()]);
        let draw = f64::from(u32::from_be_bytes(digest[..4].try_into().expect("four bytes"))) / f64::from(u32::MAX);
        let jittered = backoff.saturating_add((backoff as f64 * self.jitter.clamp(0.0, 1.0) * draw) as u64);
        jittered.max(u64::from(retry_after_ms.unwrap_or(0)))
    }
}

/// What to do when attempts are spent [S29].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum OnFailure {
    /// Park the key; the others go on.
    #[default]
    Quarantine,
    /// Make the input event a dead letter, and go on.
    DeadLetter,
    /// Park the key, and stop the host.
    Stop,
}

/// What happens when an action fails.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct ActionPolicy {
    /// How often it is tried.
    pub retry: RetryPolicy,
    /// What then.
    pub on_failure: OnFailure,
    /// What about calls that differ from recorded ones.
    pub on_divergence: OnDivergence,
}

/// An action that can be run.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedAction {
    /// Its name.
    pub name: ActionName,
    /// The kinds it listens to.
    pub listens_to: Vec<String>,
    /// The number of its component in the manifest.
    pub component: usize,
    /// SHA-256 of its component, in hexadecimal.
    pub component_digest: Arc<str>,
    /// What happens when it fails.
    pub policy: ActionPolicy,
    /// What one invocation may use.
    pub limits: Arc<InvocationLimits>,
}

/// Two actions of one name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("action {0} is declared twice; action names are unique in an application")]
pub struct PlanError(ActionName);

/// Event kind → actions.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    actions: Vec<PlannedAction>,
    by_kind: HashMap<String, Vec<usize>>,
    by_id: HashMap<ActionId, usize>,
}

impl Plan {
    /// The plan of these actions, in declared order.
    pub fn new(actions: Vec<PlannedAction>) -> Result<Self, PlanError> {
        let mut plan = Self::default();
        for (index, action) in actions.iter().enumerate() {
            if plan.by_id.insert(action.name.id(), index).is_some() {
                return Err(PlanError(action.name.clone()));
            }
            for kind in &action.listens_to {
                let listeners = plan.by_kind.entry_ref(kind.as_str()).or_default();
                if listeners.last() != Some(&index) {
                    listeners.push(index);
                }
            }
        }
        plan.actions = actions;
        Ok(plan)
    }

    /// The actions that listen to a kind, in declared order, each once.
    pub fn listeners(&self, kind: &str) -> impl Iterator<Item = &PlannedAction> {
        self.by_kind.get(kind).into_iter().flatten().map(|&index| &self.actions[index])
    }

    /// The action of this id.
    pub fn action(&self, id: ActionId) -> Option<&PlannedAction> {
        self.by_id.get(&id).map(|&index| &self.actions[index])
    }

    /// All actions, in declared order.
    pub fn actions(&self) -> &[PlannedAction] {
        &self.actions
    }
}
