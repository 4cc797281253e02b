//! The host behind the contract's imports.

use super::{Begun, Body, Event, HttpError, HttpRequest, HttpResponse, Level, MemoryError, NextStep, Outcome, Scope};
use crate::{Definition, Failure};

/// What wit-bindgen makes of the contract.
#[allow(missing_docs, clippy::all)]
pub mod bindings {
    wit_bindgen::generate!({
        path: "wit",
        world: "component",
        pub_export_macro: true,
        export_macro_name: "export_component",
        default_bindings_module: "weir_sdk::__private::bindings",
    });
}

use bindings::weir::action::{config, durable_call, events, http, invocation, log, memory, types};

/// What the component answers to `describe`.
pub fn describe(definitions: &[Definition]) -> String {
    crate::action::describe(definitions)
}

/// What the component answers to `invoke`.
pub fn invoke(definitions: &[Definition], action: &str, event: types::Event) -> Result<(), types::Failure> {
    report_panics();
    let event = Event { id: event.id, kind: event.kind, payload: event.payload };
    crate::action::invoke(definitions, action, event).map_err(failure_out)
}

/// Sends panics to the log, with message and place; the trap that follows tells the host neither.
fn report_panics() {
    use std::sync::Once;
    static SET: Once = Once::new();
    SET.call_once(|| {
        std::panic::set_hook(Box::new(|panic| Host::log(Level::Error, &panic.to_string())));
    });
}

/// The host's functions.
pub(crate) struct Host;

impl Host {
    pub fn key() -> String {
        invocation::key()
    }

    pub fn key_is_text() -> bool {
        invocation::key_is_text()
    }

    pub fn sequence_number() -> u64 {
        invocation::sequence_number()
    }

    pub fn source_timestamp_ms() -> Option<u64> {
        invocation::source_timestamp_ms()
    }

    pub fn header(name: &str) -> Option<String> {
        invocation::header(name)
    }

    pub fn now_ms() -> u64 {
        invocation::now_ms()
    }

    pub fn random_u32() -> u32 {
        invocation::random_u32()
    }

    pub fn config(name: &str) -> Option<String> {
        config::get(name)
    }

    pub fn log(level: Level, message: &str) {
        let level = match level {
            Level::Trace => log::Level::Trace,
            Level::Debug => log::Level::Debug,
            Level::Info => log::Level::Info,
            Level::Warn => log::Level::Warn,
            Level::Error => log::Level::Error,
        };
        log::write(level, message);
    }

    /// Ends the attempt: the contract was used wrongly, at the place of the caller.
    #[track_caller]
    pub fn trap(why: String) -> ! {
        panic!("{why}")
    }

    pub fn emit(kind: &str, payload: &str) -> String {
        events::emit(kind, payload)
    }

    pub fn memory_get(scope: Scope, path: &str) -> Result<Option<String>, MemoryError> {
        memory::get(scope_out(scope), path).map_err(memory_error_in)
    }

    pub fn memory_set(scope: Scope, path: &str, value: &str) -> Result<(), MemoryError> {
        memory::set(scope_out(scope), path, value).map_err(memory_error_in)
    }

    pub fn memory_new_object(scope: Scope, path: &str) -> Result<(), MemoryError> {
        memory::new_object(scope_out(scope), path).map_err(memory_error_in)
    }

    pub fn memory_fields(scope: Scope, path: &str) -> Result<Option<Vec<String>>, MemoryError> {
        memory::fields(scope_out(scope), path).map_err(memory_error_in)
    }

    pub fn memory_exists(scope: Scope, path: &str) -> Result<bool, MemoryError> {
        memory::exists(scope_out(scope), path).map_err(memory_error_in)
    }

    pub fn memory_remove(scope: Scope, path: &str) -> Result<bool, MemoryError> {
        memory::remove(scope_out(scope), path).map_err(memory_error_in)
    }

