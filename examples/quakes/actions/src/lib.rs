//! Page the seismologist exactly once for each swarm: three actions, run by Weir for each quake of a region in turn.

#[path = "../../world/src/swarm.rs"]
mod rule; // The rule itself, shared with the demo that checks the pages against it.

use rule::{Recent, Told};
use weir_sdk::prelude::*;

#[derive(Deserialize)]
struct Quake {
    id: String,
    time: u64,
    region: String,
    place: String,
    magnitude: Option<f64>,
}

/// What the seismologist is told of a swarm, and what the map shows of it.
#[derive(Serialize, Deserialize)]
struct Page {
    region: String,
    place: String,
    /// The quake that made it a swarm.
    quake: String,
    time: u64,
    magnitude: Option<f64>,
}

#[derive(Serialize)]
struct Alert {
    page: Page,
    pager: Value,
    map: Value,
}

/// A quake that counts, and how many the region had within the window.
#[derive(Serialize, Deserialize)]
struct Counted {
    page: Page,
    quakes: usize,
}

/// Remembers the region's last quakes.
#[action("earthquake")]
fn count(quake: Quake, ctx: &Context) -> Result {
    let mut recent: Recent = ctx.memory().get("recent")?.unwrap_or_default();
    let Some(quakes) = recent.on_quake(quake.time, quake.magnitude) else { return Ok(()) };
    ctx.memory().set("recent", &recent)?;
    let Quake { id, time, region, place, magnitude } = quake;
    ctx.emit("counted", &Counted { page: Page { region, place, quake: id, time, magnitude }, quakes })?;
    Ok(())
}

/// Finds a swarm when the rate of a region has risen, and nobody was told of it yet.
#[action("counted")]
fn swarm(counted: Counted, ctx: &Context) -> Result {
    let mut told: Told = ctx.memory().get("told")?.unwrap_or_default();
    if told.on_count(counted.page.time, counted.quakes) {
        ctx.memory().set("told", &told)?;
        ctx.emit("swarm", &counted.page)?;
    }
    Ok(())
}

/// Tells pager and map at once. Each request carries its `Idempotency-Key`, and its answer is recorded:
/// whatever dies in between, neither is told twice.
#[action("swarm")]
fn page(page: Page, ctx: &Context) -> Result {
    let [pager, map] =
        ctx.send_all([ctx.post(ctx.required_config("pager")?, &page), ctx.post(ctx.required_config("map")?, &page)])?;
    ctx.output(&Alert { pager: pager.json()?, map: map.json()?, page })
}

weir_sdk::export!(count, swarm, page);

#[cfg(test)]
mod tests;
