//! All that an operator knows of one key.

use super::failure::put_failed_state;
use super::waiting::PendingEvents;
use super::{Command, Report, ReportedTask, Shared, Waiting};
use crate::action_state::{ActionState, CallPut, DroppedInput, StateKey};
use crate::checkpoint::QueuedTask;
use crate::event::{ActionName, DeadLetter, InputEvent, SequenceNumber, SourcePosition};
use crate::failure::Failure;
use crate::id::EventId;
use crate::invocation::Task;
use crate::key::Key;
use crate::limits::OnQueueFull;
use crate::memory::Tree;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

/// One resident key.
#[derive(Debug)]
pub(super) struct KeyState {
    pub(super) key: Key,
    /// The sequence number that the next input event takes.
    pub(super) next: u64,
    /// Runs below this one are completed.
    pub(super) completed_below: u64,
    pub(super) run: Option<Run>,
    /// Wait because the key is running; the last one has the sequence number `next - 1`.
    pub(super) pending: PendingEvents,
    pub(super) sensory: Arc<Tree>,
    pub(super) short_term: Arc<Tree>,
    pub(super) quarantined: bool,
    /// The last input event became a dead letter because the queue was full.
    pub(super) dropped_last: bool,
    /// Input that finished runs dropped: their states are pruned before the source's offset need be past it.
    pub(super) dropped_input: Vec<DroppedInput>,
    /// The ordinal that the next task takes; grows as long as the key is resident.
    pub(super) next_ordinal: u64,
    /// Whether it stands in the list of changed keys.
    pub(super) changed: bool,
    /// What the store holds of it, by the last durable checkpoint.
    pub(super) persisted: Persisted,
    /// Grows with each change, so that an entry of the idle list that is out of date is known.
    pub(super) generation: u64,
}

/// What the store holds of queues and quarantine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Persisted {
    /// Ordinals of queued tasks.
    pub(super) tasks: Range<u64>,
    /// Sequence numbers of pending input events.
    pub(super) pending: Range<u64>,
    pub(super) run: bool,
    pub(super) quarantined: bool,
}

/// Everything one input event of one key causes.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) sequence_number: SequenceNumber,
    pub(super) input: InputEvent,
    /// First in, first out; the first is the one in hand. The last one has the ordinal `next_ordinal - 1`.
    pub(super) tasks: VecDeque<QueuedTask>,
    pub(super) tasks_made: u64,
    /// The tasks that no action of the run caused, by event and action: those of its input event, and those of states
    /// that no task had asked for.
    pub(super) roots: Vec<(EventId, ActionName)>,
    pub(super) phase: Phase,
    /// When the task in hand first started; set when it is invoked.
    pub(super) started_at_ms: u64,
}

/// What the first task of a run waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nothing: it is to be started.
    Ready,
    /// Nothing: the wait before its next attempt is over.
    Due,
    /// Its invocation.
    Invoking(u64),
    /// The time of its next attempt.
    Backoff,
    /// Its invocation was cut off: the next start of the host.
    Interrupted,
}

impl KeyState {
    /// A key that has seen no event.
    pub(super) fn new(key: Key) -> Self {
        Self {
            key,
            next: 0,
            completed_below: 0,
            run: None,
            pending: PendingEvents::default(),
            sensory: Arc::default(),
            short_term: Arc::default(),
            quarantined: false,
            dropped_last: false,
            dropped_input: Vec::new(),
            next_ordinal: 1,
            changed: false,
            persisted: Persisted::default(),
            generation: 0,
        }
    }

    /// Ordinals of the queued tasks.
    pub(super) fn task_ordinals(&self) -> Range<u64> {
        let count = self.run.as_ref().map_or(0, |run| run.tasks.len() as u64);
        self.next_ordinal - count..self.next_ordinal
    }

    /// Sequence numbers of the pending input events.
    pub(super) fn pending_numbers(&self) -> Range<u64> {
        self.next - self.pending.len() as u64..self.next
    }

    /// Whether nothing is in progress.
    pub(super) fn is_idle(&self) -> bool {
        self.run.is_none() && self.pending.is_empty() && !self.quarantined
    }

    pub(super) fn is_invoking(&self, invocation: u64) -> bool {
        self.run.as_ref().is_some_and(|run| run.phase == Phase::Invoking(invocation))
    }

    /// Counts the key as changed since the last checkpoint.
    pub(super) fn touch(&mut self, shared: &mut Shared) {
        self.generation += 1;
        if !self.changed {
            self.changed = true;
            shared.changed.push(self.key.clone());
        }
        let run = self.run.as_ref().map_or(self.next - self.pending.len() as u64, |run| run.sequence_number.0);
        assert!(self.completed_below <= run && run <= self.next, "key {}: completed ≤ assigned", self.key);
    }

    pub(super) fn on_input_event(&mut self, input: InputEvent, shared: &mut Shared, now_ms: u64) {
        shared.counters.input_events += 1;
        if self.is_dropped(input.position, shared) {
            self.drop_input(input, shared);
            return;
        }
        // A source gives its events in order: what comes before this one will not be given again once this one is in a
        // checkpoint.
        self.dropped_input.retain(|dropped| dropped.last > input.position);
        if self.is_full(shared) && shared.limits.on_queue_full == OnQueueFull::DeadLetter {
            self.record_dropped(&input, shared);
            self.drop_input(input, shared);
            return;
        }
        self.dropped_last = false;
        let number = SequenceNumber(self.next);
        let starts = self.is_idle();
        self.next += 1;
        if starts {
            self.start_run(number, input, shared);
        } else {
            if !self.quarantined {
                shared.waiting += Waiting::of([&input]);
            }
            self.pending.push(input);
            shared.counters.pending_events += 1;
            self.touch(shared);
        }
        self.advance(shared, now_ms);
        self.pause_if_full(shared);
    }

