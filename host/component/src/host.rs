//! The component host of a process, and the invoker of a shard.

use crate::bindings::LentEvent;
use crate::bindings::types::Failure as GuestFailure;
use crate::cache::CodeCache;
use crate::engine::new_engine;
use crate::error::{LoadError, LoadErrorReason};
use crate::http::{EffectGate, HttpClient, TlsRoots};
use crate::instance::{Instance, Slots};
use crate::interfaces::failure_from_guest;
use crate::load::{ComponentSource, LoadedComponent, Loader, check_stack};
use crate::port::{Interrupted, InvocationPort};
use crate::state::Job;
use crate::ticker::Ticker;
use crate::trap::guest_end;
use crate::watch::{Ending, Step, Watch, Watcher, ending};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Instant;
use wasmtime::Engine;
use weir_core::failure::Failure;
use weir_core::invocation::{Abort, GuestEnd, Invocation, InvocationEnd};

/// How a host runs components.
#[derive(Clone, Debug)]
pub struct HostSettings {
    /// Folder for compiled components, closed to other users; without one, each start compiles again.
    pub cache_directory: Option<PathBuf>,
    /// Invocations at once, over all shards; further ones wait.
    pub invocations_max: u32,
    /// Told what invocations do, where somebody watches.
    pub watcher: Option<Watcher>,
}

impl Default for HostSettings {
    fn default() -> Self {
        Self { cache_directory: None, invocations_max: 1_000, watcher: None }
    }
}

/// The component host can't start.
#[derive(Debug, thiserror::Error)]
#[error("start the component host: {0}")]
pub struct HostError(String);

/// Engines, compiled components and the clock by which guests yield. One for the process.
pub struct ComponentHost {
    settings: HostSettings,
    /// By stack size, which is an engine's, not an instance's.
    engines: Mutex<BTreeMap<usize, (Engine, Slots)>>,
    cache: CodeCache,
    ticker: Ticker,
    roots: TlsRoots,
}

impl ComponentHost {
    /// A host without components.
    pub fn new(settings: HostSettings) -> Result<Self, HostError> {
        let ticker = Ticker::start().map_err(|error| HostError(format!("start a thread: {error}")))?;
        let cache = CodeCache::new(settings.cache_directory.as_deref());
        Ok(Self { settings, engines: Mutex::default(), cache, ticker, roots: TlsRoots::default() })
    }

    /// Compiles a component, or takes it compiled from the cache, checks that it keeps to the contract, and asks it to
    /// describe itself.
    pub fn load(&self, source: ComponentSource) -> Result<LoadedComponent, LoadError> {
        let stack_bytes = source.limits.stack_bytes_max;
        check_stack(stack_bytes).map_err(|reason| reason.of(&source.name))?;
        let (engine, slots) = self.engine(stack_bytes).map_err(|error| {
            let reason = LoadErrorReason::Engine(format!("{error:#}"));
            reason.of(&source.name)
        })?;
        let ticks = self.ticker.ticks().clone();
        Loader { engine, slots, ticks, cache: &self.cache, roots: &self.roots }.load(source)
    }

    /// An invoker, with HTTP connections of its own: one for each shard.
    pub fn invoker(&self) -> Invoker {
        self.invoker_with(None)
    }

    /// An invoker whose requests leave only while the gate is open.
    pub fn gated_invoker(&self, gate: Arc<dyn EffectGate>) -> Invoker {
        self.invoker_with(Some(gate))
    }

    fn invoker_with(&self, gate: Option<Arc<dyn EffectGate>>) -> Invoker {
        Invoker { http: HttpClient::new(self.roots.clone(), gate), watcher: self.settings.watcher.clone() }
    }

    fn engine(&self, stack_bytes: usize) -> wasmtime::Result<(Engine, Slots)> {
        let mut engines = self.engines.lock().expect("no holder panics");
        if let Some((engine, slots)) = engines.get(&stack_bytes) {
            return Ok((engine.clone(), slots.clone()));
        }
        let engine = new_engine(stack_bytes, self.settings.invocations_max)?;
        let slots = Slots::new(self.settings.invocations_max);
        self.ticker.drive(&engine);
        engines.insert(stack_bytes, (engine.clone(), slots.clone()));
        Ok((engine, slots))
    }
}

/// Runs invocations on the runtime of one shard. Cheap to clone.
#[derive(Clone)]
pub struct Invoker {
    http: HttpClient,
    watcher: Option<Watcher>,
}

impl Invoker {
    /// Runs an invocation to its end. Dropping the future discards the instance.
    ///
    /// `instance_reuse` is how many invocations one instance may serve: 1 is a fresh one for each [S9].
    /// Answers an error where a request could not leave because the door of its key is closed.
    ///
    /// The future is large: box it as it comes, for inside another it is copied once more.
    pub fn invoke<I: Into<Box<Invocation>>>(
        &self,
        component: &LoadedComponent,
        instance_reuse: u32,
        invocation: I,
        port: Arc<dyn InvocationPort>,
    ) -> impl Future<Output = Result<InvocationEnd, Interrupted>> + Send + use<I> {
        let (component, http, invocation) = (component.0.clone(), self.http.clone(), invocation.into());
        let watcher = self.watcher.clone();
        async move {
            let watch = watcher.map(|watcher| Watch::new(watcher, component.guest.clone(), invocation.id()));
            if let Some(watch) = &watch {
                watch.tell(Step::Began { task: Box::new(invocation.task().clone()), attempt: invocation.attempt() });
            }
            let limits = invocation.limits();
            let (wall_ms_max, value_bytes_max) = (limits.wall_ms_max, limits.value_bytes_max);
            let task = invocation.task();
            let (action, event, mut id) = (task.action.clone(), task.event.clone(), [0; 36]);
            let lent = LentEvent { id: event.id.as_text(&mut id), kind: &event.kind, payload: event.payload.as_str() };
            let job = Box::new(Job { invocation, port, http, watch: watch.clone() });
            let mut instance = Instance::take(&component, instance_reuse, job).await;
            let began_at = Instant::now();
            let end = match instance.serve(&component, action.as_str(), lent, wall_ms_max).await {
                Ok(Ok(())) => GuestEnd::Returned(Ok(())),
                Ok(Err(failure)) => match returned_failure(failure, value_bytes_max) {
                    Ok(failure) => GuestEnd::Returned(Err(failure)),
                    Err(abort) => GuestEnd::Aborted(abort),
                },
                Err(error) => guest_end(&error, instance.state()).inspect_err(|Interrupted| {
                    if let Some(watch) = &watch {
                        watch.tell(Step::Ended { ending: Ending::Interrupted, took: began_at.elapsed() });
                    }
                })?,
            };
            let mut job = instance.end(&component, instance_reuse);
            let end = job.invocation.end(end);
            if let Some(watch) = &watch {
                watch.tell(Step::Ended { ending: ending(&end.result), took: began_at.elapsed() });
            }
            Ok(end)
        }
    }
}

/// The failure that an action returned: it is put, so it has a size.
fn returned_failure(failure: GuestFailure, bytes_max: usize) -> Result<Failure, Abort> {
    let size = failure.kind.len() + failure.message.len() + failure.details.as_ref().map_or(0, String::len);
    if size > bytes_max {
        return Err(Abort::too_large("limits.value_bytes_max", "return a failure", size, bytes_max));
    }
    failure_from_guest(failure)
}