    pub fn begin(function_id: &str, arguments: &str) -> Begun {
        begun_in(durable_call::begin(function_id, arguments))
    }

    pub fn begin_reconcilable(function_id: &str, arguments: &str) -> Begun {
        begun_in(durable_call::begin_reconcilable(function_id, arguments))
    }

    /// Completes the call, and gives the outcome that counts.
    pub fn complete(position: u32, outcome: Outcome) -> Outcome {
        let outcome = outcome.map_err(failure_out);
        match durable_call::complete(position, &outcome) {
            Some(instead) => Err(failure_in(instead)),
            None => outcome.map_err(failure_in),
        }
    }

    pub fn send(request: HttpRequest) -> Result<HttpResponse, HttpError> {
        http::send(&request_out(request)).map(response_in).map_err(http_error_in)
    }

    pub fn send_all(requests: Vec<HttpRequest>) -> Vec<Result<HttpResponse, HttpError>> {
        let requests: Vec<http::Request> = requests.into_iter().map(request_out).collect();
        let answers = http::send_all(&requests);
        answers.into_iter().map(|answer| answer.map(response_in).map_err(http_error_in)).collect()
    }
}

fn scope_out(scope: Scope) -> memory::Scope {
    match scope {
        Scope::Sensory => memory::Scope::Sensory,
        Scope::ShortTerm => memory::Scope::ShortTerm,
    }
}

fn memory_error_in(error: memory::MemoryError) -> MemoryError {
    match error {
        memory::MemoryError::InvalidPath(why) => MemoryError::InvalidPath(why),
        memory::MemoryError::TypeMismatch(why) => MemoryError::TypeMismatch(why),
        memory::MemoryError::Other(why) => MemoryError::Other(why),
    }
}

fn failure_in(failure: types::Failure) -> Failure {
    Failure {
        retryable: failure.retryable,
        retry_after_ms: failure.retry_after_ms,
        kind: failure.kind,
        message: failure.message,
        details: failure.details,
    }
}

fn failure_out(failure: Failure) -> types::Failure {
    types::Failure {
        retryable: failure.retryable,
        retry_after_ms: failure.retry_after_ms,
        kind: failure.kind,
        message: failure.message,
        details: failure.details,
    }
}

fn begun_in(begun: durable_call::Begun) -> Begun {
    let step = match begun.step {
        durable_call::NextStep::Execute => NextStep::Execute,
        durable_call::NextStep::Replay(outcome) => NextStep::Replay(outcome.map_err(failure_in)),
        durable_call::NextStep::Reconcile => NextStep::Reconcile,
    };
    Begun { position: begun.position, id: begun.id, step }
}

fn request_out(request: HttpRequest) -> http::Request {
    let body = match request.body {
        Body::None => http::Body::None,
        Body::Text(text) => http::Body::Text(text),
        Body::Bytes(bytes) => http::Body::Bytes(bytes),
    };
    http::Request {
        method: request.method,
        url: request.url,
        headers: request.headers,
        body,
        timeout_ms: request.timeout_ms,
    }
}

fn response_in(response: http::Response) -> HttpResponse {
    let body = match response.body {
        http::Body::None => Body::None,
        http::Body::Text(text) => Body::Text(text),
        http::Body::Bytes(bytes) => Body::Bytes(bytes),
    };
    HttpResponse { status: response.status, headers: response.headers, body }
}

fn http_error_in(error: http::HttpError) -> HttpError {
    match error {
        http::HttpError::Denied(why) => HttpError::Denied(why),
        http::HttpError::InvalidRequest(why) => HttpError::InvalidRequest(why),
        http::HttpError::Timeout => HttpError::Timeout,
        http::HttpError::TooLarge(why) => HttpError::TooLarge(why),
        http::HttpError::Connection(why) => HttpError::Connection(why),
        http::HttpError::Other(why) => HttpError::Other(why),
    }
}
