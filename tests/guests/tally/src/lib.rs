//! The benchmarks' action: reads two leaves, sets two, makes one plain durable call computed in place, emits one output.

use serde_json::value::RawValue;
use weir_sdk::prelude::*;

#[derive(Serialize)]
struct Tally {
    n: u64,
    total: u64,
}

#[action("input")]
fn tally(order: Box<RawValue>, ctx: &Context) -> Result {
    let memory = ctx.memory();
    let n = memory.get::<u64>("count")?.unwrap_or(0) + 1;
    let total = memory.get::<u64>("total")?.unwrap_or(0);
    let price: u64 = ctx.durable("quote", &order, |_| Ok(2))?;
    let total = total + price;
    memory.set("count", &n)?;
    memory.set("total", &total)?;
    ctx.output(&Tally { n, total })
}

weir_sdk::export!(tally);
