//! The component host, tried with real guests.

mod calls;
mod effects;
mod http;
mod limits;
mod reuse;
mod wasi;

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use weir_component::{
    ComponentHost, ComponentSource, DoorClosed, DoorFuture, Grants, HostSettings, HttpGrant, Interrupted,
    InvocationPort, LoadedComponent,
};
use weir_core::action_state::{CallPut, CallResult};
use weir_core::event::{ActionName, Event, SequenceNumber};
use weir_core::failure::{ActionFailure, FailureClass};
use weir_core::id::EventId;
use weir_core::invocation::{
    Effects, Invocation, InvocationEnd, InvocationResult, InvocationStart, OnDivergence, Task,
};
use weir_core::json::Json;
use weir_core::key::Key;
use weir_core::limits::InvocationLimits;
use weir_core::memory::Tree;

/// When the tests' actions start.
const STARTED_AT_MS: u64 = 1_700_000_000_000;
/// Where the tests' clock outside stands; a minute later.
const WALL_MS: u64 = STARTED_AT_MS + 60_000;

/// A built guest; `make guests` builds them.
fn guest(name: &str) -> Vec<u8> {
    let folder =
        std::env::var("WEIR_GUESTS").unwrap_or_else(|_| format!("{}/../target/guests", env!("CARGO_MANIFEST_DIR")));
    let path = format!("{folder}/{name}.wasm");
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}; run `make guests`"))
}

pub(crate) fn host() -> &'static ComponentHost {
    static HOST: OnceLock<ComponentHost> = OnceLock::new();
    HOST.get_or_init(|| ComponentHost::new(settings()).expect("the host starts"))
}

/// Compiled components are kept for the next host.
fn settings() -> HostSettings {
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled");
    HostSettings { cache_directory: Some(cache), ..HostSettings::default() }
}

fn load(name: &str, grants: Grants, config: &[(&str, &str)], limits: &InvocationLimits) -> LoadedComponent {
    let config = config.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    let (bytes, limits) = (guest(name), Arc::new(limits.clone()));
    let source = ComponentSource { name: name.into(), bytes, grants, config, limits };
    host().load(source).unwrap_or_else(|error| panic!("{error}"))
}

/// One origin without secrets.
fn grant(origin: &str) -> Grants {
    Grants { http: vec![HttpGrant { origin: origin.into(), secret_headers: Vec::new() }] }
}

/// The outside of an invocation: keeps what is handed over, in order.
#[derive(Default)]
struct Port {
    handed: Mutex<Vec<Handed>>,
    closed: AtomicBool,
    /// Microseconds past [`WALL_MS`]; the real time where it is `u64::MAX`.
    wall_us: AtomicU64,
}

#[derive(Clone, Debug, PartialEq)]
enum Handed {
    Put(CallPut),
    Door,
}

impl Port {
    fn take(&self) -> Vec<Handed> {
        std::mem::take(&mut *self.handed.lock().unwrap())
    }

    fn hand(&self, puts: Vec<CallPut>) {
        self.handed.lock().unwrap().extend(puts.into_iter().map(Handed::Put));
    }
}

impl InvocationPort for Port {
    fn put(&self, _: &Invocation, puts: Vec<CallPut>) {
        assert!(!puts.is_empty(), "nothing is handed over for nothing");
        self.hand(puts);
    }

    fn door(&self, _: &Invocation, puts: Vec<CallPut>) -> DoorFuture {
        self.hand(puts);
        self.handed.lock().unwrap().push(Handed::Door);
        let closed = self.closed.load(Ordering::Relaxed);
        Box::pin(async move {
            tokio::task::yield_now().await;
            if closed { Err(DoorClosed) } else { Ok(()) }
        })
    }

    fn wall_clock_us(&self) -> u64 {
        if self.wall_us.load(Ordering::Relaxed) == u64::MAX {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
            return now.unwrap().as_micros() as u64;
        }
        WALL_MS * 1000 + self.wall_us.fetch_add(1000, Ordering::Relaxed)
    }
}

/// One invocation of the probe, ready to run and to run again.
struct Trial {
    component: LoadedComponent,
    start: InvocationStart,
    port: Arc<Port>,
    reuse: u32,
}

