//! The actions on the real week, natively: no host, no network.

use std::collections::BTreeMap;

use weir_sdk::prelude::*;
use weir_sdk::testing::{TestKey, TestResponse};

use super::{Counted, Page, Recent, count, page, swarm};

const WEEK: &str = include_str!("../../quakes.jsonl");
const HOUR_MS: u64 = 3_600_000;
/// The M 6.4 of 6 February 2018, 15:50:42 UTC.
const HUALIEN_MAIN_SHOCK_MS: u64 = 1_517_932_242_400;

/// The pages that the week's earthquakes make due, and the keys with their memory.
fn week() -> (Vec<Page>, BTreeMap<String, TestKey>) {
    let mut keys: BTreeMap<String, TestKey> = BTreeMap::new();
    let mut pages = Vec::new();
    for line in WEEK.lines() {
        let quake: Value = serde_json::from_str(line).unwrap();
        if quake["type"] == "earthquake" {
            let region = quake["region"].as_str().unwrap().to_owned();
            let key = keys.entry(region.clone()).or_insert_with(|| TestKey::new(region));
            for counted in key.run(count, &quake).unwrap().payloads::<Counted>("counted") {
                pages.extend(key.run(swarm, &counted).unwrap().payloads::<Page>("swarm"));
            }
        }
    }
    (pages, keys)
}

#[test]
fn hualien_is_paged_two_days_before_its_main_shock() {
    let (pages, _) = week();
    let first = pages.iter().find(|page| page.region == "Hualian, Taiwan").unwrap();
    let hours_before = (HUALIEN_MAIN_SHOCK_MS - first.time) / HOUR_MS;
    assert_eq!(hours_before, 49);
    for page in &pages {
        println!("{} {} M {:?}", page.time, page.region, page.magnitude);
    }
}

#[test]
fn most_regions_are_left_in_peace() {
    let (pages, keys) = week();
    let paged: std::collections::BTreeSet<&str> = pages.iter().map(|page| page.region.as_str()).collect();
    assert_eq!((keys.len(), paged.len(), pages.len()), (412, 46, 88));
}

#[test]
fn regions_memory_stays_small() {
    let (_, keys) = week();
    for key in keys.values() {
        let recent: Recent = key.memory("recent").unwrap_or_default();
        assert!(recent.0.len() <= 3, "{key:?}");
    }
}

#[test]
fn pager_that_fails_once_is_paged_again_with_the_same_key_and_the_map_is_not() {
    let mut key = TestKey::new("Hualian, Taiwan");
    key.set_config("pager", "http://pager.example/page");
    key.set_config("map", "http://map.example/map");
    let mut tries = 0;
    key.on_request(move |request| {
        tries += usize::from(request.url().contains("pager"));
        if tries == 1 && request.url().contains("pager") { TestResponse::timeout() } else { TestResponse::json("ok") }
    });
    let swarm = json!({"region": "Hualian, Taiwan", "place": "here", "quake": "q", "time": 5, "magnitude": 6.1});

    assert!(key.run(page, &swarm).unwrap_err().is_retryable());
    let alerts = key.again(page).unwrap().outputs();

    assert_eq!(alerts, [json!({"page": swarm, "pager": "ok", "map": "ok"})]);
    let sent: Vec<(&str, Option<&str>)> =
        key.requests().iter().map(|r| (r.url(), r.header("Idempotency-Key"))).collect();
    let [(pager, first), (map, _), (again, second)] = sent[..] else { panic!("{sent:?}") };
    assert_eq!(
        (pager, map, again),
        ("http://pager.example/page", "http://map.example/map", "http://pager.example/page")
    );
    assert_eq!(first, second);
}

#[test]
fn page_without_a_pager_in_the_manifest_says_so() {
    let swarm = json!({"region": "r", "place": "p", "quake": "q", "time": 5, "magnitude": null});
    let failure = TestKey::new("r").run(page, &swarm).unwrap_err();
    assert_eq!(failure.kind(), "config");
}
