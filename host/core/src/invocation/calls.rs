//! Durable calls of one action: begin, replay, complete, and what of them is handed to the log when.
//!
//! | call | fact | next | to the log |
//! |---|---|---|---|
//! | - | begin, recorded with an outcome | replayed | |
//! | - | begin, never recorded, plain | open | |
//! | - | begin, never recorded, reconcilable | open | pending record, at once |
//! | - | begin, recorded as pending | open | |
//! | open | a request leaves, and it was recorded as pending | open | pending record with a new end, at once |
//! | - | begin, recorded otherwise | - | divergence: the attempt fails, or the records from here on are dropped |
//! | open | complete, retryable failure | held | |
//! | open | complete, a request left the host | ended | outcome, at once |
//! | open | complete, computed in place | deferred | |
//! | held | the guest goes on to another call | deferred, or ended | outcome, as above [S15] |
//! | deferred | the guest waits, or the attempt fails | ended | outcome |
//! | deferred | the action completes | ended | nothing: the completed state supersedes it [S13] |
//!
//! *Invariant:* records reach the log in the order in which calls ended, a pending record before its call's outcome.

use super::size::{check_function_id, fits_record, within_limit};
use super::{Abort, OnDivergence};
use crate::action_state::{ArgumentsDigest, CallPut, CallResult, CallResults, CallStatus};
use crate::event::ActionName;
use crate::failure::Failure;
use crate::id::digest_of_parts;
use crate::json::Json;
use crate::limits::InvocationLimits;
use std::sync::Arc;

/// A result, or a failure, of a durable call.
pub type Outcome = Result<Json, Failure>;

/// Whether a call can be asked about after it was cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallMode {
    /// Cut off between effect and record, it is executed again with the same id.
    Plain,
    /// Cut off, its reconciler is asked.
    Reconcilable,
}

/// What to do next about a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NextStep {
    /// Never recorded: execute it, then complete.
    Execute,
    /// Recorded: this is its outcome.
    Replay(Outcome),
    /// Begun and cut off: find out what became of it, then complete. Not before this time, milliseconds since 1970 UTC.
    Reconcile {
        /// By then its effect has ended.
        not_before_ms: u64,
    },
}

/// A call that has begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begun {
    /// Its position in the action.
    pub position: u32,
    /// Its name for the other side, the same again on replay and for a repetition after a retryable failure.
    pub id: String,
    /// What to do.
    pub step: NextStep,
}

/// What is known of a call of this attempt.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) function_id: Arc<str>,
    pub(super) digest: ArgumentsDigest,
    /// Tells calls with one function id and digest apart.
    pub(super) ordinal: u32,
    mode: CallMode,
    phase: Phase,
    /// A request of it left the host.
    left_host: bool,
    /// By when its effect must have ended; for reconcilable calls.
    effect_ends_at_ms: Option<u64>,
    /// Whether the pending record that says so is put.
    pending_put: bool,
}

#[derive(Clone, Debug)]
enum Phase {
    Open,
    /// Ended with a retryable failure that is not recorded yet.
    Held(CallResult),
    /// Ended, recorded or about to be; whether its outcome counts as a retryable failure.
    Ended {
        retryable: bool,
    },
}

/// What of an invocation's limits is about calls.
#[derive(Clone, Copy, Debug)]
struct CallLimits {
    calls_max: usize,
    value_bytes_max: usize,
    /// Of reconcilable calls.
    effect_ms_max: u64,
}

/// The durable calls of one invocation.
#[derive(Clone, Debug)]
pub(super) struct DurableCalls {
    /// Of state key, for ids of calls.
    seed: [u8; 32],
    recorded: CallResults,
    calls: Vec<Call>,
    open: usize,
    on_divergence: OnDivergence,
    limits: CallLimits,
    deferred: Vec<CallPut>,
    ready: Vec<CallPut>,
    latest_end_ms: u64,
    /// One record of the action-state log, bytes.
    pub(super) record_bytes_max: usize,
}

