//! The host of one attempt of an action in a native test.

use std::cell::{RefCell, RefMut};
use std::collections::BTreeMap;
use std::rc::Rc;

use serde_json::{Value, json};

use super::{Outcome, TestCall, TestEvent, TestRequest, TestResponse};
use crate::Failure;
use crate::host::{self, Begun, Body, HttpError, HttpRequest, HttpResponse, Level, MemoryError, NextStep, Scope};
use crate::testing::tree::Tree;

/// What a test sets for its key.
#[derive(Debug, Clone, Default)]
pub(crate) struct Setting {
    pub key: String,
    pub source_timestamp_ms: Option<u64>,
    pub start_ms: u64,
    pub headers: BTreeMap<String, String>,
    pub config: BTreeMap<String, String>,
}

/// The other side of a test's requests.
pub(crate) type Responder = Rc<RefCell<dyn FnMut(&TestRequest) -> TestResponse>>;

/// A call result that outlives the attempt.
#[derive(Debug, Clone)]
pub(crate) struct CallResult {
    pub function_id: String,
    pub arguments: Value,
    /// None while it is pending.
    pub outcome: Option<host::Outcome>,
}

/// A call of this attempt.
#[derive(Debug)]
struct Asked {
    function_id: String,
    arguments: Value,
    reconcilable: bool,
    open: bool,
    /// Tells calls with the same function id and arguments apart.
    ordinal: u32,
    /// Its outcome was a retryable failure: a repetition has the same id.
    may_repeat: bool,
}

/// What an attempt has done so far; nothing of it counts until the action has completed, but for call results.
#[derive(Debug, Default)]
pub(crate) struct Done {
    pub events: Vec<TestEvent>,
    pub logs: Vec<(Level, String)>,
    pub calls: Vec<TestCall>,
    pub requests: Vec<TestRequest>,
    /// By position.
    pub call_results: BTreeMap<u32, CallResult>,
    asked: Vec<Asked>,
    /// Retryable outcomes: recorded only if the action goes on to another call.
    unrecorded: BTreeMap<u32, CallResult>,
    clock_us: u64,
    /// Random numbers drawn since so many calls had begun; those of bodies apart, for a replay skips them.
    drawn: [(usize, u64); 2],
}

impl Done {
    /// Nothing yet, but for what earlier attempts recorded.
    pub fn with_call_results(call_results: BTreeMap<u32, CallResult>) -> Self {
        Self { call_results, ..Self::default() }
    }

    fn has_open_call(&self) -> bool {
        self.asked.iter().any(|call| call.open)
    }

    /// The lowest ordinal that no call with this function id and these arguments holds. One whose outcome was a
    /// retryable failure gives its ordinal back, but not to those that began together with it, from `batch_from` on.
    fn free_ordinal(&self, function_id: &str, arguments: &Value, batch_from: usize) -> u32 {
        let holds = |ordinal: u32| {
            self.asked.iter().enumerate().any(|(position, call)| {
                let same = call.function_id == function_id && call.arguments == *arguments;
                same && call.ordinal == ordinal && (!call.may_repeat || position >= batch_from)
            })
        };
        (0..).find(|&ordinal| !holds(ordinal)).expect("calls are fewer")
    }
}

/// Why an attempt ended from within a host function: a panic's payload that only the test key catches.
pub(crate) struct Ended(pub Failure);

/// One running attempt.
pub(crate) struct Attempt {
    pub setting: Setting,
    pub sequence_number: u64,
    pub event_id: String,
    pub sensory: RefCell<Tree>,
    pub short_term: RefCell<Tree>,
    pub done: RefCell<Done>,
    pub responder: Option<Responder>,
    pub crash_in: Option<String>,
}

/// Ends the attempt without unwinding noise.
fn end(failure: Failure) -> ! {
    std::panic::resume_unwind(Box::new(Ended(failure)))
}

pub(crate) fn trap(why: String) -> ! {
    end(Failure::fatal("trap", why))
}

