//! Wrong uses of the contract, made past the SDK, which does not allow them.

use weir_sdk::__private::bindings::weir::action::memory::{self, Scope};
use weir_sdk::__private::bindings::weir::action::{durable_call, events, http, types};
use weir_sdk::prelude::*;

/// Calls of the contract as they are, texts taken as written.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Misuse {
    /// Begins a call and leaves it open: function id, arguments. Sees `[position, id, step]`.
    Open(String, String),
    OpenReconcilable(String, String),
    /// Completes a call with a result: position, JSON.
    Close(u32, String),
    /// Completes a call with a fatal failure of this kind.
    CloseFailed(u32, String),
    Set(String, String),
    Emit(String, String),
    /// Sees what the host says to this path.
    Get(String),
    /// Sends a request whose headers are the same bytes many times: how many bytes, how often.
    SameBytesAsHeaders(usize, usize),
}

impl Misuse {
    /// Does it.
    pub fn run(&self, seen: &mut Vec<Value>) {
        match self {
            Self::Open(id, arguments) => seen.push(show(durable_call::begin(id, arguments))),
            Self::OpenReconcilable(id, arguments) => seen.push(show(durable_call::begin_reconcilable(id, arguments))),
            Self::Close(position, json) => close(*position, Ok(json.clone()), seen),
            Self::CloseFailed(position, kind) => close(*position, Err(failure(kind)), seen),
            Self::Set(path, json) => seen.push(json!(format!("{:?}", memory::set(Scope::ShortTerm, path, json)))),
            Self::Emit(kind, json) => seen.push(json!(events::emit(kind, json))),
            Self::SameBytesAsHeaders(length, count) => send_same_bytes(*length, *count),
            Self::Get(path) => seen.push(json!(format!("{:?}", memory::get(Scope::ShortTerm, path)))),
        }
    }
}

/// The headers lie in one place, so the guest's memory holds them all.
fn send_same_bytes(length: usize, count: usize) {
    let mut text = std::mem::ManuallyDrop::new("x".repeat(length));
    let start = text.as_mut_ptr();
    // SAFETY: each is read only, and none is dropped.
    let value = || unsafe { String::from_raw_parts(start, length, length) };
    let headers = (0..count).map(|_| (String::new(), value())).collect();
    let (method, url) = ("GET".to_owned(), "http://a.example/".to_owned());
    let request = http::Request { method, url, headers, body: http::Body::None, timeout_ms: None };
    let _ = http::send(&request);
    std::mem::forget(request);
}

fn close(position: u32, outcome: std::result::Result<String, types::Failure>, seen: &mut Vec<Value>) {
    let instead = durable_call::complete(position, &outcome);
    seen.push(json!(instead.map(|failure| failure.kind)));
}

fn show(begun: durable_call::Begun) -> Value {
    let step = match begun.step {
        durable_call::NextStep::Execute => json!("execute"),
        durable_call::NextStep::Reconcile => json!("reconcile"),
        durable_call::NextStep::Replay(Ok(json)) => json!({ "replay": json }),
        durable_call::NextStep::Replay(Err(failure)) => json!({ "failed": failure.kind }),
    };
    json!([begun.position, begun.id, step])
}

fn failure(kind: &str) -> types::Failure {
    types::Failure {
        retryable: false,
        retry_after_ms: None,
        kind: kind.to_owned(),
        message: "said so".to_owned(),
        details: None,
    }
}
