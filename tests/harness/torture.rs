//! Killing a host with -9 at random moments: of the world's choice, and of the clock's.

use crate::process::{Ended, Weir};
use crate::project::Project;
use crate::random::Random;
use crate::wait::PATIENCE;
use quakes_world::{Faults, Interruption, Ledger, Moment, OnArrival, World, WorldSettings};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

const MOMENTS: [Moment; 3] = [Moment::BeforeEffect, Moment::BeforeAnswer, Moment::AfterAnswer];
const POLL: Duration = Duration::from_millis(1);

/// How many kills a test is to survive: `WEIR_KILLS`, or 10.
pub fn kills_wanted() -> usize {
    std::env::var("WEIR_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(10)
}

/// The process under test, shared with the world, which kills it.
#[derive(Clone, Default)]
pub struct Victim(Arc<Mutex<Option<Weir>>>);

impl Victim {
    fn lock(&self) -> MutexGuard<'_, Option<Weir>> {
        self.0.lock().expect("no holder of the victim panics")
    }

    fn is_alive(&self) -> bool {
        self.lock().as_mut().is_some_and(|weir| !weir.has_ended())
    }

    fn kill(&self) {
        if let Some(weir) = self.lock().as_mut() {
            weir.kill_in_place();
        }
    }

    /// Looks at the process, if there is one.
    pub fn with<T>(&self, look: impl FnOnce(&mut Weir) -> T) -> Option<T> {
        self.lock().as_mut().map(look)
    }
}

/// When the world kills: at the request after so many others, at this moment of it.
type Trigger = Arc<Mutex<Option<(u64, Moment)>>>;

/// A world outside, whose requests can kill the victim.
pub struct Scene {
    /// The world.
    pub world: World,
    /// The process under test.
    pub victim: Victim,
    trigger: Trigger,
}

/// How a process is to be killed.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// So that the world sees between 1 and this many requests first, or never.
    pub requests_max: u64,
    /// Or after up to so many milliseconds.
    pub clock_ms_max: u64,
}

impl Scene {
    /// A world with these faults.
    pub fn new(seed: u64, faults: Faults) -> Self {
        Self::with_faults_of(seed, faults, &[])
    }

    /// A world with these faults, and others for some endpoints.
    pub fn with_faults_of(seed: u64, faults: Faults, of: &[(&str, Faults)]) -> Self {
        let faults_of = of.iter().map(|(name, faults)| ((*name).to_owned(), *faults)).collect();
        let (victim, trigger) = (Victim::default(), Trigger::default());
        let on_arrival = Some(killer(victim.clone(), Arc::clone(&trigger)));
        let world = World::start(WorldSettings { seed, faults, faults_of, on_arrival, ..WorldSettings::default() });
        Self { world: world.expect("start a world"), victim, trigger }
    }

    /// Starts a host and kills it as chance wants; none if it came to its end before.
    pub fn run_and_kill(&self, weir: Weir, plan: Plan, random: &mut Random) -> Option<Ended> {
        let mut deadline = None;
        // The number is drawn in any case, so that a seed gives the same kills whatever became of the last.
        let (requests, moment) = (random.below(plan.requests_max), *random.pick(&MOMENTS));
        let clock_ms = random.below(plan.clock_ms_max);
        if plan.requests_max > 0 && random.below(2) == 0 {
            self.arm(Some((requests, moment)));
        } else {
            deadline = Some(Instant::now() + Duration::from_millis(clock_ms));
        }
        *self.victim.lock() = Some(weir);
        let began = Instant::now();
        while self.victim.is_alive() {
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                self.victim.kill();
                self.world.note_kill();
            }
            assert!(began.elapsed() < PATIENCE, "it hangs; it says:\n{}", self.said());
            std::thread::sleep(POLL);
        }
        self.arm(None);
        let ended = self.victim.lock().take().expect("it was just put there").wait();
        if ended.was_killed() {
            Some(ended)
        } else {
            drop(ended.expect(0));
            None
        }
    }

    /// What reached the world.
    pub fn ledger(&self) -> Ledger {
        self.world.ledger()
    }

    fn arm(&self, kill: Option<(u64, Moment)>) {
        *self.trigger.lock().expect("no holder of the trigger panics") = kill;
    }

    fn said(&self) -> String {
        self.victim.with(|weir| weir.stderr()).unwrap_or_default()
    }
}

