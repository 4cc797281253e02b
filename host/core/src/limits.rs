//! Every limit of the core, in one place, each with its unit [S11].

/// What one invocation of a component may use. Passing one fails the invocation with an error that names the limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvocationLimits {
    /// Linear memory of all instances of one invocation, bytes.
    pub memory_bytes_max: usize,
    /// Entries of all tables of one invocation.
    pub table_entries_max: usize,
    /// From start to end, milliseconds, waiting for calls included.
    pub wall_ms_max: u64,
    /// Time on the processor, milliseconds.
    pub cpu_ms_max: u64,
    /// Stack of the guest, bytes.
    pub stack_bytes_max: usize,
    /// Events that one action may emit.
    pub events_max: usize,
    /// Payload of one event, bytes.
    pub event_bytes_max: usize,
    /// Durable calls of one action.
    pub calls_max: usize,
    /// One memory value, one call's arguments or outcome, bytes.
    pub value_bytes_max: usize,
    /// One path in memory, bytes.
    pub path_bytes_max: usize,
    /// One effect, from its begin to its end, milliseconds: the host cuts the connection then [S13].
    pub effect_ms_max: u64,
    /// One HTTP response's body, bytes.
    pub response_bytes_max: usize,
    /// Lines that one invocation may log, further ones are counted and dropped.
    pub log_lines_max: usize,
}

impl InvocationLimits {
    /// The effect of a reconcilable call, milliseconds: at most half of an invocation, so that an attempt that waits until
    /// an earlier one's effect must have ended has as long again to ask what became of it [S13].
    pub(crate) fn reconcilable_effect_ms_max(&self) -> u64 {
        self.effect_ms_max.min(self.wall_ms_max / 2)
    }
}

impl Default for InvocationLimits {
    fn default() -> Self {
        Self {
            memory_bytes_max: 64 << 20,
            table_entries_max: 100_000,
            wall_ms_max: 60_000,
            cpu_ms_max: 5_000,
            stack_bytes_max: 512 << 10,
            events_max: 10_000,
            event_bytes_max: 1 << 20,
            calls_max: 1_000,
            value_bytes_max: 1 << 20,
            path_bytes_max: 1_024,
            effect_ms_max: 30_000,
            response_bytes_max: 1 << 20,
            log_lines_max: 1_000,
        }
    }
}

/// What becomes of an input event for a quarantined key whose queue is full [S29].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum OnQueueFull {
    /// It becomes a dead letter.
    #[default]
    DeadLetter,
    /// It waits like the others, and whoever drives the operator gives it no more: see
    /// [`Operator::is_full`](crate::operator::Operator::is_full).
    Pause,
}

/// What one operator may hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorLimits {
    /// Action tasks of one run; a run of more fails [S2].
    pub tasks_per_run_max: u64,
    /// Pending input events of one quarantined key [S29].
    pub quarantined_events_max: usize,
    /// What they may take in memory, bytes.
    pub quarantined_bytes_max: u64,
    /// What becomes of further ones.
    pub on_queue_full: OnQueueFull,
    /// Records by which a state may hold the recovery marker back, before it is put again [S23].
    pub marker_lag_max: u64,
    /// One record of the action-state log, bytes; a record too large fails its invocation [S26].
    pub record_bytes_max: usize,
    /// Keys that are resident though idle and unchanged [S34].
    pub idle_keys_max: usize,
}

impl Default for OperatorLimits {
    fn default() -> Self {
        Self {
            tasks_per_run_max: 10_000,
            quarantined_events_max: 1_000,
            quarantined_bytes_max: 64 << 20,
            on_queue_full: OnQueueFull::DeadLetter,
            marker_lag_max: 100_000,
            record_bytes_max: 16 << 20,
            idle_keys_max: 10_000,
        }
    }
}
