//! Durable calls of a guest that are open together, from begin to what the guest makes of their outcomes.

use crate::application::{Behaviour, CallSpec, Group, How, Then};
use crate::guest::{Gathered, Guest, Progress, Wait, by_position, number};
use crate::ledger::{Asked, Status};
use crate::mistake::Mistake;
use crate::rng::fold;
use crate::world::{Reconciled, Request, World, outcome, response};
use weir_core::failure::Failure;
use weir_core::invocation::{Abort, CallMode, NextStep, Outcome, RequestStep, RequestSummary};

/// Calls in hand.
#[derive(Debug)]
pub(crate) struct CallsInHand {
    group: Group,
    /// What the arguments are made of.
    base: Gathered,
    /// So many times before.
    tries: u32,
    calls: Vec<Call>,
}

#[derive(Debug)]
struct Call {
    spec: CallSpec,
    asked: Asked,
    position: u32,
    id: String,
    phase: Phase,
    ends_at_ms: Option<u64>,
}

#[derive(Debug)]
enum Phase {
    New,
    Ask(u64),
    Execute,
    Sent(usize),
    Done(Status, (u32, u32)),
}

/// What a guest makes of the outcomes.
#[derive(Debug)]
pub(crate) enum Folded {
    /// There are none yet.
    NotYet(Progress),
    /// More calls.
    Again(CallsInHand),
    /// It goes on.
    GoesOn,
    /// It fails.
    Fails(Failure),
}

impl CallsInHand {
    pub(crate) fn new(group: Group, base: Gathered, tries: u32) -> Self {
        let calls = group.calls.iter().map(|spec| Call {
            spec: *spec,
            asked: Asked { function: spec.function, det: fold(base.det, u32::from(spec.function)), nonce: base.nonce },
            position: 0,
            id: String::new(),
            phase: Phase::New,
            ends_at_ms: None,
        });
        let calls = calls.collect();
        Self { group, base, tries, calls }
    }

    pub(crate) fn step(&mut self, guest: &mut Guest, world: &mut World) -> Result<Folded, Abort> {
        let went = Ok(Folded::NotYet(Progress::Went));
        if let Some(at) = self.calls.iter().position(|call| matches!(call.phase, Phase::New)) {
            if self.group.how == How::Http {
                self.begin_requests(guest, world)?;
            } else {
                self.begin(at, guest, world)?;
            }
            return went;
        }
        if let Some(at) = self.calls.iter().position(|call| matches!(call.phase, Phase::Ask(_))) {
            return match self.ask(at, guest, world)? {
                // As the SDKs do: the call stays open, and is asked about again by the next attempt.
                Some(unknown) => Ok(Folded::Fails(unknown)),
                None => went,
            };
        }
        if let Some(at) = self.calls.iter().position(|call| matches!(call.phase, Phase::Execute)) {
            if self.group.how == How::InPlace {
                self.compute(at, guest, world)?;
                return went;
            }
            self.request(guest, world)?;
            return Ok(Folded::NotYet(Progress::AtDoor));
        }
        Ok(self.fold(guest))
    }

    fn begin(&mut self, at: usize, guest: &mut Guest, world: &mut World) -> Result<(), Abort> {
        let mode = if let How::Open(mode) = self.group.how { mode } else { CallMode::Plain };
        let call = &mut self.calls[at];
        let (function, arguments) = names(call.asked, guest.begun, world);
        release_held(guest, world);
        let begun = guest.invocation.begin(&function, &arguments, mode, world.now_ms)?;
        if mode == CallMode::Reconcilable && begun.step == NextStep::Execute {
            call.ends_at_ms = Some(world.now_ms + guest.invocation.limits().effect_ms_max);
        }
        call.id = begun.id;
        on_begun(call, guest, world);
        match begun.step {
            NextStep::Execute => call.phase = Phase::Execute,
            NextStep::Replay(outcome) => on_outcome(call, &outcome, guest, world),
            NextStep::Reconcile { not_before_ms } => call.phase = Phase::Ask(not_before_ms),
        }
        Ok(())
    }

    fn begin_requests(&mut self, guest: &mut Guest, world: &mut World) -> Result<(), Abort> {
        let texts: Vec<_> =
            (0..).zip(&self.calls).map(|(at, call)| names(call.asked, guest.begun + at, world)).collect();
        release_held(guest, world);
        let steps = guest.invocation.begin_requests(&summaries(&texts), world.now_ms)?;
        for (call, step) in self.calls.iter_mut().zip(steps) {
            on_begun(call, guest, world);
            match step {
                RequestStep::Execute { position, id } => {
                    assert_eq!(position, call.position, "calls are counted");
                    call.id = id;
                    call.phase = Phase::Execute;
                }
                RequestStep::Replay(outcome) => on_outcome(call, &outcome, guest, world),
                RequestStep::InOpenCall { .. } => unreachable!("no call was open"),
            }
        }
        Ok(())
    }

