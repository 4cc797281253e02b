//! The conformance guest in Rust; `tests/conformance/README.md` says what each action does.

mod ends;
mod request;
mod step;

use weir_sdk::prelude::*;
use weir_sdk::serde_json::value::RawValue;

#[action("input", "echo")]
fn echo(payload: Value, ctx: &Context) -> Result {
    ctx.output(&payload)
}

#[action("raw")]
fn raw(payload: Box<RawValue>, ctx: &Context) -> Result {
    ctx.output(&payload)
}

#[derive(Deserialize)]
struct Script {
    steps: Vec<step::Step>,
}

#[action("script", "next")]
fn script(script: Script, ctx: &Context) -> Result {
    let mut seen = Vec::new();
    step::run_all(&script.steps, ctx, &mut seen)?;
    ctx.output(&seen)
}

#[derive(Deserialize)]
struct Crash {
    how: ends::How,
}

#[action("crash")]
fn crash(crash: Crash, ctx: &Context) -> Result {
    crash.how.run(ctx)
}

weir_sdk::export!(echo, raw, script, crash);