/// What a trial came to: the end, and what was handed over on the way.
#[derive(Debug)]
struct Outcome {
    end: InvocationEnd,
    handed: Vec<Handed>,
}

impl Trial {
    /// The probe runs these steps.
    fn of(steps: Value) -> Self {
        Self::with(load("probe", Grants::default(), &[], &InvocationLimits::default()), steps)
    }

    /// As [`Trial::of`], with this limit changed.
    fn limited(change: impl FnOnce(&mut InvocationLimits), steps: Value) -> Self {
        let mut limits = InvocationLimits::default();
        change(&mut limits);
        let mut trial = Self::with(load("probe", Grants::default(), &[], &limits), steps);
        trial.start.limits = Arc::new(limits);
        trial
    }

    fn with(component: LoadedComponent, steps: Value) -> Self {
        let payload = json!({ "do": steps });
        let event = Event {
            id: EventId::of_input("file", b"0", b"line"),
            kind: "input".into(),
            payload: Json::parse(&payload.to_string()).unwrap(),
        };
        let task = Task {
            key: Key::new("north"),
            sequence_number: SequenceNumber(7),
            event,
            action: ActionName::new("script").unwrap(),
            source_timestamp_ms: Some(STARTED_AT_MS),
            headers: Arc::from([("Tenant".to_owned(), "blue".to_owned())]),
        };
        let start = InvocationStart {
            id: 1,
            task,
            attempt: 1,
            started_at_ms: STARTED_AT_MS,
            recorded: Default::default(),
            sensory: Arc::new(Tree::default()),
            short_term: Arc::new(Tree::default()),
            limits: Arc::default(),
            on_divergence: OnDivergence::Fail,
        };
        Self { component, start, port: Arc::default(), reuse: 1 }
    }

    /// The same task once more, with what an earlier attempt recorded.
    fn recorded(mut self, outcome: &Outcome) -> Self {
        self.start.recorded = outcome.recorded().into_iter().collect();
        self
    }

    async fn start(&self) -> Result<Outcome, Interrupted> {
        let invocation = Invocation::new(self.start.clone());
        let invoker = host().invoker();
        let end = invoker.invoke(&self.component, self.reuse, invocation, self.port.clone()).await?;
        Ok(Outcome { end, handed: self.port.take() })
    }

    fn run(&self) -> Outcome {
        runtime().block_on(self.start()).expect("nothing interrupts it")
    }

    /// What the steps saw.
    fn seen(&self) -> Value {
        self.run().seen()
    }
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

impl Outcome {
    fn effects(&self) -> &Effects {
        match &self.end.result {
            InvocationResult::Completed(effects) => effects,
            failed => panic!("it should complete: {failed:?}"),
        }
    }

    fn seen(&self) -> Value {
        let events = &self.effects().events;
        let last = events.last().expect("a script that is not quiet puts out what it saw");
        serde_json::from_str(last.payload.as_str()).unwrap()
    }

    fn failure(&self) -> &ActionFailure {
        match &self.end.result {
            InvocationResult::Failed { failure, .. } => failure,
            completed => panic!("it should fail: {completed:?}"),
        }
    }

    #[track_caller]
    fn fails_with(&self, class: FailureClass, part: &str) {
        let failure = self.failure();
        assert_eq!(failure.class, class, "{failure}");
        assert!(failure.failure.message.contains(part), "{failure}");
    }

    fn plain_call_open(&self) -> bool {
        matches!(self.end.result, InvocationResult::Failed { plain_call_open: true, .. })
    }

    /// All records, in the order in which they were handed over.
    fn puts(&self) -> Vec<CallPut> {
        let on_the_way = self.handed.iter().filter_map(|handed| match handed {
            Handed::Put(put) => Some(put.clone()),
            Handed::Door => None,
        });
        on_the_way.chain(self.end.puts.iter().cloned()).collect()
    }

    /// What the log would give to the next attempt.
    fn recorded(&self) -> BTreeMap<u32, CallResult> {
        let mut recorded = BTreeMap::new();
        for put in self.puts() {
            match put {
                CallPut::Start => None,
                CallPut::Put(position, result) => recorded.insert(position, result),
                CallPut::Drop(position) => recorded.remove(&position),
            };
        }
        recorded
    }
}
