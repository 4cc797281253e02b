//! Why an action, or a durable call, did not succeed.

use std::error::Error;
use std::fmt;
use std::panic::Location;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// What an action, or a step of it, gives: `Result` alone is `Result<()>`.
pub type Result<T = (), E = Failure> = std::result::Result<T, E>;

/// Why an action, or a durable call, did not succeed: recorded and replayed whole.
///
/// A *retryable* one may succeed when tried again: the action is run again as the manifest's retry policy says.
/// A *fatal* one will not: the manifest's `on_failure` decides what becomes of the key.
///
/// `?` turns any error into a fatal failure of kind `error`, and one of serde_json into kind `json`; its message ends with
/// file and line of the `?`. For that, like the error type of anyhow, a failure is no [`Error`] itself; it can be made a `Box<dyn Error>`.
///
/// ```
/// use weir_sdk::prelude::*;
/// use std::time::Duration;
///
/// fn pay(balance: i64) -> Result<i64> {
///     if balance < 0 {
///         return Err(Failure::fatal("overdrawn", "the balance is negative").with_details(&balance));
///     }
///     let limit: i64 = "12".parse()?;
///     if balance > limit {
///         return Err(Failure::retryable("busy", "try later").retry_after(Duration::from_secs(2)));
///     }
///     Ok(balance)
/// }
///
/// assert_eq!(pay(-1).unwrap_err().kind(), "overdrawn");
/// assert!(pay(99).unwrap_err().is_retryable());
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    pub(crate) retryable: bool,
    pub(crate) retry_after_ms: Option<u32>,
    pub(crate) kind: String,
    pub(crate) message: String,
    /// JSON text.
    pub(crate) details: Option<String>,
}

impl Failure {
    /// A failure that may be gone when it is tried again.
    pub fn retryable(kind: impl Into<String>, message: impl Into<String>) -> Self {
        Self { retryable: true, retry_after_ms: None, kind: kind.into(), message: message.into(), details: None }
    }

    /// A failure that trying again would not mend.
    pub fn fatal(kind: impl Into<String>, message: impl Into<String>) -> Self {
        Self { retryable: false, ..Self::retryable(kind, message) }
    }

    /// The same failure, not to be tried again before this long; the policy's backoff otherwise.
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after_ms = Some(u32::try_from(wait.as_millis()).unwrap_or(u32::MAX));
        self
    }

    /// The same failure with details for code to read. What is no JSON is said in the details instead.
    pub fn with_details(mut self, details: &impl Serialize) -> Self {
        let text = serde_json::to_string(details);
        self.details = Some(text.unwrap_or_else(|error| format!("{:?}", format!("details are no JSON: {error}"))));
        self
    }

    /// Whether it may succeed when tried again.
    pub fn is_retryable(&self) -> bool {
        self.retryable
    }

    /// What sort of failure, for code to tell failures apart, such as `card-declined` or `http/timeout`.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// What to tell people.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Details for code to read; `None` if there are none, or of another type.
    pub fn details<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_str(self.details.as_deref()?).ok()
    }

    /// How long to wait at least before it is tried again, if that is known.
    pub fn wait(&self) -> Option<Duration> {
        self.retry_after_ms.map(|ms| Duration::from_millis(u64::from(ms)))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.kind, self.message)
    }
}

impl<E: Error + 'static> From<E> for Failure {
    #[track_caller]
    fn from(error: E) -> Self {
        let error: &(dyn Error + 'static) = &error;
        let kind = if error.is::<serde_json::Error>() { "json" } else { "error" };
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            message = format!("{message}: {cause}");
            source = cause.source();
        }
        if let Some(place) = users(Location::caller()) {
            message = format!("{message} ({}:{})", place.file(), place.line());
        }
        Self::fatal(kind, message)
    }
}

/// The place if it is the user's, and neither this crate's nor, as of `map_err(Failure::from)`, the standard library's.
fn users<'a>(place: &'a Location<'a>) -> Option<&'a Location<'a>> {
    const HERE: &str = file!();
    let this_crate = &HERE[..HERE.len() - "failure.rs".len()];
    let is_users = !place.file().starts_with(this_crate) && !place.file().contains("/library/core/src/");
    is_users.then_some(place)
}

impl From<Failure> for Box<dyn Error> {
    fn from(failure: Failure) -> Self {
        failure.to_string().into()
    }
}

impl From<Failure> for Box<dyn Error + Send + Sync> {
    fn from(failure: Failure) -> Self {
        failure.to_string().into()
    }
}
