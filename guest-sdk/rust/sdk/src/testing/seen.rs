//! What a test sees of an action, and how it answers its requests.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::Failure;
use crate::host::{self, Body, HttpError, HttpRequest, HttpResponse};

/// What an action did that completed.
#[derive(Debug, Clone)]
pub struct Completed {
    pub(super) events: Vec<TestEvent>,
}

impl Completed {
    /// The events it emitted for other actions, in order.
    pub fn events(&self) -> Vec<&TestEvent> {
        self.events.iter().filter(|event| event.kind != "output").collect()
    }

    /// The payloads of its output events, in order.
    pub fn outputs(&self) -> Vec<Value> {
        self.events.iter().filter(|event| event.kind == "output").map(|event| event.payload.clone()).collect()
    }
}

/// An emitted event.
#[derive(Debug, Clone, PartialEq)]
pub struct TestEvent {
    /// What actions listen to.
    pub kind: String,
    /// Its JSON.
    pub payload: Value,
}

/// What came of a durable call.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// It succeeded with this result.
    Succeeded(Value),
    /// It failed.
    Failed(Failure),
}

impl Outcome {
    pub(crate) fn of(outcome: &host::Outcome) -> Self {
        match outcome {
            Ok(text) => Self::Succeeded(serde_json::from_str(text).expect("the SDK writes JSON")),
            Err(failure) => Self::Failed(failure.clone()),
        }
    }
}

/// A durable call of an attempt.
#[derive(Debug, Clone, PartialEq)]
pub struct TestCall {
    /// Its function id; of a request `METHOD origin/path`.
    pub function_id: String,
    /// Whether its outcome was recorded by an earlier attempt, and the call not made again.
    pub replayed: bool,
    /// What came of it.
    pub outcome: Outcome,
}

/// A request that an action sent.
#[derive(Debug, Clone)]
pub struct TestRequest(HttpRequest);

impl TestRequest {
    pub(crate) fn of(request: &HttpRequest) -> Self {
        Self(request.clone())
    }

    /// GET, POST, …
    pub fn method(&self) -> &str {
        &self.0.method
    }

    /// The whole URL.
    pub fn url(&self) -> &str {
        &self.0.url
    }

    /// The first header of the name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.0.headers.iter();
        headers.find(|(given, _)| given.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The body as JSON. Panics if it is of another type.
    pub fn json<T: DeserializeOwned>(&self) -> T {
        serde_json::from_slice(self.bytes()).unwrap_or_else(|error| panic!("body for {}: {error}", self.url()))
    }

    /// The body as bytes; none if there is no body.
    pub fn bytes(&self) -> &[u8] {
        match &self.0.body {
            Body::None => &[],
            Body::Text(text) => text.as_bytes(),
            Body::Bytes(bytes) => bytes,
        }
    }
}

/// How a test answers a request.
#[derive(Debug, Clone)]
pub struct TestResponse(pub(crate) Result<HttpResponse, HttpError>);

impl TestResponse {
    /// An empty answer of this status.
    pub fn status(status: u16) -> Self {
        Self(Ok(HttpResponse { status, headers: Vec::new(), body: Body::None }))
    }

    /// Status 200 with this JSON.
    pub fn json<T: Serialize + ?Sized>(body: &T) -> Self {
        Self::text(serde_json::to_string(body).expect("a test's body is JSON"))
    }

    /// Status 200 with this text.
    pub fn text(body: impl Into<String>) -> Self {
        Self(Ok(HttpResponse { status: 200, headers: Vec::new(), body: Body::Text(body.into()) }))
    }

    /// No answer in time.
    pub fn timeout() -> Self {
        Self(Err(HttpError::Timeout))
    }

    /// No connection.
    pub fn connection_failed(why: impl Into<String>) -> Self {
        Self(Err(HttpError::Connection(why.into())))
    }

    /// The manifest does not grant this origin.
    pub fn denied(why: impl Into<String>) -> Self {
        Self(Err(HttpError::Denied(why.into())))
    }

    /// The same answer with a header. One that is no answer stays so.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        if let Ok(response) = &mut self.0 {
            response.headers.push((name.into(), value.into()));
        }
        self
    }
}
