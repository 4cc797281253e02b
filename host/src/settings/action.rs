//! What holds for single actions: `[action.NAME]`.

use super::error::Problem;
use serde::Deserialize;
use weir_core::invocation::OnDivergence;
use weir_core::plan::{ActionPolicy, OnFailure, RetryPolicy};

/// `[action.NAME]` as it may be written.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ActionManifest {
    retry: Option<RetryManifest>,
    on_failure: Option<OnFailureManifest>,
    on_divergence: Option<OnDivergenceManifest>,
    instance_reuse: Option<u32>,
}

/// `retry` as it may be written.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RetryManifest {
    attempts: Option<u32>,
    backoff_ms: Option<u64>,
    backoff_ms_max: Option<u64>,
    jitter: Option<f64>,
    repeat_open_calls: Option<bool>,
}

/// What becomes of an event whose action failed for good, as it may be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum OnFailureManifest {
    Quarantine,
    DeadLetter,
    Stop,
}

/// What becomes of an attempt that diverges from the record, as it may be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum OnDivergenceManifest {
    Fail,
    Execute,
}

/// How one action is run.
#[derive(Clone, Debug, PartialEq)]
pub struct ActionSettings {
    /// When it is tried again, and what becomes of its event in the end.
    pub policy: ActionPolicy,
    /// Invocations that one instance may serve; 1: a fresh one each time [S9].
    pub instance_reuse: u32,
}

impl Default for ActionSettings {
    fn default() -> Self {
        Self { policy: ActionPolicy::default(), instance_reuse: 1 }
    }
}

impl From<OnFailureManifest> for OnFailure {
    fn from(written: OnFailureManifest) -> Self {
        match written {
            OnFailureManifest::Quarantine => Self::Quarantine,
            OnFailureManifest::DeadLetter => Self::DeadLetter,
            OnFailureManifest::Stop => Self::Stop,
        }
    }
}

impl From<OnDivergenceManifest> for OnDivergence {
    fn from(written: OnDivergenceManifest) -> Self {
        match written {
            OnDivergenceManifest::Fail => Self::Fail,
            OnDivergenceManifest::Execute => Self::Execute,
        }
    }
}

impl ActionManifest {
    /// The settings; `path` is that of this table.
    pub(super) fn resolve(self, path: &str) -> Result<ActionSettings, Problem> {
        let default = ActionSettings::default();
        let settings = ActionSettings {
            policy: ActionPolicy {
                retry: self.retry.unwrap_or_default().resolve(&format!("{path}.retry"))?,
                on_failure: self.on_failure.map_or(default.policy.on_failure, OnFailure::from),
                on_divergence: self.on_divergence.map_or(default.policy.on_divergence, OnDivergence::from),
            },
            instance_reuse: self.instance_reuse.unwrap_or(default.instance_reuse),
        };
        if settings.instance_reuse == 0 {
            let message = "an instance serves one invocation at least: 1 is a fresh one each time";
            return Err(Problem::new(format!("{path}.instance_reuse"), message));
        }
        Ok(settings)
    }
}

impl RetryManifest {
    fn resolve(self, path: &str) -> Result<RetryPolicy, Problem> {
        let default = RetryPolicy::default();
        let backoff_ms_max_default = default.backoff_ms_max.max(self.backoff_ms.unwrap_or_default());
        let policy = RetryPolicy {
            attempts: self.attempts.unwrap_or(default.attempts),
            backoff_ms: self.backoff_ms.unwrap_or(default.backoff_ms),
            backoff_ms_max: self.backoff_ms_max.unwrap_or(backoff_ms_max_default),
            jitter: self.jitter.unwrap_or(default.jitter),
            repeat_open_calls: self.repeat_open_calls.unwrap_or(default.repeat_open_calls),
        };
        if policy.attempts == 0 {
            return Err(Problem::new(
                format!("{path}.attempts"),
                "retry.attempts is 0: the first attempt counts, so 1 is no retry at all",
            ));
        }
        if !(0.0..=1.0).contains(&policy.jitter) {
            return Err(Problem::new(format!("{path}.jitter"), "jitter is the part of a wait left to chance, 0 to 1"));
        }
        // A first wait of its own may be over the default maximum, and under a maximum of its own only.
        if self.backoff_ms.is_some() && policy.backoff_ms_max < policy.backoff_ms {
            let message =
                format!("backoff_ms_max is {}, less than backoff_ms, {}", policy.backoff_ms_max, policy.backoff_ms);
            return Err(Problem::new(format!("{path}.backoff_ms_max"), message));
        }
        Ok(policy)
    }
}
