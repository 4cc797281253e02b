use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::swarm::{Recent, Told};

/// One line of quakes.jsonl, as far as it matters here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quake {
    /// The network's name of it.
    pub id: String,
    /// Milliseconds since 1970, UTC.
    pub time: u64,
    /// The key of the events.
    pub region: String,
    /// Distance and direction from the region's namesake.
    pub place: String,
    /// Not always known.
    pub magnitude: Option<f64>,
    /// `earthquake`, `explosion`, `quarry blast`.
    #[serde(rename = "type")]
    pub kind: String,
}

/// What the seismologist is told of a swarm, and what the map shows of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Page {
    /// Where.
    pub region: String,
    /// The place of the quake that made it a swarm.
    pub place: String,
    /// The id of that quake.
    pub quake: String,
    /// The time of that quake.
    pub time: u64,
    /// The magnitude of that quake.
    pub magnitude: Option<f64>,
}

/// What is remembered of all regions.
pub type Regions = BTreeMap<String, (Recent, Told)>;

/// Counts a quake in its region; the page that it makes due.
pub fn on_quake(regions: &mut Regions, quake: &Quake) -> Option<Page> {
    if quake.kind != "earthquake" {
        return None;
    }
    let (recent, told) = regions.entry(quake.region.clone()).or_default();
    let quakes = recent.on_quake(quake.time, quake.magnitude)?;
    told.on_count(quake.time, quakes).then(|| Page {
        region: quake.region.clone(),
        place: quake.place.clone(),
        quake: quake.id.clone(),
        time: quake.time,
        magnitude: quake.magnitude,
    })
}

/// The pages that are due for the events of a file, by the rule alone.
pub fn due(lines: &str) -> serde_json::Result<Vec<Page>> {
    let mut regions = Regions::new();
    let mut pages = Vec::new();
    for line in lines.lines() {
        pages.extend(on_quake(&mut regions, &serde_json::from_str(line)?));
    }
    Ok(pages)
}
