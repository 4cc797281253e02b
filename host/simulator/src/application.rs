//! Applications made from a seed: actions whose scripts are interpreted step by step.

use crate::rng::Rng;
use std::fmt;
use std::sync::Arc;
use weir_core::event::ActionName;
use weir_core::invocation::{CallMode, OnDivergence};
use weir_core::limits::InvocationLimits;
use weir_core::memory::Scope;
use weir_core::plan::{ActionPolicy, OnFailure, Plan, PlannedAction, RetryPolicy};

/// Bytes of one value: an outcome of more is a failure of kind `limit`.
pub const VALUE_BYTES_MAX: usize = 160;

/// Attempts of one task, the first included.
const ATTEMPTS: u32 = 3;

/// A plan and the scripts of its actions: one release of the application.
#[derive(Clone)]
pub struct Application {
    /// Its actions, in declared order.
    pub actions: Vec<Action>,
    /// The plan of them.
    pub plan: Arc<Plan>,
}

/// One action.
#[derive(Clone, Debug)]
pub struct Action {
    /// Its name.
    pub name: ActionName,
    /// The kind of event that it listens to.
    pub kind: &'static str,
    /// What it does.
    pub script: Arc<Vec<Op>>,
    /// What happens when it fails for good.
    pub on_failure: OnFailure,
    /// What happens when its calls differ from the recorded ones.
    pub on_divergence: OnDivergence,
}

/// One step of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// Reads the clock.
    Clock,
    /// Draws a number.
    Random,
    /// Reads a value or an object.
    Read(Scope, &'static str),
    /// Sets a leaf to what was read so far.
    Set(Scope, &'static str),
    /// Removes a value or an object.
    Remove(Scope, &'static str),
    /// Makes an object.
    NewObject(Scope, &'static str),
    /// Durable calls that are open together.
    Calls(Group),
    /// Emits an event.
    Emit(&'static str),
    /// Fails.
    Fail(FailOp),
}

/// A failure of the action itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FailOp {
    /// How.
    pub how: HowFailed,
    /// It fails in so many attempts.
    pub attempts: u32,
    /// It does not fail in this life of the host and later ones.
    pub heals_in_life: u32,
}

/// How an action fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HowFailed {
    /// It says that it may pass.
    Retryable,
    /// It says that it will not.
    Fatal,
    /// It traps.
    Trap,
    /// It takes too long.
    Timeout,
}

/// Durable calls that are begun before the first of them is completed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// How they are made.
    pub how: How,
    /// The calls.
    pub calls: Vec<CallSpec>,
    /// What the guest does when one fails.
    pub then: Then,
}

/// How calls are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// Computed in place, no request.
    InPlace,
    /// Around a request.
    Open(CallMode),
    /// Each request is a call of its own.
    Http,
}

/// What a guest does when a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// Fails with it.
    Propagate,
    /// Goes on, with another call instead.
    Catch,
    /// Makes the failed calls again, so many times, then goes on.
    Again(u32),
}

/// One call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallSpec {
    /// The function.
    pub function: u8,
    /// How the world answers.
    pub behaviour: Behaviour,
}

/// How the world answers a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// With a result.
    Succeeds,
    /// With a retryable failure in the first attempts.
    FailsInAttempts(u32),
    /// With a retryable failure in some executions.
    Flaky,
    /// With a failure.
    Fails,
    /// With more bytes than a value may have.
    TooLarge,
    /// The guest traps before it completes the call.
    GuestTraps,
}

/// Paths that hold values.
const LEAVES: [&str; 4] = ["n", "a.x", "a.y", "b.c.z"];
/// Paths that are removed or made as objects.
const OBJECTS: [&str; 3] = ["a", "b.c", "e"];

impl fmt::Debug for Application {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Action { name, kind, script, on_failure, on_divergence } in &self.actions {
            write!(f, "\n  {name} listens to {kind}, {on_failure:?}, on divergence {on_divergence:?}")?;
            for op in script.iter() {
                write!(f, "\n    {op:?}")?;
            }
        }
        Ok(())
    }
}

