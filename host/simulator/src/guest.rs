//! A simulated guest: a script interpreted against an `Invocation`, one host call a step.

use crate::application::{FailOp, Group, HowFailed, Op};
use crate::calls::{CallsInHand, Folded};
use crate::mistake::Mistake;
use crate::rng::fold;
use crate::world::{Running, World};
use std::sync::Arc;
use weir_core::failure::Failure;
use weir_core::invocation::{Abort, GuestEnd, Invocation};
use weir_core::key::Key;
use weir_core::memory::{MemoryError, Scope};
use weir_core::store::log::Ticket;

/// What a guest waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Nothing.
    Nothing,
    /// That this append is durable, so that its requests may leave.
    Door(Option<Ticket>),
    /// Answers to its requests.
    Answers,
    /// A time.
    Until(u64),
}

/// How far a step led.
#[derive(Debug)]
pub enum Progress {
    /// There is more to do.
    Went,
    /// Requests are to leave the host.
    AtDoor,
    /// It ended.
    Ended(GuestEnd),
}

/// What a guest has gathered: what a run without crashes would have, and what depends on chance.
#[derive(Clone, Copy, Debug, Default)]
pub struct Gathered {
    /// The same in a run without crashes.
    pub det: u32,
    /// From chance, clock and numbers of executions.
    pub nonce: u32,
}

impl Gathered {
    /// Takes a value in.
    pub fn take(&mut self, (det, nonce): (u32, u32)) {
        self.det = fold(self.det, det);
        self.nonce = fold(self.nonce, nonce);
    }

    /// The value as JSON.
    pub fn json(self) -> String {
        format!("{{\"d\":{},\"n\":{}}}", self.det, self.nonce)
    }
}

/// One invocation that is running.
#[derive(Debug)]
pub struct Guest {
    /// The key.
    pub key: Key,
    /// What the ledger knows it by.
    pub running: Running,
    /// What it waits for.
    pub wait: Wait,
    pub(crate) invocation: Box<Invocation>,
    pub(crate) gathered: Gathered,
    /// Calls begun so far.
    pub(crate) begun: u32,
    /// Calls whose retryable failure is not recorded yet.
    pub(crate) held: Vec<u32>,
    script: Arc<Vec<Op>>,
    at: usize,
    calls: Option<CallsInHand>,
}

impl Guest {
    /// A guest that has not begun.
    pub fn new(invocation: Box<Invocation>, script: Arc<Vec<Op>>, running: Running) -> Self {
        let mut gathered = Gathered::default();
        gathered.take(numbers(invocation.task().event.payload.as_str()));
        Self {
            key: invocation.task().key.clone(),
            running,
            wait: Wait::Nothing,
            invocation,
            gathered,
            begun: 0,
            held: Vec::new(),
            script,
            at: 0,
            calls: None,
        }
    }

    /// The invocation, to be ended.
    pub fn into_invocation(self) -> Box<Invocation> {
        self.invocation
    }

    /// Does one thing.
    pub fn step(&mut self, world: &mut World) -> Progress {
        let progress = match self.calls.take() {
            Some(calls) => self.step_calls(calls, world),
            None => self.step_script(world),
        };
        progress.unwrap_or_else(|abort| Progress::Ended(GuestEnd::Aborted(abort)))
    }

    /// One of its requests is answered.
    pub fn on_answer(&mut self, world: &mut World) -> Progress {
        let mut calls = self.calls.take().expect("a guest with requests has calls in hand");
        let answered = calls.on_answer(self, world);
        self.calls = Some(calls);
        match answered {
            Ok(true) => Progress::Went,
            Ok(false) => {
                let message = "unreachable executed".to_owned();
                Progress::Ended(GuestEnd::Trapped(message))
            }
            Err(abort) => Progress::Ended(GuestEnd::Aborted(abort)),
        }
    }

    /// The door is open: its requests leave.
    pub fn send(&mut self, world: &mut World) {
        let mut calls = self.calls.take().expect("a guest at the door has calls in hand");
        calls.send(self, world);
        self.calls = Some(calls);
        self.wait = Wait::Answers;
    }

    fn step_calls(&mut self, mut calls: CallsInHand, world: &mut World) -> Result<Progress, Abort> {
        match calls.step(self, world)? {
            Folded::NotYet(progress) => {
                self.calls = Some(calls);
                Ok(progress)
            }
            Folded::Again(calls) => {
                self.calls = Some(calls);
                Ok(Progress::Went)
            }
            Folded::GoesOn => Ok(Progress::Went),
            Folded::Fails(failure) => Ok(Progress::Ended(GuestEnd::Returned(Err(failure)))),
        }
    }