impl DurableCalls {
    pub(super) fn new(
        seed: [u8; 32],
        recorded: CallResults,
        on_divergence: OnDivergence,
        limits: &InvocationLimits,
    ) -> Self {
        Self {
            seed,
            recorded,
            calls: Vec::new(),
            open: 0,
            on_divergence,
            limits: CallLimits {
                calls_max: limits.calls_max,
                value_bytes_max: limits.value_bytes_max,
                effect_ms_max: limits.reconcilable_effect_ms_max(),
            },
            deferred: Vec::new(),
            ready: Vec::new(),
            latest_end_ms: 0,
            record_bytes_max: usize::MAX,
        }
    }

    pub(super) fn has_open(&self) -> bool {
        self.open > 0
    }

    pub(super) fn has_open_plain(&self) -> bool {
        self.calls.iter().any(|call| matches!(call.phase, Phase::Open) && call.mode == CallMode::Plain)
    }

    pub(super) fn begun(&self) -> u32 {
        self.calls.len() as u32
    }

    /// The latest time at which an outcome was recorded.
    pub(super) fn latest_end_ms(&self) -> u64 {
        self.latest_end_ms
    }

    pub(super) fn take_ready(&mut self) -> Vec<CallPut> {
        std::mem::take(&mut self.ready)
    }

    pub(super) fn flush_deferred(&mut self) {
        self.ready.append(&mut self.deferred);
    }

    /// A call with this function id and digest is open: to begin it again would be mistaken for it.
    pub(super) fn is_open(&self, function_id: &str, digest: &ArgumentsDigest) -> bool {
        self.open > 0
            && self.calls.iter().any(|call| {
                matches!(call.phase, Phase::Open) && *call.function_id == *function_id && call.digest == *digest
            })
    }

    /// The guest goes on to another call: what was held is an outcome now [S15].
    pub(super) fn release_held(&mut self) {
        for position in 0..self.calls.len() {
            let call = &mut self.calls[position];
            if !matches!(call.phase, Phase::Held(_)) {
                continue;
            }
            let ended = Phase::Ended { retryable: true };
            let Phase::Held(result) = std::mem::replace(&mut call.phase, ended) else { unreachable!("just seen") };
            let left_host = call.left_host;
            self.hand_over(position as u32, result, left_host);
        }
    }

    /// Opens the next call. What is held must have been released.
    pub(super) fn begin(&mut self, call: NewCall<'_>, now_ms: u64) -> Result<Begun, Abort> {
        let position = self.calls.len() as u32;
        if self.calls.len() >= self.limits.calls_max {
            let what = format_args!("begin durable call {} ({:?})", position + 1, call.function_id);
            return Err(Abort::over("limits.calls_max", what));
        }
        check_function_id(call.action, call.function_id, self.record_bytes_max).map_err(|message| {
            Abort::Limit("limits.record_bytes_max", format!("begin durable call {}: {message}", position + 1))
        })?;
        let ordinal = self.free_ordinal(&call);
        let id = self.call_id(&call, ordinal);
        let step = self.step(position, &call)?;
        let mut known = Call {
            function_id: Arc::from(call.function_id),
            digest: call.digest,
            ordinal,
            mode: call.mode,
            phase: Phase::Open,
            left_host: false,
            effect_ends_at_ms: None,
            pending_put: false,
        };
        match &step {
            NextStep::Replay(_) => {
                let recorded = self.recorded.get(position).expect("it was just found");
                known.phase = Phase::Ended { retryable: recorded.retryable };
                self.latest_end_ms = self.latest_end_ms.max(recorded.completed_at_ms);
            }
            NextStep::Execute | NextStep::Reconcile { .. } => self.open += 1,
        }
        if call.mode == CallMode::Reconcilable && !matches!(step, NextStep::Replay(_)) {
            // An effect made after reconciling needs a time of its own: the recorded one has passed.
            let from =
                if let NextStep::Reconcile { not_before_ms } = step { now_ms.max(not_before_ms) } else { now_ms };
            known.effect_ends_at_ms = Some(from.saturating_add(self.limits.effect_ms_max));
        }
        self.calls.push(known);
        if matches!(step, NextStep::Execute) {
            self.put_pending(position as usize);
        }
        Ok(Begun { position, id, step })
    }

