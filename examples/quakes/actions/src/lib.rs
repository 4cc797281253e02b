//! Page the seismologist exactly once for each swarm: two actions, run by Weir for each quake of a region in turn.

#[path = "../../world/src/swarm.rs"]
mod swarm; // The rule itself, shared with the demo that checks the pages against it.

use swarm::Region;
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

/// Remembers the region's last quakes, and emits a swarm when they crowd.
#[action("earthquake")]
fn count(quake: Quake, ctx: &Context) -> Result {
    let mut region: Region = ctx.memory().get("region")?.unwrap_or_default();
    let is_swarm = region.on_quake(quake.time, quake.magnitude);
    ctx.memory().set("region", &region)?;
    if is_swarm {
        let Quake { id, time, region, place, magnitude } = quake;
        ctx.emit("swarm", &Page { region, place, quake: id, time, magnitude })?;
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

weir_sdk::export!(count, page);

#[cfg(test)]
mod tests;
