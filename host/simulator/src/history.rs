//! One history: made from a seed, run, checked.

use crate::check::check;
use crate::machine::Machine;
use crate::mistake::Mistake;
use crate::rng::Digest;
use crate::scenario::{Deploy, Scenario};
use crate::shrink::smaller;
use std::cell::RefCell;
use std::fmt;
use std::ops::Range;
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

/// A history before it happens.
pub trait History: Clone + fmt::Display {
    /// What can be planted.
    type Mistake: Copy + fmt::Display + Send + Sync + 'static;

    /// All that can be planted.
    const MISTAKES: &'static [Self::Mistake];

    /// The history of a seed.
    fn generate(seed: u64) -> Self;

    /// Runs it.
    fn run(self, mistake: Option<Self::Mistake>) -> Outcome;

    /// Runs it, and tells what happened, step by step.
    fn story(self, mistake: Option<Self::Mistake>) -> (Outcome, Vec<String>);

    /// How much happens: what shrinking makes smaller.
    fn size(&self) -> usize;

    /// Histories a little smaller than this one, those that take away most first.
    fn smaller(&self) -> Vec<Self>;
}

/// The first seed of some whose history is wrong.
pub fn first_violation<H: History>(seeds: Range<u64>, mistake: Option<H::Mistake>) -> Option<(u64, Outcome)> {
    let outcomes = seeds.map(|seed| (seed, H::generate(seed).run(mistake)));
    outcomes.into_iter().find(|(_, outcome)| outcome.violation.is_some())
}

impl History for Scenario {
    type Mistake = Mistake;

    const MISTAKES: &'static [Mistake] = &Mistake::ALL;

    fn generate(seed: u64) -> Self {
        Self::generate(seed)
    }

    fn run(self, mistake: Option<Mistake>) -> Outcome {
        run_machine(&mut Machine::new(self, mistake))
    }

    fn story(self, mistake: Option<Mistake>) -> (Outcome, Vec<String>) {
        let mut machine = Machine::new(self, mistake);
        machine.world.story = Some(Vec::new());
        let outcome = run_machine(&mut machine);
        (outcome, machine.world.story.take().unwrap_or_default())
    }

    fn size(&self) -> usize {
        let scripts: usize =
            self.releases.iter().flat_map(|release| &release.actions).map(|action| 1 + action.script.len()).sum();
        let waits: u32 = self.crashes.iter().map(|crash| crash.after).sum();
        100 * self.events.len()
            + 100 * self.crashes.len()
            + 50 * usize::from(self.deploy != Deploy::None)
            + 10 * scripts
            + 50 * usize::from(self.stdin)
            + 50 * usize::from(self.sync_fails_at.is_some())
            + waits as usize
    }

    fn smaller(&self) -> Vec<Self> {
        smaller(self)
    }
}

fn run_machine(machine: &mut Machine) -> Outcome {
    let panicked = catch_panic(|| {
        machine.run();
        if machine.world.ledger.violation.is_none()
            && let Err(violation) = check(machine)
        {
            machine.world.ledger.violate(|| violation);
        }
    });
    let violation = panicked.or(machine.world.ledger.violation.clone());
    Outcome { digest: machine.world.digest, steps: machine.steps(), violation }
}

/// Runs a history; a panic in it is a finding, and is not printed.
pub(crate) fn catch_panic(run: impl FnOnce()) -> Option<String> {
    quiet_panics();
    RUNNING.with_borrow_mut(|message| *message = Some(String::new()));
    let ran = catch_unwind(AssertUnwindSafe(run));
    let message = RUNNING.with_borrow_mut(Option::take).unwrap_or_default();
    ran.is_err().then(|| format!("panic: {message}"))
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