    /// Puts that an open call, if it is a reconcilable one, has an effect until a time, unless that is put.
    fn put_pending(&mut self, position: usize) {
        let call = &mut self.calls[position];
        let Some(effect_ends_at_ms) = call.effect_ends_at_ms.filter(|_| !call.pending_put) else { return };
        call.pending_put = true;
        let result = CallResult {
            function_id: call.function_id.clone(),
            arguments_digest: call.digest,
            status: CallStatus::Pending { effect_ends_at_ms },
            retryable: false,
            completed_at_ms: 0,
        };
        self.flush_deferred();
        self.ready.push(CallPut::Put(position as u32, result));
    }

    /// Closes an open call; answers what was recorded instead, if the outcome passed a limit [S11].
    pub(super) fn complete(
        &mut self,
        position: u32,
        ended: EndedCall<'_>,
        now_ms: u64,
    ) -> Result<Option<Failure>, Abort> {
        let call = self.calls.get_mut(position as usize).filter(|call| matches!(call.phase, Phase::Open));
        let Some(call) = call else {
            return Err(Abort::Trap(format!("complete durable call {position}: no call is open at that position")));
        };
        let (outcome, mut instead) = within_limit(ended.outcome, self.limits.value_bytes_max)?;
        let retryable =
            instead.is_none() && (ended.counts_as_retryable || matches!(&outcome, Err(failure) if failure.retryable));
        let mut result = CallResult {
            function_id: call.function_id.clone(),
            arguments_digest: call.digest,
            status: match outcome {
                Ok(json) => CallStatus::Succeeded(json),
                Err(failure) => CallStatus::Failed(failure),
            },
            retryable,
            completed_at_ms: now_ms,
        };
        if let Err(failure) = fits_record(ended.action, &result, self.record_bytes_max) {
            result.status = CallStatus::Failed(failure.clone());
            result.retryable = false;
            instead = Some(failure);
        }
        let retryable = result.retryable;
        self.open -= 1;
        self.latest_end_ms = self.latest_end_ms.max(now_ms);
        if retryable {
            call.phase = Phase::Held(result);
        } else {
            call.phase = Phase::Ended { retryable: false };
            let left_host = call.left_host;
            self.hand_over(position, result, left_host);
        }
        Ok(instead)
    }

    /// A request is going to leave the host for every call that is open: their outcomes are handed over at once.
    /// The time by which it must have ended. Only now does a call that is reconciled get a new one on record: one that
    /// is cut off while it waits to ask would else wait longer each time.
    pub(super) fn on_request_leaves(&mut self) -> Option<u64> {
        let mut ends_at_ms: Option<u64> = None;
        for position in 0..self.calls.len() {
            let call = &mut self.calls[position];
            if !matches!(call.phase, Phase::Open) {
                continue;
            }
            call.left_host = true;
            ends_at_ms = ends_at_ms.into_iter().chain(call.effect_ends_at_ms).min();
            self.put_pending(position);
        }
        ends_at_ms
    }

    /// A request left the host for one call.
    pub(super) fn on_request_left(&mut self, position: u32) {
        self.calls[position as usize].left_host = true;
    }

    /// The action returned: nothing may be open, nothing recorded may be left over [S14].
    pub(super) fn check_completed(&mut self) -> Result<(), Abort> {
        if let Some(position) = self.calls.iter().position(|call| matches!(call.phase, Phase::Open)) {
            let call = &self.calls[position];
            let message = format!("return with durable call {position} ({:?}) open: complete it", call.function_id);
            return Err(Abort::Trap(message));
        }
        let position = self.calls.len() as u32;
        let Some((first, recorded)) = self.recorded.starting_at(position).next() else { return Ok(()) };
        let what = format!("recorded call {first} ({:?}) was not asked for", recorded.function_id);
        self.diverge(position, what)
    }

