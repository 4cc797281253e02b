//! HTTP requests.

use std::time::Duration;

use serde::Serialize;

use crate::host::{Body, Host, HttpError, HttpRequest};
use crate::{Failure, Response, Result};

/// An HTTP request that is not yet sent. Made by [`Context::get`](crate::Context::get) and its like.
///
/// A request is a durable call itself: its response is recorded, and replayed when the action is run again. It carries
/// an `Idempotency-Key`, the same again if it must be sent again. Inside the body of a durable call it is part of that,
/// and carries none of its own: give it the [`Call::id`](crate::Call::id).
#[must_use = "a request does nothing until it is sent"]
#[derive(Debug)]
pub struct Request {
    request: HttpRequest,
    /// Why the body could not be written. Told when it is sent, so that building a request needs no `?`.
    mistake: Option<Failure>,
}

impl Request {
    pub(crate) fn new(method: String, url: String) -> Self {
        let request = HttpRequest { method, url, headers: Vec::new(), body: Body::None, timeout_ms: None };
        Self { request, mistake: None }
    }

    /// Adds a header. (A secret is named in the manifest, and put into its header by the host.)
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.request.headers.push((name.into(), value.into()));
        self
    }

    /// Gives up after this long; the host's own limit holds as well.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.request.timeout_ms = Some(u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX));
        self
    }

    /// A JSON body, with its `Content-Type` unless one is set.
    pub fn json<T: Serialize + ?Sized>(mut self, body: &T) -> Self {
        match serde_json::to_string(body) {
            Ok(text) => self.request.body = Body::Text(text),
            Err(error) => self.mistake = Some(error.into()),
        }
        if !self.has_header("content-type") {
            self.request.headers.push(("Content-Type".into(), "application/json".into()));
        }
        self
    }

    /// A text body.
    pub fn text(mut self, body: impl Into<String>) -> Self {
        self.request.body = Body::Text(body.into());
        self
    }

    /// A body of bytes.
    pub fn bytes(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.request.body = Body::Bytes(body.into());
        self
    }

    /// Sends it, and gives the response if its status is below 400. Else a failure of kind `http/status`, retryable for
    /// 408, 425, 429 and 5xx (not before the response's `Retry-After`), fatal for the others; without any response, one
    /// of kind `http/timeout`, `http/connection` (retryable), `http/denied`, `http/invalid-request`, `http/too-large` (fatal).
    pub fn send(self) -> Result<Response> {
        self.send_any_status()?.error_for_status()
    }

    /// Sends it, and gives the response whatever its status.
    pub fn send_any_status(self) -> Result<Response> {
        self.check()?;
        let url = self.request.url.clone();
        answer(Host::send(self.request), &url)
    }

    pub(crate) fn check(&self) -> Result {
        self.mistake.clone().map_or(Ok(()), Err)
    }

    /// The same request with this `Idempotency-Key`, unless it has one.
    pub(crate) fn with_idempotency_key(self, key: &str) -> Self {
        if self.has_header("idempotency-key") { self } else { self.header("Idempotency-Key", key) }
    }

    fn has_header(&self, wanted: &str) -> bool {
        self.request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(wanted))
    }
}

/// Sends all at once, and gives the responses whatever their status. Fails before anything is sent.
pub(crate) fn send_all(requests: Vec<Request>) -> Result<Vec<Result<Response>>> {
    for request in &requests {
        request.check()?;
    }
    let urls: Vec<String> = requests.iter().map(|request| request.request.url.clone()).collect();
    let answers = Host::send_all(requests.into_iter().map(|request| request.request).collect());
    Ok(answers.into_iter().zip(&urls).map(|(given, url)| answer(given, url)).collect())
}

fn answer(answer: std::result::Result<crate::host::HttpResponse, HttpError>, url: &str) -> Result<Response> {
    match answer {
        Ok(response) => Ok(Response::new(url.to_owned(), response)),
        Err(error) => Err(no_response(error, url)),
    }
}

fn no_response(error: HttpError, url: &str) -> Failure {
    match error {
        HttpError::Timeout => Failure::retryable("http/timeout", format!("no answer from {url} in time")),
        HttpError::Connection(why) => Failure::retryable("http/connection", format!("{url}: {why}")),
        HttpError::Other(why) => Failure::retryable("http/other", format!("{url}: {why}")),
        HttpError::Denied(why) => Failure::fatal("http/denied", format!("{url}: {why}")),
        HttpError::InvalidRequest(why) => Failure::fatal("http/invalid-request", format!("{url}: {why}")),
        HttpError::TooLarge(why) => Failure::fatal("http/too-large", format!("{url}: {why}")),
    }
}
