//! What a store holds for its guest.

use crate::guest_log::GuestLog;
use crate::http::HttpClient;
use crate::load::GuestSettings;
use crate::meter::{CpuMeter, ResourceMeter};
use crate::port::InvocationPort;
use crate::wasi::WasiState;
use crate::watch::{Step, Watch};
use std::sync::Arc;
use std::time::Duration;
use wasmtime::StoreContextMut;
use weir_core::invocation::{Abort, Invocation};
use weir_core::limits::InvocationLimits;

/// The host's side of one instance.
pub(crate) struct HostState {
    pub(crate) guest: Arc<GuestSettings>,
    /// None while the component describes itself.
    pub(crate) job: Option<Box<Job>>,
    pub(crate) resources: ResourceMeter,
    pub(crate) cpu: CpuMeter,
    pub(crate) wasi: WasiState,
    log: Option<Arc<GuestLog>>,
}

/// Runs a host function on the job, with the store left readable: so texts need not be copied out of the guest first.
pub(crate) fn with_job<T>(
    store: &mut StoreContextMut<'_, HostState>,
    act: impl FnOnce(&mut Job, &StoreContextMut<'_, HostState>) -> wasmtime::Result<T>,
) -> wasmtime::Result<T> {
    let mut job = store.data_mut().job.take().ok_or_else(no_job)?;
    let result = act(&mut job, store);
    store.data_mut().job = Some(job);
    result
}

fn no_job() -> Abort {
    Abort::Trap("describe must call nothing of the host but log".to_owned())
}

/// The invocation that an instance serves.
pub(crate) struct Job {
    /// Boxed: it is handed on several times.
    pub(crate) invocation: Box<Invocation>,
    pub(crate) port: Arc<dyn InvocationPort>,
    pub(crate) http: HttpClient,
    pub(crate) watch: Option<Watch>,
}

impl Job {
    /// Tells a step, where somebody watches.
    pub(crate) fn watch(&self, step: impl FnOnce(&Watch) -> Step) {
        if let Some(watch) = &self.watch {
            watch.tell(step(watch));
        }
    }

    pub(crate) fn wall_ms(&self) -> u64 {
        self.port.wall_clock_us() / 1000
    }

    /// Hands over what is to be put at once.
    pub(crate) fn put(&mut self) {
        let puts = self.invocation.take_puts();
        if !puts.is_empty() {
            self.port.put(&self.invocation, puts);
        }
    }

    /// Hands over what is to be put because the guest is going to wait.
    pub(crate) fn put_before_waiting(&mut self) {
        let puts = self.invocation.take_puts_before_waiting();
        if !puts.is_empty() {
            self.port.put(&self.invocation, puts);
        }
    }
}

impl HostState {
    pub(crate) fn new(guest: Arc<GuestSettings>, job: Option<Box<Job>>) -> Self {
        let limits: &InvocationLimits = job.as_ref().map_or(&guest.limits, |job| job.invocation.limits());
        Self {
            resources: ResourceMeter::new(limits),
            cpu: CpuMeter::new(guest.ticks.clone(), limits),
            wasi: WasiState::default(),
            log: None,
            job,
            guest,
        }
    }

    /// Another invocation begins in the same instance.
    pub(crate) fn begin(&mut self, job: Box<Job>) {
        let limits = job.invocation.limits();
        self.cpu.restart(limits);
        if let Some(log) = &self.log {
            log.begin(Some(job.invocation.task()), limits.log_lines_max, job.watch.clone());
        }
        self.job = Some(job);
    }

    /// The invocation has ended.
    pub(crate) fn end(&mut self) -> Box<Job> {
        if let Some(log) = &self.log {
            log.finish();
        }
        self.job.take().expect("a job was begun")
    }

    /// The invocation; a trap while the component describes itself.
    pub(crate) fn job(&mut self) -> wasmtime::Result<&mut Job> {
        self.job.as_deref_mut().ok_or_else(|| no_job().into())
    }

    /// See [`HostState::job`].
    pub(crate) fn invocation(&mut self) -> wasmtime::Result<&mut Invocation> {
        Ok(&mut self.job()?.invocation)
    }

    pub(crate) fn log(&mut self) -> &Arc<GuestLog> {
        self.log.get_or_insert_with(|| {
            let log = GuestLog::new(self.guest.clone());
            let task = self.job.as_ref().map(|job| job.invocation.task());
            let limits = self.job.as_ref().map_or(&*self.guest.limits, |job| job.invocation.limits());
            let watch = self.job.as_ref().and_then(|job| job.watch.clone());
            log.begin(task, limits.log_lines_max, watch);
            Arc::new(log)
        })
    }

    pub(crate) fn last_words(&self) -> Option<String> {
        self.log.as_ref()?.last_words()
    }

    /// Waits, with what belongs in the log handed over first.
    pub(crate) async fn sleep(&mut self, duration: Duration) {
        if let Some(job) = &mut self.job {
            job.put_before_waiting();
        }
        let began_at = self.cpu.tick();
        tokio::time::sleep(duration).await;
        self.cpu.on_wait_ended(began_at);
    }
}
