//! `wasi:clocks`: the guest's clock, wall and monotonic alike.

use super::Timers;
use crate::state::HostState;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use wasmtime::component::Resource;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::bindings::clocks::{monotonic_clock, wall_clock};
use wasmtime_wasi::p2::{DynPollable, Pollable, subscribe};

impl HostState {
    /// What the guest's clock shows.
    pub(crate) fn now_us(&mut self) -> u64 {
        match &mut self.job {
            Some(job) => {
                let wall_us = if job.invocation.has_open_call() { job.port.wall_clock_us() } else { 0 };
                job.invocation.now_us(wall_us)
            }
            None => {
                self.wasi.idle += 1;
                self.wasi.idle
            }
        }
    }

    fn timer(&mut self, until_us: u64) -> wasmtime::Result<Resource<DynPollable>> {
        let timer = Timer { until_us, timers: self.wasi.timers().clone() };
        let timer = self.wasi.table.push(timer)?;
        subscribe(&mut self.wasi.table, timer)
    }
}

impl wall_clock::Host for HostState {
    fn now(&mut self) -> wasmtime::Result<wall_clock::Datetime> {
        let now_us = self.now_us();
        let nanoseconds = (now_us % 1_000_000) as u32 * 1000;
        Ok(wall_clock::Datetime { seconds: now_us / 1_000_000, nanoseconds })
    }

    fn resolution(&mut self) -> wasmtime::Result<wall_clock::Datetime> {
        Ok(wall_clock::Datetime { seconds: 0, nanoseconds: 1000 })
    }
}

impl monotonic_clock::Host for HostState {
    fn now(&mut self) -> wasmtime::Result<u64> {
        Ok(self.now_us().saturating_mul(1000))
    }

    fn resolution(&mut self) -> wasmtime::Result<u64> {
        Ok(1000)
    }

    fn subscribe_instant(&mut self, when: u64) -> wasmtime::Result<Resource<DynPollable>> {
        self.timer(when.div_ceil(1000))
    }

    fn subscribe_duration(&mut self, duration: u64) -> wasmtime::Result<Resource<DynPollable>> {
        let until_us = self.now_us().saturating_add(duration.div_ceil(1000));
        self.timer(until_us)
    }
}

/// Ready from a time of the guest's clock on. Asked before, it says for when it waits.
struct Timer {
    until_us: u64,
    timers: Arc<Timers>,
}

#[async_trait]
impl Pollable for Timer {
    async fn ready(&mut self) {
        if self.timers.now_us.load(Ordering::Relaxed) < self.until_us {
            self.timers.next_us.fetch_min(self.until_us, Ordering::Relaxed);
            std::future::pending().await
        }
    }
}