/// Traps, as the host does, on a name that is empty or longer than it takes.
fn refuse_length(what: &str, name: &str, bytes_max: usize) {
    if name.is_empty() || name.len() > bytes_max {
        trap(format!("{what} must be 1 to {bytes_max} bytes, not {}", name.len()));
    }
}

impl Attempt {
    pub fn now_ms(&self) -> u64 {
        let mut done = self.done.borrow_mut();
        // A body's readings move nothing, for a replay skips them.
        done.clock_us += u64::from(!done.has_open_call());
        self.setting.start_ms + done.clock_us / 1000
    }

    /// SplitMix64 over the task, the number of calls begun, and the number of draws since.
    pub fn random_u32(&self) -> u32 {
        let mut done = self.done.borrow_mut();
        let (begun, in_body) = (done.asked.len(), done.has_open_call());
        let stream = &mut done.drawn[usize::from(in_body)];
        *stream = (begun, if stream.0 == begun { stream.1 + 1 } else { 1 });
        let drawn = stream.1;
        let seed = format!("{} {begun} {in_body}", self.event_id);
        let mut z = seed.bytes().fold(drawn, |z, byte| mix(z ^ u64::from(byte)));
        z = mix(z);
        (z >> 32) as u32
    }

    pub fn log(&self, level: Level, message: &str) {
        self.done.borrow_mut().logs.push((level, message.to_owned()));
    }

    pub fn emit(&self, kind: &str, payload: &str) -> String {
        self.refuse_while_open("emit");
        refuse_length("emit an event: its kind", kind, 128);
        let payload = serde_json::from_str(payload).expect("the SDK writes JSON");
        let mut done = self.done.borrow_mut();
        let id = format!("{}/{}", self.event_id, done.events.len());
        done.events.push(TestEvent { kind: kind.to_owned(), payload });
        id
    }

