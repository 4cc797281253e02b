//! Posting events to a host.

use crate::wait::wait_for;
use serde_json::Value;
use std::fmt::Write;

pub use quakes_world::post::get;

/// What a host answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Answered {
    /// HTTP status.
    pub status: u16,
    /// Its body, JSON.
    pub body: Value,
}

/// Posts an event once. The key is percent-encoded here.
pub fn post(origin: &str, key: &[u8], idempotency_key: Option<&str>, payload: &str) -> std::io::Result<Answered> {
    post_path(origin, &encoded(key), idempotency_key, payload)
}

/// As `post`, with the path as it is.
pub fn post_path(origin: &str, path: &str, id: Option<&str>, payload: &str) -> std::io::Result<Answered> {
    let (status, body) = quakes_world::post::post(&format!("{origin}/{path}"), id, payload)?;
    let body = serde_json::from_str(&body).unwrap_or(Value::String(body));
    Ok(Answered { status, body })
}

/// Posts an event until it is taken, wherever the host is by then.
pub fn post_until_taken(origin: impl Fn() -> String, key: &str, id: &str, payload: &str) -> Answered {
    wait_for("an event is taken", || {
        post(&origin(), key.as_bytes(), Some(id), payload).ok().filter(|answered| answered.status == 202)
    })
}

/// Percent-encodes a key.
pub fn encoded(key: &[u8]) -> String {
    let mut text = String::new();
    for byte in key {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => text.push(*byte as char),
            _ => write!(text, "%{byte:02X}").expect("strings take all"),
        }
    }
    text
}
