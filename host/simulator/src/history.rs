//! One history: made from a seed, run, checked.

use crate::check::check;
use crate::machine::Machine;
use crate::mistake::Mistake;
use crate::rng::Digest;
use crate::scenario::Scenario;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

/// What a history came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Everything that it did, as a digest.
    pub digest: Digest,
    /// Steps that it took.
    pub steps: u32,
    /// What was wrong, if something was.
    pub violation: Option<String>,
}

/// Seeds in their order, with what is planted.
#[derive(Clone, Copy, Debug)]
pub struct Search {
    /// The first seed.
    pub from: u64,
    /// How many.
    pub seeds: u64,
    /// What is planted.
    pub mistake: Option<Mistake>,
}

impl Search {
    /// The first seed whose history is wrong.
    pub fn first_violation(&self) -> Option<(u64, Outcome)> {
        let outcomes = (self.from..self.from + self.seeds).map(|seed| (seed, run(seed, self.mistake)));
        outcomes.into_iter().find(|(_, outcome)| outcome.violation.is_some())
    }
}

/// Runs the history of a seed.
pub fn run(seed: u64, mistake: Option<Mistake>) -> Outcome {
    run_scenario(Scenario::generate(seed), mistake)
}

/// Runs a history.
pub fn run_scenario(scenario: Scenario, mistake: Option<Mistake>) -> Outcome {
    run_machine(&mut Machine::new(scenario, mistake))
}

/// Runs a history, and tells what happened, step by step.
pub fn story(scenario: Scenario, mistake: Option<Mistake>) -> (Outcome, Vec<String>) {
    let mut machine = Machine::new(scenario, mistake);
    machine.world.story = Some(Vec::new());
    let outcome = run_machine(&mut machine);
    (outcome, machine.world.story.take().unwrap_or_default())
}

fn run_machine(machine: &mut Machine) -> Outcome {
    quiet_panics();
    RUNNING.with_borrow_mut(|message| *message = Some(String::new()));
    let run = catch_unwind(AssertUnwindSafe(|| {
        machine.run();
        if machine.world.ledger.violation.is_none()
            && let Err(violation) = check(machine)
        {
            machine.world.ledger.violate(|| violation);
        }
    }));
    let message = RUNNING.with_borrow_mut(Option::take).unwrap_or_default();
    let violation = match run {
        Ok(()) => machine.world.ledger.violation.clone(),
        Err(_) => Some(format!("panic: {message}")),
    };
    Outcome { digest: machine.world.digest, steps: machine.steps(), violation }
}

thread_local! {
    /// While a history runs, the message of its panic.
    static RUNNING: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// A panic in a history is a finding, not something to print.
fn quiet_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let in_history = RUNNING.with_borrow_mut(|message| match message {
                Some(message) => {
                    *message = info.to_string();
                    true
                }
                None => false,
            });
            if !in_history {
                before(info);
            }
        }));
    });
}