    pub fn read(&self, scope: Scope) -> RefMut<'_, Tree> {
        match scope {
            Scope::Sensory => self.sensory.borrow_mut(),
            Scope::ShortTerm => self.short_term.borrow_mut(),
        }
    }

    pub fn change(&self, scope: Scope, what: &str) -> RefMut<'_, Tree> {
        self.refuse_while_open(what);
        self.read(scope)
    }

    fn refuse_while_open(&self, what: &str) {
        let open = self.done.borrow().asked.iter().find(|call| call.open).map(|call| call.function_id.clone());
        if let Some(function_id) = open {
            trap(format!("{what} while the durable call `{function_id}` is open: a replay would skip it"));
        }
    }

    pub fn begin(&self, function_id: &str, arguments: Value, reconcilable: bool) -> Begun {
        refuse_length("begin a durable call: its function id", function_id, 1024);
        let same = |call: &Asked| call.open && call.function_id == function_id && call.arguments == arguments;
        if self.done.borrow().asked.iter().any(same) {
            trap(format!("begin durable call {function_id:?}: one with the same arguments is open; complete it first"));
        }
        self.begin_in_batch(function_id, arguments, reconcilable, usize::MAX)
    }

    fn begin_in_batch(&self, function_id: &str, arguments: Value, reconcilable: bool, batch_from: usize) -> Begun {
        let mut done = self.done.borrow_mut();
        let done = &mut *done;
        let unrecorded = std::mem::take(&mut done.unrecorded);
        done.call_results.extend(unrecorded);
        let position = done.asked.len() as u32;
        let ordinal = done.free_ordinal(function_id, &arguments, batch_from);
        let id = format!("{}/{function_id}/{:016x}/{ordinal}", self.setting.key, fold(&arguments.to_string()));
        let step = match done.call_results.get(&position) {
            None => NextStep::Execute,
            Some(recorded) if recorded.function_id != function_id || recorded.arguments != arguments => {
                let was = format!("`{}` {}", recorded.function_id, recorded.arguments);
                end(Failure::fatal(
                    "divergence",
                    format!("call {position} was {was}, now it is `{function_id}` {arguments}"),
                ));
            }
            Some(CallResult { outcome: Some(outcome), .. }) => NextStep::Replay(outcome.clone()),
            Some(_) if !reconcilable => {
                end(Failure::fatal(
                    "divergence",
                    format!("call {position} is pending, and has no reconciler any more"),
                ));
            }
            Some(_) => NextStep::Reconcile,
        };
        if reconcilable && matches!(step, NextStep::Execute) {
            let pending = CallResult { function_id: function_id.into(), arguments: arguments.clone(), outcome: None };
            done.call_results.insert(position, pending);
        }
        let open = !matches!(step, NextStep::Replay(_));
        let mut may_repeat = false;
        if let NextStep::Replay(outcome) = &step {
            may_repeat = outcome.as_ref().is_err_and(Failure::is_retryable);
            done.calls.push(TestCall {
                function_id: function_id.into(),
                replayed: true,
                outcome: Outcome::of(outcome),
            });
        }
        done.asked.push(Asked { function_id: function_id.into(), arguments, reconcilable, open, ordinal, may_repeat });
        Begun { position, id, step }
    }

    pub fn complete(&self, position: u32, outcome: host::Outcome) -> host::Outcome {
        let mut done = self.done.borrow_mut();
        let done = &mut *done;
        let Some(call) = done.asked.get_mut(position as usize).filter(|call| call.open) else {
            trap(format!("no call is open at position {position}"));
        };
        if self.crash_in.as_deref() == Some(call.function_id.as_str()) {
            let why = format!("the process died before the outcome of `{}` was recorded", call.function_id);
            end(Failure::retryable("crash", why));
        }
        call.open = false;
        call.may_repeat = outcome.as_ref().is_err_and(Failure::is_retryable);
        let (function_id, arguments) = (call.function_id.clone(), call.arguments.clone());
        let result = CallResult { function_id, arguments, outcome: Some(outcome.clone()) };
        let shown =
            TestCall { function_id: result.function_id.clone(), replayed: false, outcome: Outcome::of(&outcome) };
        done.calls.push(shown);
        if outcome.as_ref().is_err_and(Failure::is_retryable) {
            done.unrecorded.insert(position, result);
        } else {
            done.call_results.insert(position, result);
        }
        outcome
    }

    /// Sends requests that belong to an open call, or else makes a durable call of each.
    pub fn send_all(&self, requests: Vec<HttpRequest>) -> Vec<Result<HttpResponse, HttpError>> {
        if self.done.borrow().has_open_call() {
            return requests.iter().map(|request| self.exchange(request)).collect();
        }
        let batch_from = self.done.borrow().asked.len();
        let begun: Vec<Begun> = requests.iter().map(|request| self.begin_request(request, batch_from)).collect();
        let steps = begun.into_iter().zip(requests);
        steps.map(|(begun, request)| self.settle_request(begun, request)).collect()
    }

    fn begin_request(&self, request: &HttpRequest, batch_from: usize) -> Begun {
        let path = request.url.split(['?', '#']).next().unwrap_or_default();
        let arguments = json!({"method": request.method, "url": request.url, "body": body_json(&request.body)});
        self.begin_in_batch(&format!("{} {path}", request.method), arguments, false, batch_from)
    }

    fn settle_request(&self, begun: Begun, mut request: HttpRequest) -> Result<HttpResponse, HttpError> {
        if let NextStep::Replay(outcome) = begun.step {
            return decode(outcome);
        }
        if !request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("idempotency-key")) {
            request.headers.push(("Idempotency-Key".into(), begun.id));
        }
        let answer = self.exchange(&request);
        self.complete(begun.position, encode(&answer)).ok();
        answer
    }

    fn exchange(&self, request: &HttpRequest) -> Result<HttpResponse, HttpError> {
        let request = TestRequest::of(request);
        self.done.borrow_mut().requests.push(request.clone());
        let Some(responder) = &self.responder else {
            panic!("{} {} was sent, and nobody answers: set TestKey::on_request", request.method(), request.url());
        };
        let response = (responder.borrow_mut())(&request);
        response.0
    }

    /// Why the attempt can't complete, though the action returned.
    pub fn mistake(&self) -> Option<Failure> {
        let done = self.done.borrow();
        if let Some(call) = done.asked.iter().find(|call| call.open) {
            let kind = if call.reconcilable { "reconcilable durable" } else { "durable" };
            let why = format!("the action returned while the {kind} call `{}` is open", call.function_id);
            return Some(Failure::fatal("trap", why));
        }
        let unasked = done.call_results.range(done.asked.len() as u32..).next();
        unasked.map(|(position, recorded)| {
            let why = format!("call {position} was `{}`, and the action completed without it", recorded.function_id);
            Failure::fatal("divergence", why)
        })
    }
}

