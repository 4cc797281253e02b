//! What a component of one language costs in the component host, each of it measured in a process of its own.

use crate::child::tell;
use crate::clock::held_bytes;
use anyhow::{Context, bail, ensure};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};
use tokio::task::JoinSet;
use weir::application::cache_directory;
use weir_component::{
    ComponentHost, ComponentSource, DoorFuture, Grants, HostSettings, HttpGrant, Invoker, LoadedComponent,
};
use weir_component::{InvocationLimits, InvocationPort};
use weir_core::action_state::CallPut;
use weir_core::event::{ActionName, Event, SequenceNumber};
use weir_core::id::EventId;
use weir_core::invocation::{Invocation, InvocationResult, InvocationStart, OnDivergence, Task};
use weir_core::json::Json;
use weir_core::key::Key;
use weir_core::memory::Tree;

/// One event of examples/tally.
const PAYLOAD: &str = "{\"key\":\"key-17\",\"amount\":12}";
/// An instance that is used again serves all that is measured.
const REUSED: u32 = u32::MAX;
/// Calls that already wait when those that are measured begin: what the first of them takes once does not count.
pub const WAITING_BEFORE: usize = 50;
/// How long calls may take to come to their request.
const PATIENCE: Duration = Duration::from_secs(20);
/// Until their connections stand, and all that they need is there.
const SETTLED: Duration = Duration::from_secs(1);

/// What each start of a host and each run of the action takes, seconds.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Calls {
    /// Loading the component, compiled before.
    pub load_s: f64,
    /// A fresh instance alone.
    pub instance_s: f64,
    /// Store, instance and action.
    pub fresh_s: f64,
    /// The action in an instance that has served before.
    pub reused_s: f64,
}

/// `run-guest-compile COMPONENT`: tells the seconds that compiling takes; the component must be new to the cache.
pub fn run_compile(arguments: &[String]) -> anyhow::Result<()> {
    let [component] = arguments else { bail!("run-guest-compile COMPONENT") };
    let cost = Guest::load(component, Grants::default())?.component.compile_cost();
    ensure!(cost.load.is_none(), "{component} was compiled before");
    tell(&cost.compile.as_secs_f64())
}

/// `run-guest-calls COMPONENT SECONDS`: tells [`Calls`], each measured for so long; the component must be in the cache.
pub fn run_calls(arguments: &[String]) -> anyhow::Result<()> {
    let [component, seconds] = arguments else { bail!("run-guest-calls COMPONENT SECONDS") };
    let time = Duration::from_secs_f64(seconds.parse()?);
    let guest = Guest::load(component, Grants::default())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let load = guest.component.compile_cost().load.with_context(|| format!("{component} was not compiled before"))?;
    let instance = guest.component.measure_instance().context("a fresh instance can't be had")?;
    tell(&Calls {
        load_s: load.as_secs_f64(),
        instance_s: instance.as_secs_f64(),
        fresh_s: runtime.block_on(guest.seconds_for_each(1, time))?,
        reused_s: runtime.block_on(guest.seconds_for_each(REUSED, time))?,
    })
}

/// `run-guest-waiting COMPONENT ORIGIN CALLS`: tells the bytes that each of so many calls holds, all waiting for an answer
/// of this origin, which never gives one.
pub fn run_waiting(arguments: &[String]) -> anyhow::Result<()> {
    let [component, origin, calls] = arguments else { bail!("run-guest-waiting COMPONENT ORIGIN CALLS") };
    let grant = HttpGrant { origin: origin.clone(), secret_headers: Vec::new() };
    let guest = Guest::load(component, Grants { http: vec![grant] })?;
    let calls: usize = calls.parse()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    tell(&runtime.block_on(guest.bytes_of_each_waiting(calls))?)
}

/// A component with one action, and what its invocations are made of.
struct Guest {
    component: LoadedComponent,
    action: ActionName,
    event: Event,
    invoker: Invoker,
    port: Arc<Port>,
    limits: Arc<InvocationLimits>,
    tree: Arc<Tree>,
    _host: ComponentHost,
}

