//! The loop that Weir is compared with: wasmtime alone, with the engine settings of the host, a fresh store and instance
//! for each event, and host functions that do trivial work over a small map.

use crate::Bench;
use crate::child::{self, Run};
use crate::clock::thread_cpu_s;
use crate::job::{KEYS, payload};
use anyhow::{anyhow, bail};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::sync::Barrier;
use std::time::Instant;
use wasmtime::component::{Component, HasSelf, Linker, ResourceTable};
use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

#[allow(missing_docs)]
mod bindings {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "component",
        imports: {
            "weir:action/durable-call.begin-reconcilable": async | trappable,
            "weir:action/http.send": async | trappable,
            "weir:action/http.send-all": async | trappable,
            default: trappable,
        },
        exports: { default: async },
    });
    pub use self::weir::action::{config, durable_call, events, http, invocation, log, memory, types};
}
use bindings::{config, durable_call, events, http, invocation, log, memory, types};

const ID: &str = "0123456789abcdef0123456789abcdef";

type Answer<T> = wasmtime::Result<Result<T, memory::MemoryError>>;

/// The host's side of one instance.
#[derive(Default)]
pub struct State {
    memory: BTreeMap<String, String>,
    outputs: Vec<(String, String)>,
    wasi: Option<WasiCtx>,
    table: ResourceTable,
}

/// The loop in a process of its own.
pub fn run(bench: &Bench, threads: u64) -> anyhow::Result<Run> {
    let numbers = [bench.events, threads].map(|number| number.to_string());
    child::run("run-bare", &[bench.guest.as_os_str(), OsStr::new(&numbers[0]), OsStr::new(&numbers[1])])
}

/// `run-bare GUEST EVENTS THREADS`: so many events, shared out, after a hundredth of them to warm up.
pub fn run_child(arguments: &[String]) -> anyhow::Result<()> {
    let [guest, events, threads] = arguments else { bail!("run-bare GUEST EVENTS THREADS") };
    let (events, threads): (u64, u64) = (events.parse()?, threads.parse()?);
    let bare = Bare::new(&std::fs::read(guest)?).map_err(|error| anyhow!("{error:#}"))?;
    let warm = Barrier::new(threads as usize);
    let runs: Vec<anyhow::Result<Run>> = std::thread::scope(|scope| {
        let run = || measure_thread(&bare, events / threads, &warm);
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
        running.into_iter().map(|thread| thread.join().expect("a thread fails by its answer")).collect()
    });
    let mut all = Run { events: 0, wall_s: 0.0, cpu_s: 0.0 };
    for run in runs {
        let run = run?;
        all.events += run.events;
        all.wall_s = all.wall_s.max(run.wall_s);
        all.cpu_s += run.cpu_s;
    }
    all.tell()
}

fn measure_thread(bare: &Bare, events: u64, warm: &Barrier) -> anyhow::Result<Run> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(measure(bare, events, warm)).map_err(|error| anyhow!("{error:#}"))
}

async fn measure(bare: &Bare, events: u64, warm: &Barrier) -> wasmtime::Result<Run> {
    let mut memories = vec![BTreeMap::new(); KEYS as usize];
    let mut outputs = 0;
    for number in 0..events / 100 {
        outputs += bare.serve(payload(number, KEYS), &mut memories[(number % KEYS) as usize]).await?;
    }
    let payloads: Vec<String> = (0..events).map(|number| payload(number, KEYS)).collect();
    warm.wait();
    let (began, began_cpu_s) = (Instant::now(), thread_cpu_s());
    for (number, payload) in payloads.into_iter().enumerate() {
        outputs += bare.serve(payload, &mut memories[number % KEYS as usize]).await?;
    }
    let run = Run { events, wall_s: began.elapsed().as_secs_f64(), cpu_s: thread_cpu_s() - began_cpu_s };
    assert_eq!(outputs as u64, events + events / 100, "every event has its output");
    Ok(run)
}

/// The guest, compiled and linked.
pub struct Bare {
    engine: Engine,
    pre: bindings::ComponentPre<State>,
}