    fn step_script(&mut self, world: &mut World) -> Result<Progress, Abort> {
        if self.at == 0 && world.must_fail(self.running.task) {
            return Ok(Progress::Ended(GuestEnd::Returned(Err(Failure::fatal("expected", "as in the history")))));
        }
        let at = self.at;
        self.at += 1;
        let script = self.script.clone();
        match script.get(at) {
            Some(op) => self.step_op(op, world),
            None if at == script.len() => {
                let Gathered { det, nonce } = self.gathered;
                let payload = format!("{{\"d\":{det},\"n\":{nonce},\"t\":{}}}", self.running.invocation);
                self.emit("output", &payload, world)?;
                Ok(Progress::Went)
            }
            None => Ok(Progress::Ended(GuestEnd::Returned(Ok(())))),
        }
    }

    fn step_op(&mut self, op: &Op, world: &mut World) -> Result<Progress, Abort> {
        match op {
            Op::Clock => {
                let now_us = self.invocation.now_us(world.now_ms * 1000);
                self.gathered.take((1, now_us as u32));
            }
            Op::Random => {
                let drawn = self.invocation.random_u32();
                self.gathered.take((2, drawn));
            }
            Op::Read(scope, path) => self.read(*scope, path),
            Op::Set(scope, path) => {
                let done = self.invocation.memory_set(*scope, path, &self.gathered.json())?;
                self.note(done);
            }
            Op::Remove(scope, path) => {
                let done = self.invocation.memory_remove(*scope, path)?;
                self.note(done.map(drop));
            }
            Op::NewObject(scope, path) => {
                let done = self.invocation.memory_new_object(*scope, path)?;
                self.note(done);
            }
            Op::Calls(group) => self.begin(group.clone()),
            Op::Emit(kind) => self.emit(kind, &self.gathered.json(), world)?,
            Op::Fail(fail) if world.fails(self.running.task, fail, self.invocation.attempt()) => {
                return Ok(Progress::Ended(end_of(fail)));
            }
            Op::Fail(_) => {}
        }
        Ok(Progress::Went)
    }

    fn begin(&mut self, group: Group) {
        self.calls = Some(CallsInHand::new(group, self.gathered, 0));
    }

    fn emit(&mut self, kind: &'static str, payload: &str, world: &mut World) -> Result<(), Abort> {
        let id = self.invocation.emit(kind, payload)?;
        let payload = weir_core::json::Json::from_checked(payload);
        let event = weir_core::event::Event { id, kind: kind.into(), payload };
        world.ledger.invocations[self.running.invocation].emitted.push(event);
        Ok(())
    }

    fn read(&mut self, scope: Scope, path: &str) {
        match self.invocation.memory_get(scope, path) {
            Ok(Some(value)) => {
                let mut rest = value.as_str();
                while let Some(at) = rest.find("{\"d\":") {
                    rest = &rest[at..];
                    self.gathered.take(numbers(rest));
                    rest = &rest[1..];
                }
                let fields = self.invocation.memory_fields(scope, path).ok().flatten().unwrap_or_default();
                self.gathered.take((10 + fields.len() as u32, 0));
            }
            Ok(None) => self.gathered.take((4, 0)),
            Err(_) => self.gathered.take((5, 0)),
        }
    }

    fn note(&mut self, done: Result<(), MemoryError>) {
        self.gathered.take((6 + u32::from(done.is_ok()), 0));
    }
}

fn end_of(fail: &FailOp) -> GuestEnd {
    match fail.how {
        HowFailed::Retryable => GuestEnd::Returned(Err(Failure::retryable("scripted", "later"))),
        HowFailed::Fatal => GuestEnd::Returned(Err(Failure::fatal("scripted", "never"))),
        HowFailed::Trap => GuestEnd::Trapped("scripted".to_owned()),
        HowFailed::Timeout => GuestEnd::TimedOut("limits.wall_ms_max".to_owned()),
    }
}

/// The numbers of a value: `{"d":1,"n":2}`.
pub fn numbers(json: &str) -> (u32, u32) {
    (number(json, "\"d\":"), number(json, "\"n\":"))
}

/// The number behind a name; 0 if there is none.
pub fn number(json: &str, name: &str) -> u32 {
    let Some(at) = json.find(name) else { return 0 };
    let digits = json[at + name.len()..].bytes().take_while(u8::is_ascii_digit);
    digits.fold(0, |number: u32, digit| number.wrapping_mul(10).wrapping_add(u32::from(digit - b'0')))
}

/// Whether the mistake to match calls by position only is planted.
pub(crate) fn by_position(world: &World) -> bool {
    world.mistake == Some(Mistake::MatchByPosition)
}
