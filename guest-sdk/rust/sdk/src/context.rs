//! What an action has at hand.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::host::{Event, Host, Scope};
use crate::{Call, DurableCall, Failure, Memory, Request, RequestCall, Response, Result};

/// What an action has at hand: its event, its key's memory, and the host's functions.
///
/// Everything here is the same again when the action is run again after a crash, so an action that takes time,
/// randomness and the outside world from here does what it did before.
#[derive(Debug)]
pub struct Context {
    pub(crate) event: Event,
}

/// Memory and events.
impl Context {
    /// Short-term memory: it lives with the key.
    pub fn memory(&self) -> Memory {
        Memory { scope: Scope::ShortTerm }
    }

    /// Sensory memory: it lives for one run, from the input event to the last action it caused.
    pub fn sensory(&self) -> Memory {
        Memory { scope: Scope::Sensory }
    }

    /// Emits an event, for the actions that listen to its kind, to take effect when this action completes.
    pub fn emit<T: Serialize + ?Sized>(&self, kind: &str, payload: &T) -> Result {
        self.emit_with_id(kind, payload).map(|_| ())
    }

    /// As [`emit`](Self::emit), and gives the event's id, which is the same again on replay.
    pub fn emit_with_id<T: Serialize + ?Sized>(&self, kind: &str, payload: &T) -> Result<String> {
        Ok(Host::emit(kind, &serde_json::to_string(payload)?))
    }

    /// Emits an output event: it leaves by the sink when this action has completed.
    pub fn output<T: Serialize + ?Sized>(&self, payload: &T) -> Result {
        self.emit("output", payload)
    }
}

/// Durable calls.
impl Context {
    /// A side effect, or work not to be done twice: runs `body` and records its outcome, failures too;
    /// when the action is run again, gives what was recorded instead.
    ///
    /// `function_id` and `arguments` say which call it is. If the process dies after the effect and before the record,
    /// `body` is run again with the same [`Call::id`]: hand that to the other side as its idempotency key, or make the
    /// call reconcilable with [`durable_call`](Self::durable_call). Memory can't be changed, nor events emitted, nor
    /// another durable call made, in `body`: a replay would skip that.
    #[track_caller]
    pub fn durable<A, T>(&self, function_id: &str, arguments: &A, body: impl FnOnce(&Call) -> Result<T>) -> Result<T>
    where
        A: Serialize + ?Sized,
        T: Serialize + DeserializeOwned,
    {
        self.durable_call(function_id, arguments).run(body)
    }

    /// A durable call to say more about: whether it can be reconciled, or that it is one of several at once.
    pub fn durable_call<A: Serialize + ?Sized>(&self, function_id: &str, arguments: &A) -> DurableCall {
        DurableCall::new(function_id, arguments)
    }

    /// Makes several durable calls at once: opens all, sends their requests together, and records each outcome.
    /// Gives all results, or the first failure in order; use [`durable_each`](Self::durable_each) for each one's own.
    pub fn durable_all<'c, T, const N: usize>(&self, calls: [RequestCall<'c, T>; N]) -> Result<[T; N]>
    where
        T: Serialize + DeserializeOwned,
    {
        all(self.durable_each(calls)?)
    }

    /// As [`durable_all`](Self::durable_all), for any number of calls, with a result for each. It fails as a whole,
    /// before anything is sent, if a call can't be made or a reconciler wants to be asked again.
    pub fn durable_each<'c, T>(&self, calls: impl IntoIterator<Item = RequestCall<'c, T>>) -> Result<Vec<Result<T>>>
    where
        T: Serialize + DeserializeOwned,
    {
        crate::parallel::run(calls.into_iter().collect())
    }
}

/// HTTP, to the origins that the manifest grants. Each request is a durable call, except in the body of one: its response
/// is recorded and replayed, and it carries an `Idempotency-Key`.
impl Context {
    /// A GET request.
    pub fn get(&self, url: impl Into<String>) -> Request {
        self.request("GET", url)
    }

    /// A POST request with a JSON body.
    pub fn post<T: Serialize + ?Sized>(&self, url: impl Into<String>, body: &T) -> Request {
        self.request("POST", url).json(body)
    }

    /// A PUT request with a JSON body.
    pub fn put<T: Serialize + ?Sized>(&self, url: impl Into<String>, body: &T) -> Request {
        self.request("PUT", url).json(body)
    }

    /// A DELETE request.
    pub fn delete(&self, url: impl Into<String>) -> Request {
        self.request("DELETE", url)
    }

    /// A request of any method.
    pub fn request(&self, method: impl Into<String>, url: impl Into<String>) -> Request {
        Request::new(method.into(), url.into())
    }

    /// Sends several requests at once. Gives all responses, or the first failure in order, as
    /// [`Request::send`] has them; use [`send_each`](Self::send_each) for each one's own.
    pub fn send_all<const N: usize>(&self, requests: [Request; N]) -> Result<[Response; N]> {
        all(self.send_each(requests)?)
    }

    /// As [`send_all`](Self::send_all), for any number of requests, with a result for each. It fails as a whole,
    /// before anything is sent, if a request's body can't be written.
    pub fn send_each(&self, requests: impl IntoIterator<Item = Request>) -> Result<Vec<Result<Response>>> {
        let answers = crate::request::send_all(requests.into_iter().collect())?;
        Ok(answers.into_iter().map(|answer| answer.and_then(Response::error_for_status)).collect())
    }
}

/// Where this invocation stands.
impl Context {
    /// The key that the event belongs to; percent-encoded if it is not UTF-8.
    pub fn key(&self) -> String {
        Host::key()
    }

    /// Whether [`key`](Self::key) is the key as it is, and not percent-encoded.
    pub fn key_is_text(&self) -> bool {
        Host::key_is_text()
    }

    /// How many input events this key had before this run's.
    pub fn sequence_number(&self) -> u64 {
        Host::sequence_number()
    }

    /// Id of the event.
    pub fn event_id(&self) -> &str {
        &self.event.id
    }

    /// Kind of the event.
    pub fn event_kind(&self) -> &str {
        &self.event.kind
    }

    /// Payload of the event, as JSON text.
    pub fn event_payload(&self) -> &str {
        &self.event.payload
    }

    /// When the run's input event came about, as its source says, in milliseconds since 1970 UTC.
    pub fn source_timestamp_ms(&self) -> Option<u64> {
        Host::source_timestamp_ms()
    }

    /// A header of the run's input event.
    pub fn header(&self, name: &str) -> Option<String> {
        Host::header(name)
    }

    /// Milliseconds since 1970 UTC: when this action first started, or when its last durable call had its outcome.
    /// The same again on replay.
    pub fn now_ms(&self) -> u64 {
        Host::now_ms()
    }

    /// A random number, the same again on replay.
    pub fn random_u32(&self) -> u32 {
        Host::random_u32()
    }

    /// A setting that the manifest gives this component as `config.NAME`.
    pub fn config(&self, name: &str) -> Option<String> {
        Host::config(name)
    }

    /// A setting that the action can't do without: a fatal failure of kind `config` if the manifest has none.
    pub fn required_config(&self, name: &str) -> Result<String> {
        self.config(name).ok_or_else(|| {
            Failure::fatal("config", format!("the manifest gives no config.{name}: add it to this [[component]]"))
        })
    }
}

/// All results, or the first failure.
fn all<T, const N: usize>(results: Vec<Result<T>>) -> Result<[T; N]> {
    let values = results.into_iter().collect::<Result<Vec<T>>>()?;
    match values.try_into() {
        Ok(values) => Ok(values),
        Err(values) => unreachable!("{} answers to {N} calls", values.len()),
    }
}