fn killer(victim: Victim, trigger: Trigger) -> OnArrival {
    Box::new(move |_| {
        let mut trigger = trigger.lock().expect("no holder of the trigger panics");
        let (left, moment) = (*trigger)?;
        // What a killed process had sent may arrive after its death.
        if !victim.is_alive() {
            return None;
        }
        *trigger = (left > 0).then_some((left.saturating_sub(1), moment));
        let victim = victim.clone();
        (left == 0).then(|| Interruption { moment, act: Box::new(move || victim.kill()) })
    })
}

/// Checks what holds for every effect: each took place once, under one idempotency key, and was asked for again
/// only after a kill, or after an answer that was no outcome.
pub fn check_effects(ledger: &Ledger) {
    for effect in ledger.effects() {
        let all = (effect.sent, effect.idempotency_keys, effect.requests_without_key);
        assert_eq!(all, (1, 1, 0), "took place, keys, requests without: {effect:?}");
    }
    let mut outcomes = std::collections::HashMap::new();
    for request in &ledger.requests {
        let name = (&request.endpoint, &request.body_digest);
        if let Some(kills) = outcomes.get(&name) {
            assert_ne!(*kills, request.kills_before, "asked again in the life that had the answer: {request:?}");
        }
        if request.answered && request.outcome != quakes_world::Outcome::Refused {
            outcomes.insert(name, request.kills_before);
        }
    }
}

/// Effects whose outcome the store of a stopped host has recorded, and how many requests came before that was seen.
#[derive(Debug, Default)]
pub struct Recorded(Vec<(usize, String, String)>);

impl Recorded {
    /// Looks into the store. `body_key` finds the key of the run that an effect belongs to in its body.
    pub fn look(&mut self, project: &Project, ledger: &Ledger, body_key: impl Fn(&str) -> String) {
        if !project.path(".weir/stamp.json").exists() {
            // The host was killed before it had made its store.
            return;
        }
        let mut newest = std::collections::BTreeMap::new();
        for state in crate::control::states(project) {
            let name = state["state"].as_str().expect("a state has a name").to_owned();
            let parts: Vec<&str> = name.rsplitn(4, '_').collect();
            let number: u64 = parts[2].parse().expect("a sequence number");
            newest.entry(parts[3].to_owned()).or_insert_with(Vec::new).push((number, state));
        }
        for (key, states) in newest {
            let last = states.iter().map(|(number, _)| *number).max().expect("there is one");
            for (_, state) in states.iter().filter(|(number, _)| *number == last) {
                for endpoint in recorded_endpoints(state) {
                    let of_key = |request: &&quakes_world::Request| {
                        request.endpoint == endpoint && body_key(&request.body) == key
                    };
                    // Runs of a key follow each other, so the newest run's effect is the last that was asked for.
                    let asked = ledger.requests.iter().rev().find(of_key);
                    let asked = asked.unwrap_or_else(|| panic!("recorded and never asked for: {key} {state}"));
                    self.0.push((ledger.requests.len(), endpoint, asked.body_digest.clone()));
                }
            }
        }
    }

    /// Checks that none of them was asked for again; how many there were.
    pub fn check(&self, ledger: &Ledger) -> usize {
        for (requests, endpoint, digest) in &self.0 {
            let again = ledger.requests[*requests..]
                .iter()
                .find(|request| request.endpoint == *endpoint && request.body_digest == *digest);
            assert_eq!(again, None, "its outcome was recorded before request {requests}");
        }
        self.0.len()
    }
}

/// The endpoints of the calls by HTTP that a state has outcomes of.
fn recorded_endpoints(state: &serde_json::Value) -> Vec<String> {
    let calls = state["calls"].as_array().expect("a list of calls");
    let recorded = calls.iter().filter(|call| call["status"] == "succeeded");
    let names = recorded.filter_map(|call| call["function_id"].as_str());
    names.filter(|name| name.contains("http://")).filter_map(|name| Some(name.rsplit('/').next()?.to_owned())).collect()
}
