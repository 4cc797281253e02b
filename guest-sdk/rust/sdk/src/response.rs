//! HTTP responses.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::json;

use crate::host::{Body, HttpResponse};
use crate::{Failure, Result};

/// An HTTP response, as it came or as it was recorded.
#[derive(Debug, Clone)]
pub struct Response {
    url: String,
    response: HttpResponse,
}

impl Response {
    pub(crate) fn new(url: String, response: HttpResponse) -> Self {
        Self { url, response }
    }

    /// The status code.
    pub fn status(&self) -> u16 {
        self.response.status
    }

    /// The first header of the name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.response.headers.iter();
        headers.find(|(given, _)| given.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// All headers, in the order they came in.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.response.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The body, read as JSON; a fatal failure of kind `http/body` if it is not that.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(self.bytes()).map_err(|error| {
            Failure::fatal("http/body", format!("the answer of {} is not as wanted: {error}", self.url))
        })
    }

    /// The body as text; a fatal failure of kind `http/body` if it is not UTF-8.
    pub fn text(&self) -> Result<&str> {
        std::str::from_utf8(self.bytes())
            .map_err(|_| Failure::fatal("http/body", format!("the answer of {} is no text", self.url)))
    }

    /// The body as bytes; none if there is no body.
    pub fn bytes(&self) -> &[u8] {
        match &self.response.body {
            Body::None => &[],
            Body::Text(text) => text.as_bytes(),
            Body::Bytes(bytes) => bytes,
        }
    }

    /// The response if its status is below 400, else a failure, as [`Request::send`](crate::Request::send) has it.
    /// Its details are `{"status", "text"}`, the text cut at 1,000 characters.
    pub fn error_for_status(self) -> Result<Self> {
        let status = self.status();
        if status < 400 {
            return Ok(self);
        }
        let message = format!("{} answered {status}", self.url);
        let text: String = String::from_utf8_lossy(self.bytes()).chars().take(1000).collect();
        let failure = if matches!(status, 408 | 425 | 429 | 500..=599) {
            let failure = Failure::retryable("http/status", message);
            match self.retry_after() {
                Some(wait) => failure.retry_after(wait),
                None => failure,
            }
        } else {
            Failure::fatal("http/status", message)
        };
        Err(failure.with_details(&json!({"status": status, "text": text})))
    }

    /// `Retry-After` in seconds, of nine digits at most. (Its other form, a date, would need the other side's clock.)
    fn retry_after(&self) -> Option<Duration> {
        let header = self.header("retry-after")?.trim();
        let is_number = header.len() < 10 && header.bytes().all(|byte| byte.is_ascii_digit());
        header.parse().ok().filter(|_| is_number).map(Duration::from_secs)
    }
}