    /// Whether it is quarantined with as many pending input events, or bytes of them, as it may have.
    fn is_full(&self, shared: &Shared) -> bool {
        let (pending, limits) = (self.pending.size(), &shared.limits);
        let is_within =
            self.pending.len() < limits.quarantined_events_max && pending.bytes < limits.quarantined_bytes_max;
        self.quarantined && !is_within
    }

    /// Asks for a pause of the partition, where the settings say so [S29]. A repair ends it.
    pub(super) fn pause_if_full(&self, shared: &mut Shared) {
        if self.is_full(shared) && shared.limits.on_queue_full == OnQueueFull::Pause {
            shared.full.insert(self.key.clone());
        }
    }

    pub(super) fn on_call_puts(&mut self, invocation: u64, puts: Vec<CallPut>, shared: &mut Shared) {
        if puts.is_empty() || !self.is_invoking(invocation) {
            return;
        }
        let key = self.state_in_hand();
        let started_at_ms = self.started_at_ms();
        let action = &self.queued_in_hand().action;
        report_dropped(&key, action, &puts, shared);
        shared.store.put_calls(&key, || ActionState::started(action.clone(), started_at_ms), puts);
    }

    pub(super) fn on_interrupted(&mut self, invocation: u64) {
        if self.is_invoking(invocation)
            && let Some(run) = &mut self.run
        {
            run.phase = Phase::Interrupted;
        }
    }

    /// The name of the state of the first task, and the task.
    pub(super) fn task_in_hand(&self) -> (StateKey, Task) {
        let run = self.run.as_ref().expect("a run is in progress");
        let queued = self.queued_in_hand();
        let task = Task {
            key: self.key.clone(),
            sequence_number: run.sequence_number,
            event: queued.event.clone(),
            action: queued.action.clone(),
            source_timestamp_ms: run.input.timestamp_ms,
            headers: run.input.headers.clone(),
        };
        (self.state_in_hand(), task)
    }

    /// The first task, as it is queued.
    pub(super) fn queued_in_hand(&self) -> &QueuedTask {
        let run = self.run.as_ref().expect("a run is in progress");
        run.tasks.front().expect("a task is in hand")
    }

    /// The name of the state of the first task.
    pub(super) fn state_in_hand(&self) -> StateKey {
        let sequence_number = self.run.as_ref().expect("a run is in progress").sequence_number;
        let queued = self.queued_in_hand();
        StateKey { key: self.key.clone(), sequence_number, event: queued.event.id, action: queued.action.id() }
    }

    /// Puts, with the state that quarantines the key, that this input event is given up: recovery does the same [S29].
    fn record_dropped(&mut self, input: &InputEvent, shared: &mut Shared) {
        let key = self.state_in_hand();
        let recorded = shared.store.get(&key).expect("a quarantined key has a state that says so");
        let mut state = ActionState::clone(recorded);
        match state.dropped_input.last_mut() {
            Some(dropped) if self.dropped_last => dropped.last = input.position,
            _ => {
                let only = DroppedInput { first: input.position, last: input.position };
                state.dropped_input.push(only);
            }
        }
        self.dropped_last = true;
        put_failed_state(&mut shared.store, &key, state);
        shared.commands.push(Command::Report(Report::QueueFull(self.key.clone())));
    }

    /// Whether the event at this position became a dead letter before a recovery.
    fn is_dropped(&self, position: SourcePosition, shared: &Shared) -> bool {
        let mut dropped = self.dropped_input.iter().chain(shared.store.dropped_input(&self.key));
        dropped.any(|dropped| dropped.covers(position))
    }

    fn drop_input(&self, input: InputEvent, shared: &mut Shared) {
        let message =
            "the queue of its quarantined key was full (limits.quarantined_events_max, limits.quarantined_bytes_max)";
        let failure = Failure::fatal("queue-full", message);
        let letter = DeadLetter { input, sequence_number: None, action: None, failure };
        shared.counters.dead_letters += 1;
        shared.commands.push(Command::DeadLetter(Box::new(letter)));
    }
}

/// Tells of recorded calls that an action drops because it asks for others [S14].
fn report_dropped(key: &StateKey, action: &ActionName, puts: &[CallPut], shared: &mut Shared) {
    let dropped = puts.iter().filter_map(|put| if let CallPut::Drop(position) = put { Some(*position) } else { None });
    let Some(first) = dropped.min() else { return };
    let recorded = shared.store.get(key).and_then(|state| state.call_results.get(first));
    let what = recorded.map_or_else(String::new, |recorded| format!(" ({:?})", recorded.function_id));
    let message =
        format!("the records from call {first}{what} on are dropped, for the action asks for another call there");
    shared.counters.divergences += 1;
    let reported = ReportedTask { state: key.clone(), action: action.clone() };
    shared.report(Report::Divergence(reported, message));
}
