//! The naive loop does its job where nothing goes wrong, and not where something does.

use std::path::PathBuf;

use quakes_world::naive::Naive;
use quakes_world::{Faults, World, WorldSettings, due};

fn events() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../quakes.jsonl")
}

fn run(faults: Faults) -> World {
    let world = World::start(WorldSettings { seed: 1, faults, ..WorldSettings::default() }).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let naive = Naive {
        file: events(),
        pager: format!("{}/page", world.origin()),
        map: format!("{}/map", world.origin()),
        directory: directory.path().to_owned(),
    };
    naive.run().unwrap();
    world
}

#[test]
fn naive_loop_in_a_calm_world_pages_what_is_due_once() {
    let due: Vec<String> = due(&std::fs::read_to_string(events()).unwrap())
        .unwrap()
        .iter()
        .map(|page| serde_json::to_string(page).unwrap())
        .collect();
    let ledger = run(Faults::NONE).ledger();
    for endpoint in ["page", "map"] {
        let effects = ledger.effects_of(endpoint);
        assert!(effects.iter().all(|effect| effect.sent == 1));
        assert_eq!(effects.into_iter().map(|effect| effect.body).collect::<Vec<_>>(), due);
    }
}

#[test]
fn naive_loop_in_a_rough_world_sends_pages_twice_and_the_ledger_says_so() {
    let effects = run(Faults { latency_ms: 0, delay_ms_max: 0, ..Faults::ROUGH }).ledger().effects();
    assert!(effects.iter().any(|effect| effect.sent > 1));
    assert!(effects.iter().all(|effect| effect.idempotency_keys == 0));
}

#[test]
fn hualien_is_paged_two_days_before_its_main_shock() {
    let pages = due(&std::fs::read_to_string(events()).unwrap()).unwrap();
    let page = pages.iter().find(|page| page.region == "Hualian, Taiwan").unwrap();
    let main_shock_ms = 1_517_932_242_400;
    assert_eq!((main_shock_ms - page.time) / 86_400_000, 2);
}