impl Application {
    /// An application of one to four actions.
    pub fn generate(rng: &mut Rng) -> Self {
        let mut actions = vec![Action::generate(rng, "first", "input", &["k1", "k1", "k2"])];
        if rng.percent(25) {
            actions.push(Action::generate(rng, "also", "input", &["k2"]));
        }
        if rng.percent(70) {
            actions.push(Action::generate(rng, "second", "k1", &["k2"]));
        }
        if rng.percent(60) {
            actions.push(Action::generate(rng, "third", "k2", &[]));
        }
        Self::of(actions)
    }

    /// The application of these actions.
    pub fn of(actions: Vec<Action>) -> Self {
        let plan = Arc::new(Plan::new(actions.iter().map(Action::planned).collect()).expect("names differ"));
        Self { actions, plan }
    }

    /// Another release, with calls that differ.
    pub fn with_other_calls(&self, rng: &mut Rng) -> Self {
        let mut actions = self.actions.clone();
        for action in &mut actions {
            if rng.percent(70) {
                let mut script = Vec::clone(&action.script);
                change_calls(&mut script, rng);
                action.script = Arc::new(script);
            }
        }
        Self::of(actions)
    }

    /// Another release, with actions that come and go.
    pub fn with_other_plan(&self, rng: &mut Rng) -> Self {
        let mut actions = self.actions.clone();
        if actions.len() > 1 && rng.percent(50) {
            actions.remove(1 + rng.below(actions.len() - 1));
        }
        if rng.percent(60) {
            let kind = *rng.pick(&["k1", "k1", "k2", "input"]);
            actions.insert(rng.below(actions.len() + 1), Action::generate(rng, "other", kind, &[]));
        }
        Self::of(actions)
    }

    /// Whether an action that makes requests emits what another listens to that makes some too.
    pub fn has_chained_effects(&self) -> bool {
        let makes_requests = |action: &Action| {
            action.script.iter().any(|op| matches!(op, Op::Calls(group) if group.how != How::InPlace))
        };
        let emits = |action: &Action, kind| action.script.contains(&Op::Emit(kind));
        self.actions
            .iter()
            .filter(|action| makes_requests(action))
            .any(|second| self.actions.iter().any(|first| makes_requests(first) && emits(first, second.kind)))
    }

    /// The action of this name.
    pub fn action(&self, name: &ActionName) -> Option<&Action> {
        self.actions.iter().find(|action| action.name == *name)
    }
}

impl Action {
    fn generate(rng: &mut Rng, name: &str, kind: &'static str, emits: &[&'static str]) -> Self {
        Self {
            name: ActionName::new(name).expect("the name is plain"),
            kind,
            script: Arc::new(script(rng, emits)),
            on_failure: *rng.pick(&[
                OnFailure::Quarantine,
                OnFailure::Quarantine,
                OnFailure::DeadLetter,
                OnFailure::Stop,
            ]),
            on_divergence: *rng.pick(&[OnDivergence::Fail, OnDivergence::Execute]),
        }
    }

    fn planned(&self) -> PlannedAction {
        let retry = RetryPolicy {
            attempts: ATTEMPTS,
            backoff_ms: 10,
            backoff_ms_max: 40,
            jitter: 0.2,
            repeat_open_calls: false,
        };
        PlannedAction {
            name: self.name.clone(),
            listens_to: vec![self.kind.to_owned()],
            component: 0,
            component_digest: Arc::from("c0de"),
            policy: ActionPolicy { retry, on_failure: self.on_failure, on_divergence: self.on_divergence },
            limits: Arc::new(InvocationLimits {
                value_bytes_max: VALUE_BYTES_MAX,
                effect_ms_max: 300,
                ..InvocationLimits::default()
            }),
        }
    }
}

