//! What an invocation costs over a bare wasmtime loop with the same host calls.
//!
//! `cargo run --release -p weir-component --example overhead -- GUEST.wasm [ACTION [ROUNDS]]`, with a guest whose action
//! runs for an input event with payload `5`, such as tests/guests/tally.

#![allow(missing_docs)]

use std::collections::BTreeMap;
use std::sync::Arc;
use wasmtime::component::{Component, HasSelf, Linker, ResourceTable};
use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use weir_component::{ComponentHost, ComponentSource, DoorFuture, HostSettings, InvocationPort};
use weir_core::action_state::CallPut;
use weir_core::event::{ActionName, Event, SequenceNumber};
use weir_core::id::EventId;
use weir_core::invocation::{Invocation, InvocationResult, InvocationStart, OnDivergence, Task};
use weir_core::json::Json;
use weir_core::key::Key;
use weir_core::limits::InvocationLimits;
use weir_core::memory::Tree;

mod bare {
    wasmtime::component::bindgen!({
        path: "../../wit",
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
use bare::{config, durable_call, events, http, invocation, log, memory, types};

type Answer<T> = wasmtime::Result<Result<T, memory::MemoryError>>;

#[derive(Default)]
struct BareState {
    memory: BTreeMap<String, String>,
    events: Vec<(String, String)>,
    wasi: Option<WasiCtx>,
    table: ResourceTable,
}

impl WasiView for BareState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: self.wasi.get_or_insert_default(), table: &mut self.table }
    }
}
impl types::Host for BareState {}
impl memory::Host for BareState {
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
impl events::Host for BareState {
    fn emit(&mut self, kind: String, payload: String) -> wasmtime::Result<String> {
        self.events.push((kind, payload));
        Ok("0123456789abcdef0123456789abcdef".into())
    }
}
impl durable_call::Host for BareState {
    fn begin(&mut self, _: String, _: String) -> wasmtime::Result<durable_call::Begun> {
        let id = "0123456789abcdef0123456789abcdef".into();
        Ok(durable_call::Begun { position: 0, id, step: durable_call::NextStep::Execute })
    }
    async fn begin_reconcilable(&mut self, function_id: String, _: String) -> wasmtime::Result<durable_call::Begun> {
        durable_call::Host::begin(self, function_id, String::new())
    }
    fn complete(&mut self, _: u32, _: Result<String, types::Failure>) -> wasmtime::Result<Option<types::Failure>> {
        Ok(None)
    }
}
impl http::Host for BareState {
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
impl invocation::Host for BareState {
    fn key(&mut self) -> wasmtime::Result<String> {
        Ok("k".into())
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
impl config::Host for BareState {
    fn get(&mut self, _: String) -> wasmtime::Result<Option<String>> {
        Ok(None)
    }
}
impl log::Host for BareState {
    fn write(&mut self, _: log::Level, _: String) -> wasmtime::Result<()> {
        Ok(())
    }
}

fn bare_engine() -> wasmtime::Result<Engine> {
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

/// Time of this thread on the processor, where the system tells it: other work on the machine does not count.
struct Clock(u64);

impl Clock {
    fn start() -> Self {
        Self(Self::now_ns())
    }

    fn us_for_each(&self, rounds: u32) -> f64 {
        (Self::now_ns() - self.0) as f64 / 1e3 / f64::from(rounds)
    }

    fn now_ns() -> u64 {
        let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
        let on_processor = told.and_then(|text| text.split(' ').next()?.parse().ok());
        on_processor.unwrap_or_else(|| {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
            now.expect("the clock is past 1970").as_nanos() as u64
        })
    }
}

struct Memoryless;
impl InvocationPort for Memoryless {
    fn put(&self, _: &Invocation, _: Vec<CallPut>) {}
    fn door(&self, _: &Invocation, _: Vec<CallPut>) -> DoorFuture {
        Box::pin(std::future::ready(Ok(())))
    }
    fn wall_clock_us(&self) -> u64 {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        now.expect("the clock is past 1970").as_micros() as u64
    }
}

fn start(action: &ActionName, event: &Event, limits: &Arc<InvocationLimits>, tree: &Arc<Tree>) -> Invocation {
    Invocation::new(InvocationStart {
        id: 1,
        task: Task {
            key: Key::new("key-17"),
            sequence_number: SequenceNumber(3),
            event: event.clone(),
            action: action.clone(),
            source_timestamp_ms: None,
            headers: Arc::from([]),
        },
        attempt: 1,
        started_at_ms: 1_700_000_000_000,
        recorded: Default::default(),
        sensory: tree.clone(),
        short_term: tree.clone(),
        limits: limits.clone(),
        on_divergence: OnDivergence::Fail,
    })
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("name a guest component")?;
    let action = arguments.next().unwrap_or_else(|| "tally".into());
    let rounds: u32 = arguments.next().map_or(Ok(20_000), |text| text.parse())?;
    let bytes = std::fs::read(&path)?;

    let engine = bare_engine()?;
    let component = Component::from_binary(&engine, &bytes)?;
    let mut linker = Linker::<BareState>::new(&engine);
    bare::Component::add_to_linker::<_, HasSelf<BareState>>(&mut linker, |state| state)?;
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    let pre = bare::ComponentPre::new(linker.instantiate_pre(&component)?)?;

    let host = ComponentHost::new(HostSettings::default())?;
    let loaded = host.load(ComponentSource { name: path, bytes, ..ComponentSource::default() })?;
    let invoker = host.invoker();
    let port: Arc<dyn InvocationPort> = Arc::new(Memoryless);
    let name = ActionName::new(&action)?;
    let input = Event { id: EventId::of_input("file", b"1", b"5"), kind: "input".into(), payload: Json::parse("5")? };
    let (limits, tree) = (Arc::new(InvocationLimits::default()), Arc::new(Tree::default()));

    for round in 1..=5 {
        let began = Clock::start();
        for _ in 0..rounds {
            let mut store = Store::new(&engine, BareState::default());
            store.set_epoch_deadline(1 << 40);
            let instance = pre.instantiate_async(&mut store).await?;
            let event = types::Event {
                id: "0123456789abcdef0123456789abcdef".into(),
                kind: "input".into(),
                payload: "5".into(),
            };
            let returned = instance.weir_action_actions().call_invoke(&mut store, &action, &event).await?;
            assert!(returned.is_ok(), "{returned:?}");
        }
        let bare = began.us_for_each(rounds);

        let mut weir = [0.0; 2];
        for (reuse, time) in [1, 1_000].into_iter().zip(&mut weir) {
            let began = Clock::start();
            for _ in 0..rounds {
                let invocation = start(&name, &input, &limits, &tree);
                let end = invoker.invoke(&loaded, reuse, invocation, port.clone()).await?;
                assert!(matches!(end.result, InvocationResult::Completed(_)), "{end:?}");
            }
            *time = began.us_for_each(rounds);
        }

        let began = Clock::start();
        for _ in 0..rounds {
            std::hint::black_box(start(&name, &input, &limits, &tree));
        }
        let start_alone = began.us_for_each(rounds);
        let [fresh, reused] = weir;
        println!(
            "round {round}: bare {bare:.1} us, invoke {fresh:.1} us ({:.0} %), reused {reused:.1} us, Invocation::new alone {start_alone:.2} us",
            fresh / bare * 100.0
        );
    }
    Ok(())
}
