//! The only door for what an action did [S18].

use super::key_state::{KeyState, Phase};
use super::{Command, Shared};
use crate::action_state::{ActionState, Decision, StateKey};
use crate::checkpoint::QueuedTask;
use crate::event::{DeadLetter, KIND_OUTPUT, OutputEvent};
use crate::memory::{Entries, MemoryError, MemoryUpdate, Overlay, Tree};
use std::sync::Arc;

impl KeyState {
    /// Applies the state that the store holds of the task in hand.
    pub(super) fn apply_recorded(&mut self, key: &StateKey, shared: &mut Shared) {
        let state = shared.store.get(key).expect("the state was just found or put");
        let state = state.clone();
        self.apply(&state, shared);
    }

    /// Gives an action state's effects to keyed state, plan and sink. Live and recovered actions go this one way.
    pub(super) fn apply(&mut self, state: &ActionState, shared: &mut Shared) {
        match state.decision() {
            Some(Decision::Quarantine | Decision::Stop) => self.park(shared),
            Some(Decision::Discard) => self.discard_run(state, shared),
            Some(Decision::Skip) => self.end_task(shared),
            Some(Decision::Retry) | None => self.apply_completed(state, shared),
        }
    }

    fn apply_completed(&mut self, state: &ActionState, shared: &mut Shared) {
        assert!(state.completed, "apply of action {} that has not completed", state.action);
        self.update_memory(&state.short_term_updates, |key| &mut key.short_term);
        self.update_memory(&state.sensory_updates, |key| &mut key.sensory);
        let run = self.run.as_mut().expect("a run is in progress");
        let trigger = run.tasks.front().expect("a task is in hand").event.id;
        let mut made = 0;
        for emitted in &state.output_events {
            if &*emitted.event.kind == KIND_OUTPUT {
                shared.counters.output_events += 1;
                shared.commands.push(Command::Emit(OutputEvent {
                    id: emitted.event.id,
                    key: self.key.clone(),
                    sequence_number: run.sequence_number,
                    action: state.action.clone(),
                    triggering_event_id: trigger,
                    source_timestamp_ms: run.input.timestamp_ms,
                    payload: emitted.event.payload.clone(),
                }));
            } else if emitted.matched_actions.is_empty() {
                shared.on_unheard(&emitted.event.kind);
            }
            for action in &emitted.matched_actions {
                run.tasks.push_back(QueuedTask { event: emitted.event.clone(), action: action.clone() });
                made += 1;
            }
        }
        run.tasks_made += made;
        self.next_ordinal += made;
        self.end_task(shared);
    }

    /// Whether memory takes a recorded state's updates. After a deploy that took actions before it out of the run it may
    /// not, and that is no broken invariant.
    pub(super) fn check_fits(&self, state: &ActionState) -> Result<(), MemoryError> {
        for (tree, updates) in [(&self.short_term, &state.short_term_updates), (&self.sensory, &state.sensory_updates)]
        {
            let mut memory = Overlay::new(tree.clone());
            for update in updates {
                memory.update(update)?;
            }
        }
        Ok(())
    }

    fn update_memory(&mut self, updates: &[MemoryUpdate], memory: impl FnOnce(&mut Self) -> &mut Arc<Tree>) {
        if updates.is_empty() {
            return;
        }
        let tree = Arc::make_mut(memory(self));
        for update in updates {
            let applied = tree.update(update);
            assert!(applied.is_ok(), "apply {update:?}: {applied:?}, though it was seen to fit");
        }
    }

    /// The task in hand is done.
    fn end_task(&mut self, shared: &mut Shared) {
        let run = self.run.as_mut().expect("a run is in progress");
        run.tasks.pop_front();
        run.phase = Phase::Ready;
        self.touch(shared);
    }

    /// The key is quarantined; the others go on.
    fn park(&mut self, shared: &mut Shared) {
        self.quarantined = true;
        shared.waiting -= self.pending.size();
        shared.quarantined.insert(self.key.clone());
        shared.counters.keys_quarantined += 1;
        shared.counters.keys_running -= 1;
        let run = self.run.as_mut().expect("a run is in progress");
        run.phase = Phase::Ready;
        self.pause_if_full(shared);
        self.touch(shared);
    }

    /// The run ends: what its applied tasks did stays, its input event becomes a dead letter.
    fn discard_run(&mut self, state: &ActionState, shared: &mut Shared) {
        let failed = state.failed.as_ref().expect("a decision stands with its failure");
        let run = self.run.as_mut().expect("a run is in progress");
        run.tasks.clear();
        let letter = DeadLetter {
            input: run.input.clone(),
            sequence_number: Some(run.sequence_number),
            action: Some(state.action.clone()),
            failure: failed.failure.failure.clone(),
        };
        shared.counters.dead_letters += 1;
        shared.commands.push(Command::DeadLetter(Box::new(letter)));
        self.finish_run(shared);
    }
}
