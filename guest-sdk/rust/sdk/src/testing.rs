//! Unit tests of actions: natively, without a host, in the process of `cargo test`.
//!
//! A [`TestKey`] is one key with its memory. Run actions on it, then look at what they emitted and remember.
//! What the host promises holds here too: an action that fails leaves nothing behind, durable calls are recorded and
//! replayed, changes inside a durable call's body are refused.
//!
//! ```
//! use weir_sdk::prelude::*;
//! use weir_sdk::testing::{TestKey, TestResponse};
//!
//! #[action("swarm")]
//! fn page(place: String, ctx: &Context) -> Result {
//!     ctx.memory().update("pages", |n: u64| n + 1)?;
//!     let ticket: u64 = ctx.post("https://pager.example/", &json!({ "place": place })).send()?.json()?;
//!     ctx.output(&json!({ "ticket": ticket }))
//! }
//!
//! let mut key = TestKey::new("Taiwan");
//!
//! key.on_request(|_| TestResponse::status(503)); // The pager is down: nothing happened,
//! let failure = key.run(page, "Hualian").unwrap_err();
//! assert!(failure.is_retryable());
//! assert_eq!(key.memory::<u64>("pages"), None);
//!
//! key.on_request(|_| TestResponse::json(&7)); // and the next attempt gets through.
//! assert_eq!(key.again(page).unwrap().outputs(), [json!({ "ticket": 7 })]);
//! assert_eq!(key.memory::<u64>("pages"), Some(1));
//!
//! // Both attempts sent the same idempotency key, so that the pager can tell.
//! let [first, second] = key.requests() else { panic!() };
//! assert_eq!(first.header("Idempotency-Key"), second.header("Idempotency-Key"));
//! ```

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub(crate) mod attempt;
mod seen;
pub(crate) mod tree;

pub use crate::host::Level;
use crate::host::{Event, with_key};
use crate::{Context, Result};
use attempt::{Attempt, CallResult, Done, Ended, Responder, Setting};
pub use seen::{Completed, Outcome, TestCall, TestEvent, TestRequest, TestResponse};
use tree::Tree;

/// One key with its memory, and a host for the actions that a test runs on it.
pub struct TestKey {
    setting: Setting,
    runs: u64,
    sensory: Tree,
    short_term: Tree,
    task: Option<Task>,
    responder: Option<Responder>,
    crash_in: Option<String>,
    last: Done,
    requests: Vec<TestRequest>,
}

/// The last task, as it was given, and its call results.
struct Task {
    payload: String,
    /// Its place in its run.
    ordinal: u32,
    sensory: Tree,
    short_term: Tree,
    call_results: BTreeMap<u32, CallResult>,
}

/// What a test does to its key.
impl TestKey {
    /// A key whose memory is empty. Its clock shows 2023-11-14 22:13:20 UTC.
    pub fn new(key: impl Into<String>) -> Self {
        Self {
            setting: Setting { key: key.into(), start_ms: 1_700_000_000_000, ..Setting::default() },
            runs: 0,
            sensory: Tree::new(),
            short_term: Tree::new(),
            task: None,
            responder: None,
            crash_in: None,
            last: Done::default(),
            requests: Vec::new(),
        }
    }

    /// Runs the action for a new input event with this payload: sensory memory is empty at the start.
    /// On failure nothing of what it did is seen, as in the host.
    pub fn run<T, P>(&mut self, action: impl FnOnce(T, &Context) -> Result, payload: &P) -> Result<Completed>
    where
        T: DeserializeOwned,
        P: Serialize + ?Sized,
    {
        self.sensory = Tree::new();
        self.runs += 1;
        self.start(0, payload)?;
        self.attempt(action)
    }

    /// Runs the action as a further one of the same run, for an event that one before it emitted: sensory memory stays.
    pub fn follow<T, P>(&mut self, action: impl FnOnce(T, &Context) -> Result, payload: &P) -> Result<Completed>
    where
        T: DeserializeOwned,
        P: Serialize + ?Sized,
    {
        let task = self.task.as_ref().expect("a run begins with TestKey::run");
        self.start(task.ordinal + 1, payload)?;
        self.attempt(action)
    }

    /// Runs the action again for the same event, from the memory before it, with the calls recorded so far: its next
    /// attempt if it failed, or, if it completed, as after a crash just before its completion was durable.
    pub fn again<T: DeserializeOwned>(&mut self, action: impl FnOnce(T, &Context) -> Result) -> Result<Completed> {
        let task = self.task.as_ref().expect("what runs again was run before with TestKey::run");
        self.sensory = task.sensory.clone();
        self.short_term = task.short_term.clone();
        self.attempt(action)
    }

    /// Lets the process die in the next attempt, after the effect of this durable call and before its outcome is
    /// recorded; that attempt gives a failure of kind `crash`. A request's function id is `METHOD origin/path`.
    pub fn crash_in(&mut self, function_id: impl Into<String>) {
        self.crash_in = Some(function_id.into());
    }

    /// Answers the requests of the actions.
    pub fn on_request(&mut self, responder: impl FnMut(&TestRequest) -> TestResponse + 'static) {
        self.responder = Some(Rc::new(RefCell::new(responder)));
    }

