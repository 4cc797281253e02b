//! What an invocation uses up: linear memory, table entries, time on the processor.

use crate::ticker::{TICK_MS, Ticks};
use std::sync::Arc;
use wasmtime::{ResourceLimiter, UpdateDeadline};
use weir_core::invocation::Abort;
use weir_core::limits::InvocationLimits;

/// Memory and tables of all core instances of one instance. Passing a limit traps the guest at once, with the limit's name:
/// to let its allocator fail would hide the name behind whatever the guest makes of that.
#[derive(Debug)]
pub(crate) struct ResourceMeter {
    memory_bytes: usize,
    memory_bytes_max: usize,
    table_entries: usize,
    table_entries_max: usize,
}

impl ResourceMeter {
    pub(crate) fn new(limits: &InvocationLimits) -> Self {
        Self {
            memory_bytes: 0,
            memory_bytes_max: limits.memory_bytes_max,
            table_entries: 0,
            table_entries_max: limits.table_entries_max,
        }
    }

    /// Linear memory in use.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.memory_bytes
    }
}

impl ResourceLimiter for ResourceMeter {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        self.memory_bytes = self.memory_bytes - current + desired;
        if self.memory_bytes > self.memory_bytes_max {
            let (used, max) = (self.memory_bytes, self.memory_bytes_max);
            return Err(Abort::too_large("limits.memory_bytes_max", "use more memory", used, max).into());
        }
        Ok(true)
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        self.table_entries = self.table_entries - current + desired;
        if self.table_entries > self.table_entries_max {
            let what = format_args!("use {} table entries", self.table_entries);
            return Err(Abort::over("limits.table_entries_max", what).into());
        }
        Ok(true)
    }
}

/// A limit of time was passed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("ran for over {limit} ({max_ms} ms)")]
pub(crate) struct OutOfTime {
    pub(crate) limit: &'static str,
    pub(crate) max_ms: u64,
}

/// Time on the processor, sampled: a tick of the epoch that finds the guest running counts as one tick of time.
#[derive(Debug)]
pub(crate) struct CpuMeter {
    clock: Arc<Ticks>,
    used: u64,
    max_ms: u64,
    /// Ticks passed while the guest waited: the next one it meets is not its own.
    stale: bool,
}

impl CpuMeter {
    pub(crate) fn new(clock: Arc<Ticks>, limits: &InvocationLimits) -> Self {
        Self { clock, used: 0, max_ms: limits.cpu_ms_max, stale: false }
    }

    /// Another invocation begins in the same instance.
    pub(crate) fn restart(&mut self, limits: &InvocationLimits) {
        self.used = 0;
        self.max_ms = limits.cpu_ms_max;
        self.stale = false;
    }

    /// The tick at which a wait begins, for [`CpuMeter::on_wait_ended`].
    pub(crate) fn tick(&self) -> u64 {
        self.clock.now()
    }

    pub(crate) fn on_wait_ended(&mut self, began_at: u64) {
        self.stale |= self.clock.now() != began_at;
    }

    /// The guest met a tick.
    pub(crate) fn on_tick(&mut self) -> wasmtime::Result<UpdateDeadline> {
        if std::mem::take(&mut self.stale) {
            return Ok(UpdateDeadline::Continue(1));
        }
        self.used += 1;
        if self.used * TICK_MS > self.max_ms {
            return Err(OutOfTime { limit: "limits.cpu_ms_max", max_ms: self.max_ms }.into());
        }
        Ok(UpdateDeadline::Yield(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // [S11]
    #[test]
    fn memory_of_all_instances_counts_together() {
        let mut meter = ResourceMeter::new(&InvocationLimits { memory_bytes_max: 100, ..InvocationLimits::default() });
        assert!(meter.memory_growing(0, 60, None).unwrap());
        assert!(meter.memory_growing(0, 30, None).unwrap());
        assert!(meter.memory_growing(60, 70, None).unwrap());
        let error = meter.memory_growing(30, 31, None).unwrap_err();
        assert!(matches!(error.downcast_ref(), Some(Abort::Limit("limits.memory_bytes_max", _))), "{error}");
    }

    // [S11]
    #[test]
    fn ticks_that_passed_in_a_wait_are_not_time_on_the_processor() {
        let limits = InvocationLimits { cpu_ms_max: 2 * TICK_MS, ..InvocationLimits::default() };
        let mut meter = CpuMeter::new(Arc::default(), &limits);
        for _ in 0..100 {
            meter.on_wait_ended(u64::MAX);
            assert!(matches!(meter.on_tick(), Ok(UpdateDeadline::Continue(1))));
        }
        assert!(matches!(meter.on_tick(), Ok(UpdateDeadline::Yield(1))));
        assert!(matches!(meter.on_tick(), Ok(UpdateDeadline::Yield(1))));
        assert!(meter.on_tick().is_err_and(|error| error.is::<OutOfTime>()));
    }
}
