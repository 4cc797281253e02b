//! A component that does what its events tell it, good or bad, for tests of the host.
//!
//! `script` listens to `input`, `script` and `again`, and takes `{"do": [step, …], "quiet": false}`. Unless quiet, what
//! the steps saw leaves as one output event, a list with an entry a step that sees something. The steps are [`Step`]:
//!
//! ```json
//! {"do": [{"set": ["order.count", 1]}, {"get": "order"}, {"call": ["quote", {"n": 1}, {"ok": 5}]}, "now",
//!         {"catch": {"http": ["GET", "http://127.0.0.1:1/", null]}}, {"emit": ["first", {}]}]}
//! ```
//!
//! `first` and `second` both listen to `both`, and put out their names and the payload; `first` listens to `first` too.

// Its misuses reach past the SDK into the bindings, which native builds lack.
#![cfg(target_family = "wasm")]

mod misuse;
mod outside;
mod step;

use weir_sdk::prelude::*;

#[derive(Deserialize)]
struct Script {
    r#do: Vec<step::Step>,
    #[serde(default)]
    quiet: bool,
}

#[action("input", "script", "again")]
fn script(script: Script, ctx: &Context) -> Result {
    let mut seen = Vec::new();
    for step in &script.r#do {
        step.run(ctx, &mut seen)?;
    }
    if script.quiet { Ok(()) } else { ctx.output(&seen) }
}

#[action("both", "first")]
fn first(payload: Value, ctx: &Context) -> Result {
    ctx.output(&json!({"action": "first", "payload": payload}))
}

#[action("both")]
fn second(payload: Value, ctx: &Context) -> Result {
    ctx.output(&json!({"action": "second", "payload": payload}))
}

weir_sdk::export!(script, first, second);
