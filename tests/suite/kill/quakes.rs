//! The example, from its file.

use quakes_world::Faults;
use serde_json::Value;
use std::collections::BTreeSet;
use weir_tests::torture::{Plan, Recorded, Scene, check_effects, kills_wanted};
use weir_tests::{Manifest, Output, Project, Random, assert_same_by_key, guests};

const KILLS_PER_ROUND: usize = 10;
/// Up to 40 requests, of some 200 in all, or up to half a second, of some three.
const PLAN: Plan = Plan { requests_max: 40, clock_ms_max: 500 };

/// The example's manifest, with another world.
pub fn manifest(origin: &str) -> Manifest {
    Manifest::new(&guests::quakes())
        .source("file = \"in.jsonl\"\nkey = \"region\"\nkind = \"type\"\ntimestamp = \"time\"")
        .granting(origin)
        .component(&format!("config.pager = \"{origin}/page\"\nconfig.map = \"{origin}/map\""))
        .with("[action.page]\nretry = { attempts = 30, backoff_ms = 10, backoff_ms_max = 100 }")
}

/// The real week.
pub fn week() -> String {
    let path = weir_tests::files::root().join("examples/quakes/quakes.jsonl");
    std::fs::read_to_string(path).expect("read the example's events")
}

/// What a run that nobody disturbs gives.
pub fn undisturbed() -> Output {
    let scene = Scene::new(0, Faults::NONE);
    let project = Project::new(&manifest(&scene.world.origin()));
    project.write("in.jsonl", week());
    project.run().expect(0);
    project.output()
}

/// The region that a page is about.
pub fn region_of(body: &str) -> String {
    let body: Value = serde_json::from_str(body).expect("a page is JSON");
    body["region"].as_str().expect("a page names its region").to_owned()
}

/// Each page and each pin that is due, and no other.
pub fn check_all_told(scene: &Scene) {
    let due = quakes_world::due(&week()).expect("the events are quakes");
    let due: BTreeSet<String> = due.into_iter().map(|page| page.quake).collect();
    for endpoint in ["page", "map"] {
        let told = scene.ledger().effects_of(endpoint).into_iter().map(|effect| {
            let body: Value = serde_json::from_str(&effect.body).expect("a page is JSON");
            body["quake"].as_str().expect("a page names its quake").to_owned()
        });
        assert_eq!(told.collect::<BTreeSet<_>>(), due, "{endpoint}");
    }
}

// [S1] [S4] [S6] [S7] [S13] [S18] [S21] [S25] [S33] [S35] [S36] [P9] [P12] [D7] [D8] [D10]
#[test]
fn quakes_from_a_file_take_effect_once_through_kills() {
    let mut random = Random::new("quakes from a file");
    let expected = undisturbed();
    let mut kills = 0;
    let mut recorded_before = 0;
    while kills < kills_wanted() {
        let scene = Scene::new(random.number(), Faults::ROUGH);
        let interval = *random.pick(&[5, 50, 1000]);
        let project = Project::new(&manifest(&scene.world.origin()).checkpoints_every_ms(interval));
        project.write("in.jsonl", week());
        let mut recorded = Recorded::default();
        for _ in 0..KILLS_PER_ROUND.min(kills_wanted() - kills) {
            if scene.run_and_kill(project.start(), PLAN, &mut random).is_none() {
                break;
            }
            kills += 1;
            if random.below(2) == 0 {
                recorded.look(&project, &scene.ledger(), region_of);
            }
        }
        project.run().expect(0);
        assert_same_by_key(&project.output().by_key(), &expected.by_key());
        check_effects(&scene.ledger());
        check_all_told(&scene);
        recorded_before += recorded.check(&scene.ledger());
    }
    println!("{kills} kills; {recorded_before} times an outcome stood in the store of a killed host");
}
