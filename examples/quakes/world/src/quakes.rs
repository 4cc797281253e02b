use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

const WINDOW_MS: u64 = 24 * 3_600_000;

/// One line of quakes.jsonl, as far as it matters here.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Quake {
    pub id: String,
    pub time: u64,
    pub region: String,
    pub place: String,
    pub magnitude: Option<f64>,
    #[serde(rename = "type")]
    pub kind: String,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct RegionState {
    pub times: Vec<u64>,
    pub paged_at: Option<u64>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Page {
    pub region: String,
    pub id: String,
    pub time: u64,
}

impl RegionState {
    pub fn on_quake(&mut self, quake: &Quake) -> Option<Page> {
        if quake.kind != "earthquake" || quake.magnitude.is_none_or(|m| m < 1.0) {
            return None;
        }
        self.times.retain(|t| t + WINDOW_MS > quake.time);
        self.times.push(quake.time);
        let due = self.times.len() >= 3 && self.paged_at.is_none_or(|at| at + WINDOW_MS < quake.time);
        due.then(|| {
            self.paged_at = Some(quake.time);
            Page { region: quake.region.clone(), id: quake.id.clone(), time: quake.time }
        })
    }
}

pub fn due(lines: &str) -> serde_json::Result<Vec<Page>> {
    let mut regions: BTreeMap<String, RegionState> = BTreeMap::new();
    let mut pages = Vec::new();
    for line in lines.lines() {
        let quake: Quake = serde_json::from_str(line)?;
        pages.extend(regions.entry(quake.region.clone()).or_default().on_quake(&quake));
    }
    Ok(pages)
}
