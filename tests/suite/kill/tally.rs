//! Many small runs without effects: nothing but memory, records and outputs.

use quakes_world::Faults;
use serde_json::{Value, json};
use weir_tests::torture::{Plan, Scene, kills_wanted};
use weir_tests::{Manifest, Output, Project, Random, assert_same_by_key, guests};

const EVENTS: u64 = 30_000;
const KEYS: u64 = 40;
const KILLS_PER_ROUND: usize = 10;
const PLAN: Plan = Plan { requests_max: 0, clock_ms_max: 400 };

fn events() -> Vec<Value> {
    (0..EVENTS).map(|n| json!({"key": format!("key_{}", n * 7 % KEYS), "n": n})).collect()
}

fn manifest(interval_ms: u64) -> Manifest {
    Manifest::new(&guests::tally()).checkpoints_every_ms(interval_ms)
}

fn undisturbed(events: &[Value]) -> Output {
    let project = Project::with_events(&manifest(1000), events);
    project.run().expect(0);
    project.output()
}

// [S1] [S3] [S4] [S8] [S18] [S20] [S22] [S24] [S25] [S30] [S35] [P7] [P8] [P9] [P17] [D8]
#[test]
fn counts_are_exact_through_kills() {
    let mut random = Random::new("counts");
    let events = events();
    let expected = undisturbed(&events);
    assert_eq!(expected.lines.len() as u64, EVENTS);
    let scene = Scene::new(0, Faults::NONE);
    let mut kills = 0;
    while kills < kills_wanted() {
        let project = Project::with_events(&manifest(*random.pick(&[1, 10, 100, 1000])), &events);
        for _ in 0..KILLS_PER_ROUND.min(kills_wanted() - kills) {
            let shards = format!("host.shards={}", random.below(3) + 1);
            let Some(_) = scene.run_and_kill(project.start_with(&["--set", &shards]), PLAN, &mut random) else { break };
            kills += 1;
        }
        project.run().expect(0);
        assert_same_by_key(&project.output().by_key(), &expected.by_key());
        assert!(weir_tests::control::states(&project).is_empty(), "no record is left of runs that ended");
    }
}