fn mix(z: u64) -> u64 {
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb)
}

fn fold(text: &str) -> u64 {
    text.bytes().fold(0x9e37_79b9_7f4a_7c15, |z, byte| mix(z ^ u64::from(byte)))
}

fn body_json(body: &Body) -> Value {
    match body {
        Body::None => Value::Null,
        Body::Text(text) => json!(text),
        Body::Bytes(bytes) => json!({ "bytes": bytes }),
    }
}

/// A response as a recorded outcome. Statuses that may be gone next time count as retryable failures, whose `details`
/// hold the response, so that a replay gives it back.
fn encode(answer: &Result<HttpResponse, HttpError>) -> host::Outcome {
    match answer {
        Ok(response) => {
            let json =
                json!({"status": response.status, "headers": response.headers, "body": body_json(&response.body)});
            if matches!(response.status, 408 | 425 | 429 | 500..=599) {
                return Err(Failure::retryable("http/status", response.status.to_string()).with_details(&json));
            }
            Ok(json.to_string())
        }
        Err(error) => {
            let (kind, why) = match error {
                HttpError::Timeout => ("http/timeout", ""),
                HttpError::Connection(why) => ("http/connection", why.as_str()),
                HttpError::Denied(why) => ("http/denied", why.as_str()),
                HttpError::InvalidRequest(why) => ("http/invalid-request", why.as_str()),
                HttpError::TooLarge(why) => ("http/too-large", why.as_str()),
                HttpError::Other(why) => ("http/other", why.as_str()),
            };
            Err(Failure::retryable(kind, why))
        }
    }
}

fn decode(outcome: host::Outcome) -> Result<HttpResponse, HttpError> {
    let json = match outcome {
        Ok(text) => text,
        Err(failure) => match (failure.kind(), &failure.details) {
            ("http/status", Some(details)) => details.clone(),
            (kind, _) => return Err(error_of(kind, failure.message())),
        },
    };
    let json: Value = serde_json::from_str(&json).expect("encode wrote it");
    let body = match &json["body"] {
        Value::Null => Body::None,
        Value::String(text) => Body::Text(text.clone()),
        other => Body::Bytes(serde_json::from_value(other["bytes"].clone()).expect("encode wrote it")),
    };
    let headers = serde_json::from_value(json["headers"].clone()).expect("encode wrote it");
    Ok(HttpResponse { status: json["status"].as_u64().expect("encode wrote it") as u16, headers, body })
}

fn error_of(kind: &str, why: &str) -> HttpError {
    let why = why.to_owned();
    match kind {
        "http/timeout" => HttpError::Timeout,
        "http/connection" => HttpError::Connection(why),
        "http/denied" => HttpError::Denied(why),
        "http/invalid-request" => HttpError::InvalidRequest(why),
        "http/too-large" => HttpError::TooLarge(why),
        _ => HttpError::Other(why),
    }
}

/// A value of memory as a test reads it.
pub(crate) fn read<T: serde::de::DeserializeOwned>(tree: &Tree, path: &str) -> Option<T> {
    let value = tree.get(path).unwrap_or_else(|error: MemoryError| panic!("memory path `{path}`: {error:?}"))?;
    Some(serde_json::from_value(value).unwrap_or_else(|error| panic!("memory path `{path}`: {error}")))
}
