//! Actions that fail for good: each policy, by the binary. Repairs by the command line are in `cli/quarantine`.

mod log;
mod policy;
mod repair;

use serde_json::{Value, json};

/// An event that fails for good.
fn fails(key: &str) -> Value {
    json!({"key": key, "do": [{"set": ["left", true]}, {"output": "left"}, {"fail": {"fatal": ["refused", "no funds"]}}]})
}

/// An event that counts.
fn counts(key: &str) -> Value {
    json!({"key": key, "do": [{"count": "n"}]})
}
