//! The world outside the host: it answers calls, and knows what became of them.

use crate::application::{Behaviour, FailOp};
use crate::ledger::{Asked, Effect, InvocationIndex, Ledger, Status, TaskIndex};
use crate::mistake::Mistake;
use crate::rng::{Digest, Rng};
use hashbrown::HashMap;
use weir_core::action_state::StateKey;
use weir_core::failure::Failure;
use weir_core::invocation::{Outcome, RequestOutcome};
use weir_core::json::Json;

/// What became of a task in a history with crashes; a run without crashes is given the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It completed.
    Completed,
    /// It failed for good and ended its run.
    Discarded,
    /// It failed for good and was skipped.
    Skipped,
    /// It failed for good, and its key is quarantined at the end.
    Quarantined,
}

/// What a run without crashes is told of a task.
#[derive(Clone, Debug)]
pub struct Expected {
    /// What becomes of it.
    pub fate: Fate,
    /// The release that runs it.
    pub release: usize,
    /// How its calls are answered, by position.
    pub statuses: Vec<Option<Status>>,
}

/// A history by which a run without crashes goes.
pub type Reference = HashMap<StateKey, Expected>;

/// The world outside the host.
#[derive(Debug)]
pub struct World {
    /// Chance of everything outside.
    pub rng: Rng,
    /// The time on the clock of the host that acts, milliseconds.
    pub now_ms: u64,
    /// So far that clock is ahead of the world's.
    ahead_ms: u64,
    /// The host that acts.
    host: usize,
    /// The number of times that the host started.
    pub life: u32,
    /// What was seen.
    pub ledger: Ledger,
    /// The history to go by, in a run without crashes.
    pub reference: Option<Reference>,
    /// What is planted.
    pub mistake: Option<Mistake>,
    /// Everything that was done.
    pub digest: Digest,
    /// What was done, in words, where they are wanted.
    pub story: Option<Vec<String>>,
    executions: u32,
    /// Effects on their way.
    landing: Vec<Landing>,
    /// Tasks whose failure was mended.
    mended: Vec<TaskIndex>,
    /// Tasks that were tried again by a repair.
    retried: Vec<TaskIndex>,
    reconciler_failures_left: u32,
}

/// An effect on its way.
#[derive(Clone, Copy, Debug)]
struct Landing {
    effect: usize,
    /// By when it ends, on the world's clock.
    by_ms: u64,
    /// The host that sent it.
    host: usize,
}

/// The time at which histories begin.
const START_MS: u64 = 1_000_000;

/// What a reconciler finds.
#[derive(Debug)]
pub enum Reconciled {
    /// The call took effect.
    Happened(Outcome),
    /// It did not.
    Never,
    /// It can't be told now.
    Unknown(Failure),
}

/// A call as the world sees it.
#[derive(Clone, Debug)]
pub struct Request {
    /// The task.
    pub task: TaskIndex,
    /// The call's position.
    pub position: u32,
    /// The call's id.
    pub id: String,
    /// What it asks.
    pub asked: Asked,
    /// How it is to be answered.
    pub behaviour: Behaviour,
    /// The attempt of the task.
    pub attempt: u32,
    /// By when the effect ends; for reconcilable calls.
    pub ends_at_ms: Option<u64>,
}

impl World {
    /// A world before anything happened.
    pub fn new(seed: u64, mistake: Option<Mistake>, reference: Option<Reference>) -> Self {
        Self {
            rng: Rng::new(seed, 2),
            now_ms: START_MS,
            ahead_ms: 0,
            host: 0,
            life: 0,
            ledger: Ledger::default(),
            reference,
            mistake,
            digest: Digest::default(),
            story: None,
            executions: 0,
            landing: Vec::new(),
            mended: Vec::new(),
            retried: Vec::new(),
            reconciler_failures_left: 2,
        }
    }

    /// Tells what happened, where someone listens.
    pub fn tell(&mut self, what: impl FnOnce() -> String) {
        if let Some(story) = &mut self.story {
            let what = what();
            story.push(what);
        }
    }

    /// What the reference says of a task.
    pub fn expected(&self, task: TaskIndex) -> Option<&Expected> {
        let reference = self.reference.as_ref()?;
        reference.get(&self.ledger.tasks[task].key)
    }

    /// Whether the reference says that a task fails.
    pub fn must_fail(&self, task: TaskIndex) -> bool {
        self.expected(task).is_some_and(|expected| expected.fate != Fate::Completed)
    }

    /// Whether a scripted failure comes about.
    pub fn fails(&self, task: TaskIndex, fail: &FailOp, attempt: u32) -> bool {
        self.reference.is_none()
            && attempt <= fail.attempts
            && self.life < fail.heals_in_life
            && !self.mended.contains(&task)
            // A task that is tried again from its first attempt gets at least as far as before.
            && (fail.attempts == u32::MAX || !self.retried.contains(&task))
    }

    /// Whether a guest traps in an open call.
    pub fn traps(&self, task: TaskIndex) -> bool {
        self.reference.is_none() && self.life < 3 && !self.mended.contains(&task)
    }

    /// A task is tried again from its first attempt.
    pub fn retry(&mut self, task: TaskIndex) {
        self.retried.push(task);
    }

    /// What makes a task fail is mended.
    pub fn mend(&mut self, task: TaskIndex) {
        self.mended.push(task);
    }

