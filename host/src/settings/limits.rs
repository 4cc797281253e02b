//! Every limit that can be set, over the defaults that the core names [S11].

use super::error::Problem;
use serde::Deserialize;
use weir_core::limits::{InvocationLimits, OperatorLimits};

/// What the host may hold; the limits of an invocation belong to its component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostLimits {
    /// What each operator may hold.
    pub operator: OperatorLimits,
    /// Invocations that run at once, over all shards, those that wait for a call included.
    pub invocations_max: usize,
    /// One input event: a line of a file, a posted body, bytes.
    pub input_event_bytes_max: usize,
    /// Events in the inbox that are not yet taken; a post beyond is answered 429.
    pub inbox_events_max: usize,
    /// Bytes of them.
    pub inbox_bytes_max: u64,
    /// How long a repeated `Idempotency-Key` is taken once, milliseconds.
    pub inbox_idempotency_ms: u64,
    /// How long open calls may go on at shutdown before they are cut off, milliseconds [S6].
    pub drain_ms_max: u64,
}

impl Default for HostLimits {
    fn default() -> Self {
        Self {
            operator: OperatorLimits::default(),
            invocations_max: 1_000,
            input_event_bytes_max: 1 << 20,
            inbox_events_max: 100_000,
            inbox_bytes_max: 64 << 20,
            inbox_idempotency_ms: 24 * 60 * 60 * 1000,
            drain_ms_max: 10_000,
        }
    }
}

/// Writes the manifest form of a table of limits, each at least 1.
macro_rules! numbers {
    ($(#[$doc:meta])* $manifest:ident => $settings:ty { $($field:ident: $type:ty),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(super) struct $manifest {
            $($field: Option<$type>,)+
        }

        impl $manifest {
            /// The names of its fields.
            pub(super) const NAMES: &[&str] = &[$(stringify!($field)),+];

            /// The settings; `path` is that of this table.
            pub(super) fn resolve(self, path: &str) -> Result<$settings, Problem> {
                $(if self.$field == Some(0) {
                    return Err(Problem::new(format!("{path}.{}", stringify!($field)), "a limit is 1 at least"));
                })+
                Ok(self.over_defaults())
            }
        }
    };
}

numbers! {
    /// `component.limits` as it may be written.
    InvocationLimitsManifest => InvocationLimits {
        memory_bytes_max: usize,
        table_entries_max: usize,
        wall_ms_max: u64,
        cpu_ms_max: u64,
        stack_bytes_max: usize,
        events_max: usize,
        event_bytes_max: usize,
        calls_max: usize,
        value_bytes_max: usize,
        path_bytes_max: usize,
        effect_ms_max: u64,
        response_bytes_max: usize,
        log_lines_max: usize,
    }
}

numbers! {
    /// `[limits]` as it may be written.
    HostLimitsManifest => HostLimits {
        tasks_per_run_max: u64,
        quarantined_events_max: usize,
        quarantined_bytes_max: u64,
        marker_lag_max: u64,
        record_bytes_max: usize,
        idle_keys_max: usize,
        invocations_max: usize,
        input_event_bytes_max: usize,
        inbox_events_max: usize,
        inbox_bytes_max: u64,
        inbox_idempotency_ms: u64,
        drain_ms_max: u64,
    }
}

impl InvocationLimitsManifest {
    /// Names each field, so that a limit that the core gains can't be forgotten here.
    fn over_defaults(self) -> InvocationLimits {
        let default = InvocationLimits::default();
        InvocationLimits {
            memory_bytes_max: self.memory_bytes_max.unwrap_or(default.memory_bytes_max),
            table_entries_max: self.table_entries_max.unwrap_or(default.table_entries_max),
            wall_ms_max: self.wall_ms_max.unwrap_or(default.wall_ms_max),
            cpu_ms_max: self.cpu_ms_max.unwrap_or(default.cpu_ms_max),
            stack_bytes_max: self.stack_bytes_max.unwrap_or(default.stack_bytes_max),
            events_max: self.events_max.unwrap_or(default.events_max),
            event_bytes_max: self.event_bytes_max.unwrap_or(default.event_bytes_max),
            calls_max: self.calls_max.unwrap_or(default.calls_max),
            value_bytes_max: self.value_bytes_max.unwrap_or(default.value_bytes_max),
            path_bytes_max: self.path_bytes_max.unwrap_or(default.path_bytes_max),
            effect_ms_max: self.effect_ms_max.unwrap_or(default.effect_ms_max),
            response_bytes_max: self.response_bytes_max.unwrap_or(default.response_bytes_max),
            log_lines_max: self.log_lines_max.unwrap_or(default.log_lines_max),
        }
    }
}

impl HostLimitsManifest {
    fn over_defaults(self) -> HostLimits {
        let default = HostLimits::default();
        HostLimits {
            operator: OperatorLimits {
                tasks_per_run_max: self.tasks_per_run_max.unwrap_or(default.operator.tasks_per_run_max),
                quarantined_events_max: self.quarantined_events_max.unwrap_or(default.operator.quarantined_events_max),
                quarantined_bytes_max: self.quarantined_bytes_max.unwrap_or(default.operator.quarantined_bytes_max),
                on_queue_full: default.operator.on_queue_full,
                marker_lag_max: self.marker_lag_max.unwrap_or(default.operator.marker_lag_max),
                record_bytes_max: self.record_bytes_max.unwrap_or(default.operator.record_bytes_max),
                idle_keys_max: self.idle_keys_max.unwrap_or(default.operator.idle_keys_max),
            },
            invocations_max: self.invocations_max.unwrap_or(default.invocations_max),
            input_event_bytes_max: self.input_event_bytes_max.unwrap_or(default.input_event_bytes_max),
            inbox_events_max: self.inbox_events_max.unwrap_or(default.inbox_events_max),
            inbox_bytes_max: self.inbox_bytes_max.unwrap_or(default.inbox_bytes_max),
            inbox_idempotency_ms: self.inbox_idempotency_ms.unwrap_or(default.inbox_idempotency_ms),
            drain_ms_max: self.drain_ms_max.unwrap_or(default.drain_ms_max),
        }
    }
}
