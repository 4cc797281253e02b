//! The example, posted event by event.

use super::quakes::{check_all_told, manifest, region_of, undisturbed, week};
use quakes_world::Faults;
use serde_json::Value;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use weir_tests::post::post_until_taken;
use weir_tests::torture::{Plan, Recorded, Scene, check_effects, kills_wanted};
use weir_tests::{Project, Random, assert_same_by_key, control, wait_until};

const KILLS_PER_ROUND: usize = 10;
const PLAN: Plan = Plan { requests_max: 40, clock_ms_max: 600 };
/// Posters at once; each has some of the regions, so that order holds for each of them.
const POSTERS: usize = 4;

type Address = Arc<Mutex<String>>;

/// Posts the week, each event until it is taken.
fn start_posting(address: &Address) -> Vec<JoinHandle<u64>> {
    let poster = |poster: usize| {
        let address = Arc::clone(address);
        std::thread::spawn(move || {
            let mut posted = 0;
            for (number, line) in week().lines().enumerate() {
                let region = region_of(line);
                if region.bytes().map(usize::from).sum::<usize>() % POSTERS == poster {
                    let origin = || address.lock().expect("no holder panics").clone();
                    post_until_taken(origin, &region, &format!("quake-{number}"), line);
                    posted += 1;
                }
            }
            posted
        })
    };
    (0..POSTERS).map(poster).collect()
}

// [S1] [S6] [S13] [S18] [S25] [S33] [S36] [P9]
#[test]
fn quakes_posted_to_a_host_take_effect_once_through_kills() {
    let mut random = Random::new("quakes by post");
    let expected = undisturbed();
    let events = week().lines().count() as u64;
    let mut kills = 0;
    while kills < kills_wanted() {
        let scene = Scene::new(random.number(), Faults::ROUGH);
        let interval = *random.pick(&[20, 300]);
        let listening = manifest(&scene.world.origin())
            .source("listen = \"127.0.0.1:0\"\nkind = \"type\"\ntimestamp = \"time\"")
            .checkpoints_every_ms(interval);
        let project = Project::new(&listening);
        let address = Address::default();
        let posters = start_posting(&address);
        let mut recorded = Recorded::default();
        for _ in 0..KILLS_PER_ROUND.min(kills_wanted() - kills) {
            let mut weir = project.start();
            *address.lock().expect("no holder panics") = weir.origin();
            // It runs until it is stopped, so it is killed in any case; how far the posters came shows in the end.
            let killed = scene.run_and_kill(weir, Plan { requests_max: 0, ..PLAN }, &mut random);
            assert!(killed.is_some());
            kills += 1;
            if random.below(2) == 0 {
                recorded.look(&project, &scene.ledger(), region_of);
            }
        }
        let mut weir = project.start();
        *address.lock().expect("no holder panics") = weir.origin();
        let taken: u64 = posters.into_iter().map(|poster| poster.join().expect("no poster panics")).sum();
        assert_eq!(taken, events);
        wait_until("all that was answered 202 is run", || control::runs_finished(&project) >= events);
        weir.stop().expect(0);
        assert_eq!(control::runs_finished(&project), events, "each event was run once");
        assert_same_by_key(&project.output().by_key_without_ids(), &expected.by_key_without_ids());
        check_effects(&scene.ledger());
        check_all_told(&scene);
        recorded.check(&scene.ledger());
    }
}

// The test above rests on it: an event that a poster repeats with its key counts once.
#[test]
fn region_of_a_line_is_that_of_its_page() {
    let line: Value = serde_json::from_str(week().lines().next().expect("there are events")).expect("JSON");
    assert_eq!(line["region"], region_of(&line.to_string()));
}
