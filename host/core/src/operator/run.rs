//! Runs and their tasks: start, go on, end.

use super::key_state::{KeyState, Phase, Run};
use super::{Command, Report, ReportedTask, Shared, Waiting};
use crate::action_state::{ActionState, CallResults, Decision, EmittedEvent, Failed, StateKey};
use crate::checkpoint::QueuedTask;
use crate::event::{Event, InputEvent, KIND_OUTPUT, SequenceNumber};
use crate::failure::{ActionFailure, Failure, FailureClass};
use crate::invocation::{Effects, Invocation, InvocationStart, OnDivergence, Task};
use crate::json::Json;
use crate::plan::PlannedAction;
use std::collections::VecDeque;
use std::sync::Arc;

impl Task {
    /// The name of the task's action state.
    pub fn state_key(&self) -> StateKey {
        StateKey {
            key: self.key.clone(),
            sequence_number: self.sequence_number,
            event: self.event.id,
            action: self.action.id(),
        }
    }
}

impl Shared {
    pub(super) fn report(&mut self, report: Report) {
        self.commands.push(Command::Report(report));
    }
}

impl KeyState {
    /// Goes on until the key waits for something: an invocation, a time, a repair, or the next event.
    /// Live and recovered work go this one way.
    pub(super) fn advance(&mut self, shared: &mut Shared, now_ms: u64) {
        while !self.quarantined {
            match &self.run {
                None if self.pending.is_empty() => break,
                None => self.start_pending(shared),
                Some(run) if !matches!(run.phase, Phase::Ready | Phase::Due) => break,
                Some(run) if run.tasks.is_empty() => self.end_of_tasks(shared),
                Some(_) => self.start_task(shared, now_ms),
            }
        }
    }

    /// The next pending input event starts its run [S1].
    fn start_pending(&mut self, shared: &mut Shared) {
        let sequence_number = SequenceNumber(self.pending_numbers().start);
        let input = self.pending.pop().expect("an input event is pending");
        shared.counters.pending_events -= 1;
        shared.waiting -= Waiting::of([&input]);
        self.start_run(sequence_number, input, shared);
    }

    /// An input event starts its run [S2].
    pub(super) fn start_run(&mut self, sequence_number: SequenceNumber, input: InputEvent, shared: &mut Shared) {
        shared.counters.keys_running += 1;
        let listeners = shared.plan.listeners(&input.event.kind);
        // Most events have one listener.
        let mut tasks = VecDeque::with_capacity(1);
        tasks.extend(listeners.map(|action| QueuedTask { event: input.event.clone(), action: action.name.clone() }));
        if tasks.is_empty() {
            shared.on_unheard(&input.event.kind);
        }
        let tasks_made = tasks.len() as u64;
        self.next_ordinal += tasks_made;
        let roots = tasks.iter().map(|task| (task.event.id, task.action.clone())).collect();
        self.run =
            Some(Run { sequence_number, input, tasks, tasks_made, roots, phase: Phase::Ready, started_at_ms: 0 });
        self.touch(shared);
    }

    /// Starts the first task: what the store holds of it decides [S18].
    fn start_task(&mut self, shared: &mut Shared, now_ms: u64) {
        let (key, task) = self.task_in_hand();
        let recorded = shared.store.get(&key).cloned();
        match recorded.as_ref().and_then(|state| state.decision()) {
            None | Some(Decision::Retry) => {}
            Some(_) => return self.apply_recorded(&key, shared),
        }
        if let Some(state) = recorded.as_ref().filter(|state| state.completed) {
            if let Err(error) = self.check_fits(state) {
                let message =
                    format!("the completed action {} does not fit the memory of its key: {error}", task.action);
                return self.fail_for_good(FailureClass::Divergence, "divergence", message, shared, now_ms);
            }
            shared.counters.actions_recovered += 1;
            return self.apply_recorded(&key, shared);
        }
        let plan = shared.plan.clone();
        let Some(action) = plan.action(task.action.id()) else {
            let message = format!("action {} is not in the plan: deploy it again, or skip or discard", task.action);
            return self.fail_for_good(FailureClass::Fatal, "action-gone", message, shared, now_ms);
        };
        let run = self.run.as_ref().expect("a run is in progress");
        let (made, max) = (run.tasks_made, shared.limits.tasks_per_run_max);
        if made > max {
            let message = format!("a run of {made} tasks is over limits.tasks_per_run_max ({max})");
            return self.fail_for_good(FailureClass::Limit, "limit", message, shared, now_ms);
        }
        let failed = recorded.as_ref().and_then(|state| state.failed.as_ref());
        if let Some(until_ms) = failed.and_then(|failed| self.wait_until(&key, action, failed, now_ms)) {
            return self.back_off(until_ms, shared);
        }
        self.invoke(task, action, recorded.as_deref(), shared, now_ms);
    }