    /// Asks the reconciler; the failure with which it can't tell now.
    fn ask(&mut self, at: usize, guest: &mut Guest, world: &mut World) -> Result<Option<Failure>, Abort> {
        let call = &mut self.calls[at];
        let Phase::Ask(not_before_ms) = call.phase else { unreachable!("just seen") };
        if world.now_ms < not_before_ms && world.mistake != Some(Mistake::ReconcilerAskedEarly) {
            guest.wait = Wait::Until(not_before_ms);
            return Ok(None);
        }
        match world.reconcile(&call.id) {
            Reconciled::Never => call.phase = Phase::Execute,
            Reconciled::Happened(outcome) => complete(call, outcome, guest, world)?,
            Reconciled::Unknown(failure) => return Ok(Some(failure)),
        }
        Ok(None)
    }

    fn compute(&mut self, at: usize, guest: &mut Guest, world: &mut World) -> Result<(), Abort> {
        let call = &mut self.calls[at];
        let status = world.decide(guest.running.task, call.position, call.spec.behaviour, guest.invocation.attempt());
        let execution = world.next_execution();
        complete(call, outcome(call.asked, status, execution), guest, world)
    }

    /// Requests are going to leave for all calls that are to be executed.
    fn request(&mut self, guest: &mut Guest, world: &mut World) -> Result<(), Abort> {
        if self.group.how == How::Http {
            return Ok(());
        }
        let executed = self.calls.iter().filter(|call| matches!(call.phase, Phase::Execute));
        let texts: Vec<_> = executed.map(|call| names(call.asked, call.position, world)).collect();
        let steps = guest.invocation.begin_requests(&summaries(&texts), world.now_ms)?;
        assert!(steps.iter().all(|step| matches!(step, RequestStep::InOpenCall { .. })), "a call is open");
        if self.group.how == How::Open(CallMode::Reconcilable) {
            let ends_at_ms = world.now_ms + guest.invocation.limits().effect_ms_max;
            for call in self.calls.iter_mut().filter(|call| matches!(call.phase, Phase::Execute)) {
                // What was reconciled has its time from here on.
                call.ends_at_ms.get_or_insert(ends_at_ms);
            }
        }
        Ok(())
    }

    pub(crate) fn send(&mut self, guest: &mut Guest, world: &mut World) {
        for call in self.calls.iter_mut().filter(|call| matches!(call.phase, Phase::Execute)) {
            let effect = world.send(Request {
                task: guest.running.task,
                position: call.position,
                id: call.id.clone(),
                asked: call.asked,
                behaviour: call.spec.behaviour,
                attempt: guest.invocation.attempt(),
                ends_at_ms: call.ends_at_ms,
            });
            call.phase = Phase::Sent(effect);
        }
    }

    /// One request is answered; false if the guest traps on it.
    pub(crate) fn on_answer(&mut self, guest: &mut Guest, world: &mut World) -> Result<bool, Abort> {
        let sent: Vec<usize> =
            (0..self.calls.len()).filter(|&at| matches!(self.calls[at].phase, Phase::Sent(_))).collect();
        let call = &mut self.calls[*world.rng.pick(&sent)];
        let Phase::Sent(effect) = call.phase else { unreachable!("a sent one was picked") };
        let (status, outcome) = world.answer(effect);
        if call.spec.behaviour == Behaviour::GuestTraps && world.traps(guest.running.task) {
            return Ok(false);
        }
        if self.group.how == How::Http {
            let ended = response(status, outcome, effect);
            let outcome = ended.outcome.clone();
            let instead = guest.invocation.complete_request(call.position, ended, world.now_ms)?;
            on_outcome(call, &instead.map_or(outcome, Err), guest, world);
        } else {
            complete(call, outcome, guest, world)?;
        }
        let Phase::Done(status, _) = call.phase else { unreachable!("it was just completed") };
        match status {
            Status::Retryable => guest.held.push(call.position),
            status => world.ledger.on_recorded(guest.running.task, call.position, status),
        }
        if sent.len() == 1 {
            guest.wait = Wait::Nothing;
        }
        Ok(true)
    }