    fn step(&mut self, position: u32, call: &NewCall<'_>) -> Result<NextStep, Abort> {
        let Some(recorded) = self.recorded.get(position) else { return Ok(NextStep::Execute) };
        if *recorded.function_id == *call.function_id && recorded.arguments_digest == call.digest {
            match &recorded.status {
                CallStatus::Succeeded(json) => return Ok(NextStep::Replay(Ok(json.clone()))),
                CallStatus::Failed(failure) => return Ok(NextStep::Replay(Err(failure.clone()))),
                CallStatus::Pending { effect_ends_at_ms } if call.mode == CallMode::Reconcilable => {
                    return Ok(NextStep::Reconcile { not_before_ms: *effect_ends_at_ms });
                }
                CallStatus::Pending { .. } => {}
            }
        }
        let what = format!(
            "recorded call {position} is {:?} with arguments {}{}, asked was {:?} with arguments {}",
            recorded.function_id,
            short(&recorded.arguments_digest),
            if recorded.is_pending() { ", pending" } else { "" },
            call.function_id,
            short(&call.digest),
        );
        self.diverge(position, what)?;
        Ok(NextStep::Execute)
    }

    /// Fails, or drops the records from a position on, the highest first.
    fn diverge(&mut self, from: u32, what: String) -> Result<(), Abort> {
        let pending = self.recorded.starting_at(from).any(|(_, recorded)| recorded.is_pending());
        if self.on_divergence == OnDivergence::Fail || pending {
            return Err(Abort::Divergence(what));
        }
        self.flush_deferred();
        for (position, _) in self.recorded.split_off(from).iter().rev() {
            self.ready.push(CallPut::Drop(position));
        }
        Ok(())
    }

    fn hand_over(&mut self, position: u32, result: CallResult, left_host: bool) {
        self.deferred.push(CallPut::Put(position, result));
        if left_host {
            self.flush_deferred();
        }
    }

    /// The lowest ordinal that no call with the same function id and digest holds. A call that ended with a retryable
    /// failure gives its ordinal back: a loop that tries again sends the same id [S12].
    fn free_ordinal(&self, call: &NewCall<'_>) -> u32 {
        let mut taken: Vec<u32> = Vec::new();
        for (position, known) in self.calls.iter().enumerate() {
            let same = *known.function_id == *call.function_id && known.digest == call.digest;
            let given_back = match known.phase {
                Phase::Open => false,
                Phase::Held(_) => true,
                Phase::Ended { retryable } => retryable,
            };
            if same && (!given_back || position >= call.batch_from) {
                taken.push(known.ordinal);
            }
        }
        taken.sort_unstable();
        let mut free = 0;
        for ordinal in taken {
            if ordinal == free {
                free += 1;
            }
        }
        free
    }

    fn call_id(&self, call: &NewCall<'_>, ordinal: u32) -> String {
        let parts: [&[u8]; 5] =
            [b"call", &self.seed, call.function_id.as_bytes(), &call.digest, &ordinal.to_be_bytes()];
        hex(&digest_of_parts(&parts)[..16])
    }
}

/// A call that a guest begins.
pub(super) struct NewCall<'a> {
    pub(super) action: &'a ActionName,
    pub(super) function_id: &'a str,
    pub(super) digest: ArgumentsDigest,
    pub(super) mode: CallMode,
    /// Calls from this position on began together with it: they all count for its id.
    pub(super) batch_from: usize,
}

/// How an open call ended.
pub(super) struct EndedCall<'a> {
    pub(super) action: &'a ActionName,
    pub(super) outcome: Outcome,
    /// Treat a success as a retryable failure.
    pub(super) counts_as_retryable: bool,
}

fn short(digest: &ArgumentsDigest) -> String {
    hex(&digest[..6])
}

/// Bytes as hexadecimal text.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(DIGITS[(byte >> 4) as usize] as char);
        text.push(DIGITS[(byte & 15) as usize] as char);
    }
    text
}