    /// Sets the source timestamp of the next runs, and with it their clock.
    pub fn at_ms(&mut self, source_timestamp_ms: u64) {
        self.setting.source_timestamp_ms = Some(source_timestamp_ms);
        self.setting.start_ms = source_timestamp_ms;
    }

    /// Gives the component a setting.
    pub fn set_config(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.setting.config.insert(name.into(), value.into());
    }

    /// Gives the next runs' input events a header.
    pub fn set_header(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.setting.headers.insert(name.into(), value.into());
    }

    /// Puts a leaf into short-term memory, before the actions to be tested.
    pub fn set_memory<T: Serialize + ?Sized>(&mut self, path: &str, value: &T) {
        let value = serde_json::to_value(value).expect("a test's value is JSON");
        self.short_term.set(path, value).unwrap_or_else(|error| panic!("memory path `{path}`: {error:?}"));
    }
}

/// What a test looks at.
impl TestKey {
    /// The value in short-term memory. Panics if it is of another type.
    pub fn memory<T: DeserializeOwned>(&self, path: &str) -> Option<T> {
        attempt::read(&self.short_term, path)
    }

    /// The value in sensory memory, as the last action left it. Panics if it is of another type.
    pub fn sensory<T: DeserializeOwned>(&self, path: &str) -> Option<T> {
        attempt::read(&self.sensory, path)
    }

    /// Durable calls and requests of the last attempt, in the order in which their outcomes came.
    pub fn calls(&self) -> &[TestCall] {
        &self.last.calls
    }

    /// What the last attempt logged.
    pub fn logs(&self) -> &[(Level, String)] {
        &self.last.logs
    }

    /// All requests that were sent since the key was made.
    pub fn requests(&self) -> &[TestRequest] {
        &self.requests
    }
}

impl TestKey {
    fn start<P: Serialize + ?Sized>(&mut self, ordinal: u32, payload: &P) -> Result {
        self.task = Some(Task {
            payload: serde_json::to_string(payload)?,
            ordinal,
            sensory: self.sensory.clone(),
            short_term: self.short_term.clone(),
            call_results: BTreeMap::new(),
        });
        Ok(())
    }

    fn attempt<T: DeserializeOwned>(&mut self, action: impl FnOnce(T, &Context) -> Result) -> Result<Completed> {
        let task = self.task.as_ref().expect("a task was started");
        let event_id = format!("{}/{}/{}", self.setting.key, self.runs - 1, task.ordinal);
        let payload = task.payload.clone();
        let done = Done::with_call_results(task.call_results.clone());
        let attempt = Rc::new(Attempt {
            setting: self.setting.clone(),
            sequence_number: self.runs - 1,
            event_id: event_id.clone(),
            sensory: RefCell::new(self.sensory.clone()),
            short_term: RefCell::new(self.short_term.clone()),
            done: RefCell::new(done),
            responder: self.responder.clone(),
            crash_in: self.crash_in.take(),
        });
        let ctx = Context { event: Event { id: event_id, kind: "input".into(), payload } };
        let body = || crate::action::invoke_with_payload(action, &ctx);
        let ended = with_key(attempt.clone(), || catch_unwind(AssertUnwindSafe(body)));
        let result = match ended {
            Ok(Ok(())) => attempt.mistake().map_or(Ok(()), Err),
            Ok(Err(failure)) => Err(failure),
            Err(panic) => match panic.downcast::<Ended>() {
                Ok(ended) => Err(ended.0),
                Err(panic) => resume_unwind(panic),
            },
        };
        let Ok(attempt) = Rc::try_unwrap(attempt) else { unreachable!("only the running action holds an attempt") };
        self.finish(attempt, result)
    }

    /// Keeps what outlives the attempt: all of it if it completed, else call results only.
    fn finish(&mut self, attempt: Attempt, result: Result) -> Result<Completed> {
        self.last = attempt.done.into_inner();
        self.requests.extend(self.last.requests.iter().cloned());
        if let Some(task) = &mut self.task {
            task.call_results = self.last.call_results.clone();
        }
        result?;
        self.sensory = attempt.sensory.into_inner();
        self.short_term = attempt.short_term.into_inner();
        Ok(Completed { events: std::mem::take(&mut self.last.events) })
    }
}

impl std::fmt::Debug for TestKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { setting, runs, short_term, sensory, .. } = self;
        let mut shown = formatter.debug_struct("TestKey");
        shown.field("key", &setting.key).field("runs", runs).field("memory", short_term).field("sensory", sensory);
        shown.finish_non_exhaustive()
    }
}

impl Completed {
    /// The payloads of the events of a kind, as the type that the next action takes.
    pub fn payloads<T: DeserializeOwned>(&self, kind: &str) -> Vec<T> {
        let payloads = self.events.iter().filter(|event| event.kind == kind).map(|event| event.payload.clone());
        let read = |payload: Value| serde_json::from_value(payload).unwrap_or_else(|error| panic!("{kind}: {error}"));
        payloads.map(read).collect()
    }
}