    fn fold(&mut self, guest: &mut Guest) -> Folded {
        let mut failed = None;
        for call in &self.calls {
            let Phase::Done(status, value) = call.phase else { unreachable!("all calls are done") };
            match status {
                Status::Succeeded => guest.gathered.take(value),
                status => {
                    guest.gathered.take((20 + status as u32, 0));
                    failed = failed.or(Some(status));
                }
            }
        }
        let Some(status) = failed else { return Folded::GoesOn };
        match self.group.then {
            Then::Propagate if status == Status::Retryable => {
                Folded::Fails(Failure::retryable("call", "a call failed"))
            }
            Then::Propagate => Folded::Fails(Failure::fatal("call", "a call failed")),
            Then::Catch if self.tries == 0 => {
                let instead = CallSpec { function: 90, behaviour: Behaviour::Succeeds };
                let group = Group { how: How::Open(CallMode::Plain), calls: vec![instead], then: Then::Catch };
                Folded::Again(Self::new(group, guest.gathered, 1))
            }
            Then::Again(times) if self.tries < times => {
                let retried = |call: &&Call| matches!(call.phase, Phase::Done(Status::Retryable, _));
                let calls = self.calls.iter().filter(retried).map(|call| call.spec).collect();
                let again = Self::new(Group { calls, ..self.group.clone() }, self.base, self.tries + 1);
                if again.calls.is_empty() { Folded::GoesOn } else { Folded::Again(again) }
            }
            Then::Catch | Then::Again(_) => Folded::GoesOn,
        }
    }
}

fn complete(call: &mut Call, outcome: Outcome, guest: &mut Guest, world: &mut World) -> Result<(), Abort> {
    let instead = guest.invocation.complete(call.position, outcome.clone(), world.now_ms)?;
    on_outcome(call, &instead.map_or(outcome, Err), guest, world);
    Ok(())
}

/// The guest goes on to another call: failures that it caught are outcomes now.
fn release_held(guest: &mut Guest, world: &mut World) {
    for position in std::mem::take(&mut guest.held) {
        world.ledger.on_recorded(guest.running.task, position, Status::Retryable);
    }
}

fn on_begun(call: &mut Call, guest: &mut Guest, world: &mut World) {
    call.position = guest.begun;
    guest.begun += 1;
    world.ledger.invocations[guest.running.invocation].asked.push((call.asked, None));
}

/// The guest sees an outcome.
fn on_outcome(call: &mut Call, outcome: &Outcome, guest: &mut Guest, world: &mut World) {
    let (status, value) = match outcome {
        Ok(json) if json.as_str().starts_with("{\"f\":") => {
            check_echo(call, json.as_str(), guest, world);
            let value = (fold(call.asked.det, 7), number(json.as_str(), "\"x\":"));
            (Status::Succeeded, value)
        }
        Ok(json) if json.as_str().contains("503") => (Status::Retryable, (0, 0)),
        Ok(_) => (Status::Failed, (0, 0)),
        Err(failure) if failure.kind == "limit" => (Status::TooLarge, (0, 0)),
        Err(failure) if failure.retryable => (Status::Retryable, (0, 0)),
        Err(_) => (Status::Failed, (0, 0)),
    };
    call.phase = Phase::Done(status, value);
    world.ledger.invocations[guest.running.invocation].asked[call.position as usize].1 = Some(status);
}

/// An outcome tells what it is the outcome of.
fn check_echo(call: &Call, json: &str, guest: &Guest, world: &mut World) {
    let told =
        Asked { function: number(json, "\"f\":") as u8, det: number(json, "\"d\":"), nonce: number(json, "\"n\":") };
    if told != call.asked {
        let (asked, position, task) = (call.asked, call.position, guest.invocation.task().state_key());
        world.ledger.violate(|| format!("call {position} of {task} asked {asked:?} and got the outcome of {told:?}"));
    }
}

/// Function id and arguments of a call, as the core gets them.
fn names(asked: Asked, position: u32, world: &World) -> (String, String) {
    if by_position(world) {
        return ("f".to_owned(), format!("{{\"p\":{position}}}"));
    }
    let Asked { function, det, nonce } = asked;
    (format!("f{function}"), format!("{{\"d\":{det},\"n\":{nonce}}}"))
}

fn summaries<'a>(texts: &'a [(String, String)]) -> Vec<RequestSummary<'a>> {
    let summary = |(function, arguments): &'a (String, String)| RequestSummary {
        method: "POST",
        url: function,
        origin: "http://world/",
        path: function,
        body: arguments.as_bytes(),
    };
    texts.iter().map(summary).collect()
}