fn script(rng: &mut Rng, emits: &[&'static str]) -> Vec<Op> {
    let mut ops = Vec::new();
    if rng.percent(25) {
        ops.push(Op::Clock);
    }
    if rng.percent(80) {
        ops.push(Op::Read(Scope::ShortTerm, "n"));
    }
    for _ in 0..*rng.pick(&[0, 1, 1, 2, 2, 3]) {
        ops.push(Op::Calls(group(rng)));
        if rng.percent(50) {
            ops.push(memory_op(rng));
        }
    }
    ops.push(Op::Set(Scope::ShortTerm, "n"));
    if rng.percent(50) {
        ops.push(memory_op(rng));
    }
    for kind in emits {
        if rng.percent(60) {
            ops.push(Op::Emit(kind));
        }
    }
    if rng.percent(22) {
        let fail = FailOp {
            how: *rng.pick(&[
                HowFailed::Retryable,
                HowFailed::Retryable,
                HowFailed::Fatal,
                HowFailed::Trap,
                HowFailed::Timeout,
            ]),
            attempts: *rng.pick(&[1, 2, u32::MAX]),
            heals_in_life: *rng.pick(&[2, 3, u32::MAX, u32::MAX]),
        };
        ops.insert(rng.below(ops.len() + 1), Op::Fail(fail));
    }
    ops
}

fn memory_op(rng: &mut Rng) -> Op {
    let scope = *rng.pick(&[Scope::ShortTerm, Scope::Sensory]);
    match rng.below(7) {
        0 => Op::Remove(scope, rng.pick::<&str>(&OBJECTS)),
        1 => Op::NewObject(scope, rng.pick::<&str>(&OBJECTS)),
        2 => Op::Read(scope, rng.pick::<&str>(&OBJECTS)),
        3 => Op::Read(scope, rng.pick::<&str>(&LEAVES)),
        4 => Op::Random,
        _ => Op::Set(scope, rng.pick::<&str>(&LEAVES)),
    }
}

fn group(rng: &mut Rng) -> Group {
    let how = match rng.below(10) {
        0..=2 => How::InPlace,
        3..=4 => How::Open(CallMode::Plain),
        5..=6 => How::Open(CallMode::Reconcilable),
        _ => How::Http,
    };
    let count = if how == How::InPlace { 1 } else { *rng.pick(&[1, 1, 1, 2, 3]) };
    let then = *rng.pick(&[Then::Propagate, Then::Catch, Then::Again(2)]);
    let calls = (0..count).map(|at| call(rng, how, at as u8, then)).collect();
    Group { how, calls, then }
}

fn call(rng: &mut Rng, how: How, at: u8, then: Then) -> CallSpec {
    let behaviour = match rng.below(20) {
        0..=10 => Behaviour::Succeeds,
        11..=12 => Behaviour::FailsInAttempts(1 + rng.below(2) as u32),
        13..=15 => Behaviour::Flaky,
        16 if then != Then::Propagate || rng.percent(40) => Behaviour::Fails,
        17 | 18 if then != Then::Propagate => Behaviour::TooLarge,
        19 if how != How::InPlace && how != How::Http => Behaviour::GuestTraps,
        _ => Behaviour::Succeeds,
    };
    CallSpec { function: at + 10 * rng.below(3) as u8, behaviour }
}

fn change_calls(script: &mut Vec<Op>, rng: &mut Rng) {
    let groups: Vec<usize> = (0..script.len()).filter(|&at| matches!(script[at], Op::Calls(_))).collect();
    let new = Op::Calls(group(rng));
    if groups.is_empty() {
        script.insert(0, new);
        return;
    }
    let at = *rng.pick(&groups);
    match rng.below(4) {
        0 => script.insert(at, new),
        1 => drop(script.remove(at)),
        2 => script[at] = new,
        _ => {
            let Op::Calls(group) = &mut script[at] else { unreachable!("a group was picked") };
            group.calls[0].function += 50;
        }
    }
}
