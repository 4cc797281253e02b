//! Where events come from and where outputs go, by the binary itself.

mod file;
mod inbox;
mod listen;
mod sink;
mod stdin;

use serde_json::{Value, json};

/// An event that puts out one text.
fn says(key: &str, text: &str) -> Value {
    json!({"key": key, "quiet": true, "do": [{"output": text}]})
}