    /// Until when the next attempt waits, where a process before this one failed: no longer than it would have waited
    /// then, whatever clocks show.
    fn wait_until(&self, key: &StateKey, action: &PlannedAction, failed: &Failed, now_ms: u64) -> Option<u64> {
        let phase = self.run.as_ref().expect("a run is in progress").phase;
        if phase == Phase::Due || failed.not_before_ms <= now_ms {
            return None;
        }
        let after = failed.failure.failure.retry_after_ms;
        let wait = action.policy.retry.backoff_ms(failed.attempts, key.to_string().as_bytes(), after);
        Some(failed.not_before_ms.min(now_ms.saturating_add(wait)))
    }

    fn invoke(
        &mut self,
        task: Task,
        action: &PlannedAction,
        recorded: Option<&ActionState>,
        shared: &mut Shared,
        now_ms: u64,
    ) {
        let id = shared.next_invocation;
        shared.next_invocation += 1;
        shared.counters.invocations += 1;
        let attempts = recorded.and_then(|state| state.failed.as_ref()).map_or(0, |failed| failed.attempts);
        let started_at_ms = recorded.map(|state| state.started_at_ms).or(task.source_timestamp_ms).unwrap_or(now_ms);
        let effect_ms_max = action.limits.reconcilable_effect_ms_max();
        let calls = recorded.map(|_| shared.store.calls_on_this_clock(&self.state_in_hand(), now_ms, effect_ms_max));
        let start = InvocationStart {
            id,
            attempt: attempts + 1,
            started_at_ms,
            recorded: calls.unwrap_or_default(),
            task,
            sensory: self.sensory.clone(),
            short_term: self.short_term.clone(),
            limits: action.limits.clone(),
            on_divergence: action.policy.on_divergence,
        };
        let run = self.run.as_mut().expect("a run is in progress");
        run.phase = Phase::Invoking(id);
        run.started_at_ms = started_at_ms;
        let mut invocation = Box::new(Invocation::new(start));
        invocation.limit_record_bytes(shared.limits.record_bytes_max);
        shared.commands.push(Command::Invoke(invocation));
    }

    /// An action completed: its state is put, then applied [S21].
    pub(super) fn on_action_completed(&mut self, effects: Effects, shared: &mut Shared, now_ms: u64) {
        let key = self.state_in_hand();
        let mut state = self.completed_state(effects, shared);
        let put = shared.store.put_completed(&key, &mut state, |known, state| {
            // What a recovery must know of the time in quarantine: the repair, and the input dropped meanwhile.
            state.failed = known.failed.as_ref().filter(|failed| failed.repairs > 0).map(repaired);
            state.dropped_input = known.dropped_input.clone();
        });
        match put {
            Ok(()) => {
                shared.counters.actions_completed += 1;
                self.apply(&state, shared);
                self.advance(shared, now_ms);
            }
            Err(too_large) => {
                let failure = Failure::fatal("limit", too_large.to_string());
                let failure = ActionFailure { class: FailureClass::Limit, failure };
                self.on_attempt_failed(failure, false, shared, now_ms);
            }
        }
    }

    fn completed_state(&self, effects: Effects, shared: &Shared) -> ActionState {
        let task = self.queued_in_hand();
        let matched = |event: Event| {
            let matched_actions = match &*event.kind {
                KIND_OUTPUT => Vec::new(),
                kind => shared.plan.listeners(kind).map(|action| action.name.clone()).collect(),
            };
            EmittedEvent { event, matched_actions }
        };
        let action = shared.plan.action(task.action.id());
        ActionState {
            component: action.map_or_else(|| Arc::from(""), |action| action.component_digest.clone()),
            task_event: Some(task.event.clone()),
            sensory_updates: effects.sensory_updates,
            short_term_updates: effects.short_term_updates,
            output_events: effects.events.into_iter().map(matched).collect(),
            completed: true,
            action: task.action.clone(),
            started_at_ms: self.started_at_ms(),
            call_results: CallResults::default(),
            failed: None,
            dropped_input: Vec::new(),
        }
    }