impl Bare {
    /// Compiles a guest.
    pub fn new(guest: &[u8]) -> wasmtime::Result<Self> {
        let engine = engine()?;
        let component = Component::from_binary(&engine, guest)?;
        let mut linker = Linker::<State>::new(&engine);
        bindings::Component::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)?;
        wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
        let pre = bindings::ComponentPre::new(linker.instantiate_pre(&component)?)?;
        Ok(Self { engine, pre })
    }

    /// Runs its action in a fresh store and instance; how many outputs it has.
    pub async fn serve(&self, payload: String, memory: &mut BTreeMap<String, String>) -> wasmtime::Result<usize> {
        let mut store = Store::new(&self.engine, State { memory: std::mem::take(memory), ..State::default() });
        store.set_epoch_deadline(1 << 40);
        let instance = self.pre.instantiate_async(&mut store).await?;
        let event = types::Event { id: ID.into(), kind: "input".into(), payload };
        let returned = instance.weir_action_actions().call_invoke(&mut store, "tally", &event).await?;
        assert!(returned.is_ok(), "{returned:?}");
        let state = store.into_data();
        *memory = state.memory;
        Ok(state.outputs.len())
    }
}

/// As the host's own.
fn engine() -> wasmtime::Result<Engine> {
    let mut config = Config::new();
    config.concurrency_support(false);
    config.epoch_interruption(true);
    config.cranelift_nan_canonicalization(true);
    config.relaxed_simd_deterministic(true);
    let mut pool = PoolingAllocationConfig::default();
    pool.linear_memory_keep_resident(8 << 20);
    pool.table_keep_resident(8 << 20);
    pool.pagemap_scan(Enabled::Auto);
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    Engine::new(&config)
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: self.wasi.get_or_insert_default(), table: &mut self.table }
    }
}

impl types::Host for State {}

impl memory::Host for State {
    fn get(&mut self, _: memory::Scope, path: String) -> Answer<Option<String>> {
        Ok(Ok(self.memory.get(&path).cloned()))
    }
    fn set(&mut self, _: memory::Scope, path: String, value: String) -> Answer<()> {
        self.memory.insert(path, value);
        Ok(Ok(()))
    }
    fn new_object(&mut self, _: memory::Scope, _: String) -> Answer<()> {
        Ok(Ok(()))
    }
    fn fields(&mut self, _: memory::Scope, _: String) -> Answer<Option<Vec<String>>> {
        Ok(Ok(None))
    }
    fn exists(&mut self, _: memory::Scope, _: String) -> Answer<bool> {
        Ok(Ok(false))
    }
    fn remove(&mut self, _: memory::Scope, _: String) -> Answer<bool> {
        Ok(Ok(false))
    }
}

impl events::Host for State {
    fn emit(&mut self, kind: String, payload: String) -> wasmtime::Result<String> {
        self.outputs.push((kind, payload));
        Ok(ID.into())
    }
}

impl durable_call::Host for State {
    fn begin(&mut self, _: String, _: String) -> wasmtime::Result<durable_call::Begun> {
        Ok(durable_call::Begun { position: 0, id: ID.into(), step: durable_call::NextStep::Execute })
    }
    async fn begin_reconcilable(&mut self, function_id: String, _: String) -> wasmtime::Result<durable_call::Begun> {
        durable_call::Host::begin(self, function_id, String::new())
    }
    fn complete(&mut self, _: u32, _: Result<String, types::Failure>) -> wasmtime::Result<Option<types::Failure>> {
        Ok(None)
    }
}

impl http::Host for State {
    async fn send(&mut self, _: http::Request) -> wasmtime::Result<Result<http::Response, http::HttpError>> {
        Ok(Err(http::HttpError::Timeout))
    }
    async fn send_all(
        &mut self,
        _: Vec<http::Request>,
    ) -> wasmtime::Result<Vec<Result<http::Response, http::HttpError>>> {
        Ok(Vec::new())
    }
}

impl invocation::Host for State {
    fn key(&mut self) -> wasmtime::Result<String> {
        Ok("key".into())
    }
    fn key_is_text(&mut self) -> wasmtime::Result<bool> {
        Ok(true)
    }
    fn sequence_number(&mut self) -> wasmtime::Result<u64> {
        Ok(1)
    }
    fn source_timestamp_ms(&mut self) -> wasmtime::Result<Option<u64>> {
        Ok(None)
    }
    fn header(&mut self, _: String) -> wasmtime::Result<Option<String>> {
        Ok(None)
    }
    fn now_ms(&mut self) -> wasmtime::Result<u64> {
        Ok(5)
    }
    fn random_u32(&mut self) -> wasmtime::Result<u32> {
        Ok(9)
    }
}

impl config::Host for State {
    fn get(&mut self, _: String) -> wasmtime::Result<Option<String>> {
        Ok(None)
    }
}

impl log::Host for State {
    fn write(&mut self, _: log::Level, _: String) -> wasmtime::Result<()> {
        Ok(())
    }
}
