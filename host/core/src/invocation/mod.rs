//! The running of one action task: everything a guest may see and do, without the guest.
//!
//! The component host wraps one `Invocation` for each call of a guest's `invoke`, forwards the guest's host calls to it,
//! and hands what [`Invocation::finish`] gives back to the operator. It is pure: time and the outside come in as
//! arguments.

mod begin;
mod calls;
mod clock;
mod http;
mod memory;
mod size;

pub(crate) use calls::hex;
pub use calls::{Begun, CallMode, NextStep, Outcome};
pub use http::{RequestOutcome, RequestStep, RequestSummary};

use crate::action_state::{CallPut, CallResults};
use crate::event::{ActionName, Event, SequenceNumber};
use crate::failure::{ActionFailure, Failure, FailureClass};
use crate::id::EventId;
use crate::json::Json;
use crate::key::Key;
use crate::limits::InvocationLimits;
use crate::memory::{MemoryUpdate, Overlay, Tree};
use calls::DurableCalls;
use clock::{Clock, Random};
use std::fmt;
use std::sync::Arc;

/// One action to run for one event of one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// The key of the run.
    pub key: Key,
    /// The sequence number of the run.
    pub sequence_number: SequenceNumber,
    /// The event to run for.
    pub event: Event,
    /// The action to run.
    pub action: ActionName,
    /// When the run's input event came about.
    pub source_timestamp_ms: Option<u64>,
    /// Headers of the run's input event.
    pub headers: Arc<[(String, String)]>,
}

/// What to do when a call asked for differs from the call recorded [S14].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum OnDivergence {
    /// The attempt fails.
    #[default]
    Fail,
    /// The records from there on are dropped, and the call is executed.
    Execute,
}

/// What an invocation starts from.
#[derive(Clone, Debug)]
pub struct InvocationStart {
    /// Names this invocation to the operator.
    pub id: u64,
    /// What to run.
    pub task: Task,
    /// 1 for the first attempt.
    pub attempt: u32,
    /// When the action first started, milliseconds since 1970 UTC: the source's timestamp where there is one.
    pub started_at_ms: u64,
    /// What earlier attempts recorded.
    pub recorded: CallResults,
    /// Memory of the run.
    pub sensory: Arc<Tree>,
    /// Memory of the key.
    pub short_term: Arc<Tree>,
    /// What it may use.
    pub limits: Arc<InvocationLimits>,
    /// What to do about a mismatch.
    pub on_divergence: OnDivergence,
}

/// Why an invocation must end at once: the host traps the guest with it, and reports it as the failure.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Abort {
    /// The guest used the contract wrongly.
    #[error("{0}")]
    Trap(String),
    /// A limit was passed: its name in the manifest, and what happened, which names it, too.
    #[error("{1}")]
    Limit(&'static str, String),
    /// What was asked differs from what was recorded.
    #[error("{0}")]
    Divergence(String),
}

impl Abort {
    /// What was done is over a limit.
    pub fn over(limit: &'static str, what: impl fmt::Display) -> Self {
        Self::Limit(limit, format!("{what}: over {limit}"))
    }

    /// So many bytes are over a limit.
    pub fn too_large(limit: &'static str, what: impl fmt::Display, size: usize, max: usize) -> Self {
        Self::Limit(limit, format!("{what}: {size} bytes are over {limit} ({max})"))
    }
}

/// How the guest ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GuestEnd {
    /// `invoke` returned.
    Returned(Result<(), Failure>),
    /// The host ended it.
    Aborted(Abort),
    /// It trapped by itself; what the engine says.
    Trapped(String),
    /// It took longer than a limit of time allows; names the limit.
    TimedOut(String),
}

/// What an invocation came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvocationEnd {
    /// The invocation's name.
    pub id: u64,
    /// Records to hand to the log first, in order.
    pub puts: Vec<CallPut>,
    /// How it ended.
    pub result: InvocationResult,
}

/// How an invocation ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InvocationResult {
    /// The action completed.
    Completed(Effects),
    /// The attempt failed.
    Failed {
        /// How.
        failure: ActionFailure,
        /// A plain call was open: to try again would repeat its effect [S28].
        plain_call_open: bool,
    },
}

