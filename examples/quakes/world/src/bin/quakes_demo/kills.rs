use std::collections::HashSet;
use std::process::Child;
use std::sync::{Arc, Mutex, MutexGuard};

use quakes_world::{Interruption, Moment, OnArrival, Request};

/// The process under test, shared with the world, which kills it.
#[derive(Clone, Default)]
pub struct Victim(Arc<Mutex<Option<Child>>>);

/// A kill that took place.
#[derive(Clone, Debug)]
pub struct Kill {
    pub request: u64,
    pub endpoint: String,
    pub moment: Moment,
}

/// The kills of one course so far.
pub type Kills = Arc<Mutex<Vec<Kill>>>;

/// The moments take turns; the nastiest, between effect and answer, comes most often.
const MOMENTS: [Moment; 5] =
    [Moment::BeforeAnswer, Moment::BeforeEffect, Moment::AfterAnswer, Moment::BeforeAnswer, Moment::AfterAnswer];

impl Victim {
    pub fn lock(&self) -> MutexGuard<'_, Option<Child>> {
        self.0.lock().expect("no holder of the victim panics")
    }

    fn is_alive(&self) -> bool {
        self.lock().as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    /// SIGKILL; returns when the process is gone, so that nothing of it runs on while the world answers.
    pub fn kill(&self) {
        if let Some(child) = self.lock().as_mut() {
            // An error means that it has ended by itself; whoever waits for it sees that.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Kills the victims `count` times, in turns, spread over a run that is to make `effects_due` effects:
/// at the first request for an effect not seen before, each time another such part of them has been seen.
/// Progress and not the clock decides, so each kill hits amid the work however fast the machine is.
pub fn plan(victims: Vec<Victim>, kills: Kills, count: usize, effects_due: usize) -> OnArrival {
    let mut seen = HashSet::new();
    let mut done = 0;
    Box::new(move |request: &Request| {
        let is_new = seen.insert((request.endpoint.clone(), request.body_digest.clone()));
        let is_reached = seen.len() * (count + 1) >= effects_due * (done + 1);
        let victim = &victims[done % victims.len()];
        // What a killed process had sent may arrive after its death; then the next one is awaited.
        if done == count || !is_new || !is_reached || !victim.is_alive() {
            return None;
        }
        let moment = MOMENTS[done % MOMENTS.len()];
        done += 1;
        let kill = Kill { request: request.number, endpoint: request.endpoint.clone(), moment };
        let (victim, kills) = (victim.clone(), Arc::clone(&kills));
        let act = move || {
            victim.kill();
            kills.lock().expect("no holder of the kills panics").push(kill);
        };
        Some(Interruption { moment, act: Box::new(act) })
    })
}

/// In words, for the one who watches.
pub fn describe(moment: Moment) -> &'static str {
    match moment {
        Moment::BeforeEffect => "on its way",
        Moment::BeforeAnswer => "done, not yet answered",
        Moment::AfterAnswer => "just answered",
    }
}