impl Guest {
    fn load(path: &str, grants: Grants) -> anyhow::Result<Self> {
        let cache_directory = cache_directory();
        let host = ComponentHost::new(HostSettings { cache_directory, ..HostSettings::default() })?;
        let bytes = std::fs::read(Path::new(path)).with_context(|| format!("read component {path}"))?;
        let component =
            host.load(ComponentSource { name: path.into(), bytes, grants, ..ComponentSource::default() })?;
        let action = component.describe().actions.first().context("the component has no action")?.name.clone();
        let id = EventId::of_input("file", b"1", PAYLOAD.as_bytes());
        Ok(Self {
            event: Event { id, kind: "input".into(), payload: Json::parse(PAYLOAD)? },
            invoker: host.invoker(),
            port: Arc::default(),
            limits: Arc::default(),
            tree: Arc::default(),
            component,
            action,
            _host: host,
        })
    }

    fn invocation(&self) -> Invocation {
        Invocation::new(InvocationStart {
            id: 1,
            task: Task {
                key: Key::new("key-17"),
                sequence_number: SequenceNumber(3),
                event: self.event.clone(),
                action: self.action.clone(),
                source_timestamp_ms: None,
                headers: Arc::from([]),
            },
            attempt: 1,
            started_at_ms: 1_700_000_000_000,
            recorded: Default::default(),
            sensory: self.tree.clone(),
            short_term: self.tree.clone(),
            limits: self.limits.clone(),
            on_divergence: OnDivergence::Fail,
        })
    }

    /// The mean of the calls within this time, after a tenth of it to warm up.
    async fn seconds_for_each(&self, instance_reuse: u32, time: Duration) -> anyhow::Result<f64> {
        self.serve_for(instance_reuse, time / 10).await?;
        self.serve_for(instance_reuse, time).await
    }

    async fn serve_for(&self, instance_reuse: u32, time: Duration) -> anyhow::Result<f64> {
        let (began, mut calls) = (Instant::now(), 0.0);
        loop {
            let port = self.port.clone();
            let end = self.invoker.invoke(&self.component, instance_reuse, self.invocation(), port).await?;
            ensure!(matches!(end.result, InvocationResult::Completed(_)), "the action did not complete: {end:?}");
            calls += 1.0;
            let passed = began.elapsed();
            if passed >= time {
                return Ok(passed.as_secs_f64() / calls);
            }
        }
    }

    async fn bytes_of_each_waiting(&self, calls: usize) -> anyhow::Result<u64> {
        let mut waiting = JoinSet::new();
        self.wait_with(WAITING_BEFORE, &mut waiting).await?;
        let before = held_bytes()?;
        self.wait_with(WAITING_BEFORE + calls, &mut waiting).await?;
        let after = held_bytes()?;
        Ok(after.saturating_sub(before) / calls as u64)
    }

    /// Begins invocations until so many wait.
    async fn wait_with(&self, total: usize, waiting: &mut JoinSet<anyhow::Result<()>>) -> anyhow::Result<()> {
        while waiting.len() < total {
            let port = self.port.clone();
            let run = Box::pin(self.invoker.invoke(&self.component, 1, self.invocation(), port));
            waiting.spawn(async move { bail!("a call ended that should wait: {:?}", run.await) });
        }
        let began = Instant::now();
        while self.port.at_door.load(Ordering::Relaxed) < total {
            ensure!(began.elapsed() < PATIENCE, "not all calls came to their request within {} s", PATIENCE.as_secs());
            tokio::time::sleep(Duration::from_millis(10)).await;
            if let Some(ended) = waiting.try_join_next() {
                ended??;
            }
        }
        tokio::time::sleep(SETTLED).await;
        waiting.try_join_next().map_or(Ok(()), |ended| ended?)
    }
}

/// A log that keeps nothing, and lets every request leave.
#[derive(Default)]
struct Port {
    at_door: AtomicUsize,
}

impl InvocationPort for Port {
    fn put(&self, _: &Invocation, _: Vec<CallPut>) {}

    fn door(&self, _: &Invocation, _: Vec<CallPut>) -> DoorFuture {
        self.at_door.fetch_add(1, Ordering::Relaxed);
        Box::pin(std::future::ready(Ok(())))
    }

    fn wall_clock_us(&self) -> u64 {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        now.expect("the clock is past 1970").as_micros() as u64
    }
}