/// What a completed action did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effects {
    /// Updates of the run's memory, in order.
    pub sensory_updates: Vec<MemoryUpdate>,
    /// Updates of the key's memory, in order.
    pub short_term_updates: Vec<MemoryUpdate>,
    /// Events it emitted, in order.
    pub events: Vec<Event>,
}

/// The running of one action task.
///
/// Lifecycle: made by the operator with an `Invoke` command; asked by the guest's host calls; ended by
/// [`Invocation::finish`]. What it changed is nowhere else until the operator applies it [S7].
#[derive(Clone, Debug)]
pub struct Invocation {
    id: u64,
    task: Task,
    attempt: u32,
    limits: Arc<InvocationLimits>,
    sensory: Overlay,
    short_term: Overlay,
    effects: Effects,
    calls: DurableCalls,
    clock: Clock,
    /// Whether the guest read the clock, and no record is known to tell when it started.
    clock_seen: bool,
    random: Random,
    wasi_random: Random,
    /// One record of the action-state log, bytes [S26].
    record_bytes_max: usize,
    /// Bytes of updates and events so far: the completed state holds them all.
    effect_bytes: usize,
}

impl Invocation {
    /// An invocation that has not begun.
    pub fn new(start: InvocationStart) -> Self {
        let seed = clock::task_seed(&start.task);
        Self {
            id: start.id,
            attempt: start.attempt,
            sensory: Overlay::new(start.sensory),
            short_term: Overlay::new(start.short_term),
            effects: Effects::default(),
            calls: DurableCalls::new(seed, start.recorded, start.on_divergence, &start.limits),
            clock: Clock::starting_at(start.started_at_ms),
            clock_seen: false,
            random: Random::new(seed, "guest"),
            wasi_random: Random::new(seed, "wasi"),
            limits: start.limits,
            task: start.task,
            record_bytes_max: usize::MAX,
            effect_bytes: 0,
        }
    }

    /// Sets the size that a record may have: what passes it fails before it is put [S26].
    pub(crate) fn limit_record_bytes(&mut self, record_bytes_max: usize) {
        self.record_bytes_max = record_bytes_max;
        self.calls.record_bytes_max = record_bytes_max;
    }

    /// Names this invocation to the operator.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// What it runs.
    pub fn task(&self) -> &Task {
        &self.task
    }

    /// 1 for the first attempt.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// What it may use.
    pub fn limits(&self) -> &Arc<InvocationLimits> {
        &self.limits
    }

    /// A header of the run's input event.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.task.headers.iter().find(|(header, _)| header.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// Whether a durable call is open: clock and randomness belong to its body then [S10].
    pub fn has_open_call(&self) -> bool {
        self.calls.has_open()
    }

    /// What the guest's clock shows, microseconds since 1970 UTC. `wall_us` is the time outside, shown to the body of
    /// an open call only.
    pub fn now_us(&mut self, wall_us: u64) -> u64 {
        if self.calls.has_open() {
            return wall_us;
        }
        self.clock_seen = true;
        self.clock.read_us()
    }

    /// The guest sleeps: its clock advances. Whether the host must really wait (in the body of an open call).
    pub fn sleep_us(&mut self, duration_us: u64) -> bool {
        if self.calls.has_open() {
            return true;
        }
        self.clock.advance_us(duration_us);
        false
    }

    /// The next number of the guest's stream: the same again on replay, another for each task.
    pub fn random_u32(&mut self) -> u32 {
        (self.random.next(self.calls.begun(), self.calls.has_open()) >> 32) as u32
    }

    /// The next number of the stream behind WASI's random, apart from the guest's.
    pub fn wasi_random_u64(&mut self) -> u64 {
        self.wasi_random.next(self.calls.begun(), self.calls.has_open())
    }