    /// When the task in hand first started.
    pub(super) fn started_at_ms(&self) -> u64 {
        self.run.as_ref().expect("a run is in progress").started_at_ms
    }

    /// No task is left: the run is finished [S3], unless something was recorded that no task asked for [S14].
    fn end_of_tasks(&mut self, shared: &mut Shared) {
        let run = self.run.as_mut().expect("a run is in progress");
        let Some((orphan, state)) = shared.store.unasked(&self.key, run.sequence_number) else {
            return self.finish_run(shared);
        };
        let (action, event) = (state.action.clone(), orphan_event(&orphan, &state, &run.input.event));
        let decided = state.failed.as_ref().is_some_and(|failed| failed.decision.is_some() || failed.repairs > 0);
        let pending = state.call_results.values().any(|call| call.is_pending());
        let policy = shared.plan.action(orphan.action).map(|action| action.policy.on_divergence);
        if policy == Some(OnDivergence::Execute) && !pending && !decided {
            shared.store.drop_state(&orphan);
            shared.counters.divergences += 1;
            let what = format!("a state of action {action} was recorded that no task asked for; it is dropped");
            return shared.report(Report::Divergence(ReportedTask { state: orphan, action }, what));
        }
        run.roots.push((event.id, action.clone()));
        run.tasks.push_back(QueuedTask { event, action: action.clone() });
        run.tasks_made += 1;
        self.next_ordinal += 1;
        shared.store.get(&orphan);
        let message = format!("a state of action {action} was recorded that no task asked for");
        if decided {
            // A process before this one decided, or people did: that stands.
            shared.counters.divergences += 1;
            return shared.report(Report::Divergence(ReportedTask { state: orphan, action }, message));
        }
        self.fail_for_good(FailureClass::Divergence, "divergence", message, shared, 0);
    }

    pub(super) fn finish_run(&mut self, shared: &mut Shared) {
        let run = self.run.take().expect("a run is in progress");
        if !self.sensory.is_empty() {
            Arc::make_mut(&mut self.sensory).clear();
        }
        assert_eq!(self.completed_below, run.sequence_number.0, "key {}: runs end in their order", self.key);
        self.completed_below = run.sequence_number.0 + 1;
        self.keep_dropped_input(shared);
        shared.counters.runs_finished += 1;
        shared.counters.keys_running -= 1;
        self.touch(shared);
    }

    /// What the run's states say of dropped input outlives them.
    fn keep_dropped_input(&mut self, shared: &Shared) {
        for dropped in shared.store.dropped_input(&self.key) {
            if !self.dropped_input.contains(dropped) {
                self.dropped_input.push(*dropped);
            }
        }
    }

    pub(super) fn on_retry_due(&mut self, shared: &mut Shared, now_ms: u64) {
        if let Some(run) = &mut self.run
            && run.phase == Phase::Backoff
        {
            run.phase = Phase::Due;
            shared.backing_off.remove(&self.key);
            self.advance(shared, now_ms);
        }
    }
}

/// What stays of the failure of an action that completed after a repair.
fn repaired(failed: &Failed) -> Failed {
    let failure = Failure::fatal("repaired", "an earlier attempt failed, and the action completed after a repair");
    let failure = ActionFailure { class: failed.failure.class, failure };
    let (attempts, repairs) = (failed.attempts, failed.repairs);
    Failed { attempts, failure, decision: Some(Decision::Retry), repairs, not_before_ms: 0 }
}

/// The event of a state that no task asked for, as far as it is known.
fn orphan_event(key: &StateKey, state: &ActionState, input: &Event) -> Event {
    match &state.task_event {
        Some(event) => event.clone(),
        None if input.id == key.event => input.clone(),
        None => Event { id: key.event, kind: "unknown".into(), payload: Json::null() },
    }
}