    /// How a call is answered.
    pub fn decide(&mut self, task: TaskIndex, position: u32, behaviour: Behaviour, attempt: u32) -> Status {
        if self.reference.is_some() {
            let known = self.expected(task).and_then(|expected| *expected.statuses.get(position as usize)?);
            return known.unwrap_or(Status::Succeeded);
        }
        match behaviour {
            Behaviour::Succeeds | Behaviour::GuestTraps => Status::Succeeded,
            Behaviour::FailsInAttempts(attempts) if attempt <= attempts => Status::Retryable,
            Behaviour::FailsInAttempts(_) => Status::Succeeded,
            Behaviour::Flaky if self.rng.percent(50) => Status::Retryable,
            Behaviour::Flaky => Status::Succeeded,
            Behaviour::Fails => Status::Failed,
            Behaviour::TooLarge => Status::TooLarge,
        }
    }

    /// A number that no other execution has.
    pub fn next_execution(&mut self) -> u32 {
        self.executions += 1;
        self.executions
    }

    /// A request leaves the host.
    pub fn send(&mut self, request: Request) -> usize {
        let status = self.decide(request.task, request.position, request.behaviour, request.attempt);
        let execution = self.next_execution();
        let reconcilable = request.ends_at_ms.is_some();
        let Request { task, position, id, asked, .. } = request;
        self.tell(|| format!("    effect {execution}: call {position} {id:.6} {asked:?} -> {status:?}"));
        self.digest.number(u64::from(asked.nonce) << 32 | u64::from(execution));
        let effect =
            Effect { task, position, id, asked, reconcilable, status, execution, landed: false, after_drop: false };
        let index = self.ledger.on_effect(effect);
        match request.ends_at_ms {
            Some(by_ms) if self.rng.percent(50) => {
                let by_ms = by_ms - self.ahead_ms;
                self.landing.push(Landing { effect: index, by_ms, host: self.host });
            }
            _ => self.ledger.on_landed(index),
        }
        index
    }

    /// The answer to a request arrives.
    pub fn answer(&mut self, index: usize) -> (Status, Outcome) {
        if let Some(at) = self.landing.iter().position(|landing| landing.effect == index) {
            self.landing.swap_remove(at);
            self.ledger.on_landed(index);
        }
        let effect = &self.ledger.effects[index];
        (effect.status, outcome(effect.asked, effect.status, effect.execution))
    }

    /// The host that acts is gone; of what is on its way, some arrives later, some never.
    pub fn on_crash(&mut self) {
        let (rng, host) = (&mut self.rng, self.host);
        self.landing.retain(|landing| landing.host != host || rng.percent(60));
    }

    /// Another host acts, whose clock is so far ahead.
    pub fn look_from(&mut self, host: usize, ahead_ms: u64) {
        self.now_ms = self.true_ms() + ahead_ms;
        (self.host, self.ahead_ms) = (host, ahead_ms);
    }

    /// The time on the world's clock.
    pub fn true_ms(&self) -> u64 {
        self.now_ms - self.ahead_ms
    }

    /// Time passes.
    pub fn pass(&mut self, until_ms: u64) {
        self.now_ms = self.now_ms.max(until_ms);
        if self.landing.is_empty() {
            return;
        }
        let true_ms = self.true_ms();
        let landed: Vec<_> = self.landing.extract_if(.., |landing| landing.by_ms <= true_ms).collect();
        for landing in landed {
            self.ledger.on_landed(landing.effect);
        }
    }

    /// A reconciler asks what became of a call.
    pub fn reconcile(&mut self, id: &str) -> Reconciled {
        if self.reference.is_none() && self.reconciler_failures_left > 0 && self.rng.percent(10) {
            self.reconciler_failures_left -= 1;
            return Reconciled::Unknown(Failure::retryable("unreachable", "ask again"));
        }
        let found = self.ledger.effects.iter().rev().find(|effect| effect.landed && effect.id == id);
        match found {
            Some(effect) => Reconciled::Happened(outcome(effect.asked, effect.status, effect.execution)),
            None => Reconciled::Never,
        }
    }
}

/// The outcome of a call: it tells what it is the outcome of.
pub fn outcome(asked: Asked, status: Status, execution: u32) -> Outcome {
    let Asked { function, det, nonce } = asked;
    match status {
        Status::Succeeded => {
            Ok(Json::from_checked(format!("{{\"f\":{function},\"d\":{det},\"n\":{nonce},\"x\":{execution}}}")))
        }
        Status::Retryable => Err(Failure::retryable("busy", "later")),
        Status::Failed => Err(Failure::fatal("refused", "no")),
        Status::TooLarge => Ok(Json::from_checked(format!("\"{}\"", "z".repeat(200)))),
    }
}

/// The outcome of a request that is a call of its own.
pub fn response(status: Status, outcome: Outcome, execution: usize) -> RequestOutcome {
    let with_status = |code: u32| Ok(Json::from_checked(format!("{{\"status\":{code}}}")));
    let (outcome, counts_as_retryable) = match status {
        Status::Retryable if execution.is_multiple_of(2) => (with_status(503), true),
        Status::Retryable => (outcome, true),
        Status::Failed => (with_status(404), false),
        Status::Succeeded | Status::TooLarge => (outcome, false),
    };
    RequestOutcome { outcome, counts_as_retryable, left_host: true }
}

/// An invocation's index and task.
#[derive(Clone, Copy, Debug)]
pub struct Running {
    /// The task.
    pub task: TaskIndex,
    /// The invocation.
    pub invocation: InvocationIndex,
}