    /// Queues an event, to take effect when the action completes.
    pub fn emit(&mut self, kind: &str, payload: &str) -> Result<EventId, Abort> {
        self.check_no_open_call("emit an event")?;
        if self.effects.events.len() >= self.limits.events_max {
            return Err(Abort::over("limits.events_max", format_args!("emit event {}", self.effects.events.len() + 1)));
        }
        if kind.is_empty() || kind.len() > 128 {
            return Err(Abort::Trap(format!("emit an event: its kind must be 1 to 128 bytes, not {}", kind.len())));
        }
        let max = self.limits.event_bytes_max;
        check_size("limits.event_bytes_max", format_args!("emit {kind:?}"), payload.len(), max)?;
        let payload =
            Json::parse(payload).map_err(|error| Abort::Trap(format!("emit {kind:?}: payload is {error}")))?;
        let ordinal = self.effects.events.len() as u32;
        self.count_effect("emit an event", kind.len() + payload.size())?;
        let id = EventId::of_emitted(self.task.event.id, self.task.action.id(), ordinal);
        self.effects.events.push(Event { id, kind: kind.into(), payload });
        Ok(id)
    }

    /// Records to hand to the log at once, without waiting for them.
    pub fn take_puts(&mut self) -> Vec<CallPut> {
        self.calls.take_ready()
    }

    /// Records to hand to the log because the guest is going to wait, or a request to leave the host [S13] [S33].
    pub fn take_puts_before_waiting(&mut self) -> Vec<CallPut> {
        self.calls.flush_deferred();
        let mut puts = self.calls.take_ready();
        if self.clock_seen && self.task.source_timestamp_ms.is_none() {
            // What the clock showed may stand in the request: recovery must show the same [S33].
            puts.push(CallPut::Start);
            self.clock_seen = false;
        }
        puts
    }

    /// Ends the invocation.
    pub fn finish(mut self, end: GuestEnd) -> InvocationEnd {
        self.end(end)
    }

    /// See [`Invocation::finish`]. Nothing is to be asked of the invocation afterwards.
    pub fn end(&mut self, end: GuestEnd) -> InvocationEnd {
        let failure = match end {
            GuestEnd::Returned(Ok(())) => match self.calls.check_completed() {
                Ok(()) => {
                    let puts = self.calls.take_ready();
                    let effects = std::mem::take(&mut self.effects);
                    return InvocationEnd { id: self.id, puts, result: InvocationResult::Completed(effects) };
                }
                Err(abort) => abort_failure(abort),
            },
            GuestEnd::Returned(Err(failure)) => {
                let class = if failure.retryable { FailureClass::Retryable } else { FailureClass::Fatal };
                ActionFailure { class, failure }
            }
            GuestEnd::Aborted(abort) => abort_failure(abort),
            GuestEnd::Trapped(message) => host_failure(FailureClass::Trap, message),
            GuestEnd::TimedOut(message) => host_failure(FailureClass::Timeout, message),
        };
        let plain_call_open = self.calls.has_open_plain();
        self.calls.flush_deferred();
        let puts = self.calls.take_ready();
        InvocationEnd { id: self.id, puts, result: InvocationResult::Failed { failure, plain_call_open } }
    }

    fn check_no_open_call(&self, what: &str) -> Result<(), Abort> {
        if self.calls.has_open() {
            let message = format!("{what}: a durable call is open, and a replay would skip this; do it after the call");
            return Err(Abort::Trap(message));
        }
        Ok(())
    }

    /// The completed state is one record: what makes it too large fails now, and does not pile up first.
    fn count_effect(&mut self, what: &str, bytes: usize) -> Result<(), Abort> {
        self.effect_bytes += bytes;
        let message = "what the action did so far";
        if self.effect_bytes > self.record_bytes_max {
            let what = format_args!("{what}: {message}");
            return Err(Abort::too_large("limits.record_bytes_max", what, self.effect_bytes, self.record_bytes_max));
        }
        Ok(())
    }
}

fn check_size(limit: &'static str, what: fmt::Arguments<'_>, size: usize, max: usize) -> Result<(), Abort> {
    if size > max { Err(Abort::too_large(limit, what, size, max)) } else { Ok(()) }
}

fn host_failure(class: FailureClass, message: String) -> ActionFailure {
    ActionFailure { class, failure: Failure::fatal(class.as_str(), message) }
}

fn abort_failure(abort: Abort) -> ActionFailure {
    let class = match abort {
        Abort::Trap(_) => FailureClass::Trap,
        Abort::Limit(..) => FailureClass::Limit,
        Abort::Divergence(_) => FailureClass::Divergence,
    };
    host_failure(class, abort.to_string())
}
