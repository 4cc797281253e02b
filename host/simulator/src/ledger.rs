//! The ledger outside: what each task did, which effects were seen, and what of it must have survived a crash.
//!
//! It knows only the contract, not the records: when something has been handed to the log that long, it holds. So a
//! mistake of the core, of the driver or of the log shows here in the same way.

use crate::facts::{Fact, Facts, Span};
use hashbrown::HashMap;
use weir_core::action_state::StateKey;
use weir_core::event::Event;
use weir_core::json::Json;
use weir_core::key::Key;

/// Names a task in the ledger.
pub type TaskIndex = usize;
/// Names an invocation in the ledger.
pub type InvocationIndex = usize;

/// How a call ended, as the guest saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// With a result.
    Succeeded,
    /// With a retryable failure.
    Retryable,
    /// With a failure.
    Failed,
    /// With more bytes than it may have.
    TooLarge,
}

/// What a call asks: function, and what its arguments were made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The function.
    pub function: u8,
    /// What a run without crashes would have, too.
    pub det: u32,
    /// What comes from chance, clock and the like.
    pub nonce: u32,
}

/// An effect that the world saw.
#[derive(Clone, Debug)]
pub struct Effect {
    /// The task that made it.
    pub task: TaskIndex,
    /// The call's position.
    pub position: u32,
    /// The call's id.
    pub id: String,
    /// The call.
    pub asked: Asked,
    /// Whether the call is reconcilable.
    pub reconcilable: bool,
    /// How it was answered.
    pub status: Status,
    /// Which execution it was.
    pub execution: u32,
    /// Whether it has happened.
    pub landed: bool,
    /// Whether something of what was recorded of the task's calls had been dropped before, so that they are made again.
    pub after_drop: bool,
}

/// What is known of one task.
#[derive(Clone, Debug)]
pub struct TaskRecord {
    /// Its name.
    pub key: StateKey,
    /// Whether different releases ran it.
    pub releases: Vec<usize>,
}

/// What is known of one invocation.
#[derive(Clone, Debug)]
pub struct InvocationRecord {
    /// Its task.
    pub task: TaskIndex,
    /// The payload of its event.
    pub given: Json,
    /// The calls it asked for, by position.
    pub asked: Vec<(Asked, Option<Status>)>,
    /// The events it emitted.
    pub emitted: Vec<Event>,
    /// The release.
    pub release: usize,
}

/// Everything that is known outside.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    /// All tasks that were ever seen.
    pub tasks: Vec<TaskRecord>,
    /// All invocations.
    pub invocations: Vec<InvocationRecord>,
    /// All effects.
    pub effects: Vec<Effect>,
    /// The first thing that is wrong.
    pub violation: Option<String>,
    by_key: HashMap<StateKey, TaskIndex>,
    /// What holds, as the host that is looked at knows it.
    pub facts: Facts,
    /// A host is looked at that has lost what it acts for, and does not know: only what it does outside is wrong.
    pub muted: bool,
    /// Keys at which a divergence was met.
    pub diverged: Vec<Key>,
    ids: HashMap<String, (TaskIndex, Asked)>,
}

impl Ledger {
    /// Notes that something is wrong.
    pub fn violate(&mut self, what: impl FnOnce() -> String) {
        if self.violation.is_none() && !self.muted {
            self.violation = Some(what());
        }
    }

    /// The task of this name.
    pub fn task(&mut self, key: &StateKey) -> TaskIndex {
        if let Some(task) = self.by_key.get(key) {
            return *task;
        }
        let record = TaskRecord { key: key.clone(), releases: Vec::new() };
        self.tasks.push(record);
        self.by_key.insert(key.clone(), self.tasks.len() - 1);
        self.tasks.len() - 1
    }

    /// The task of this name, if it was ever seen.
    pub fn known_task(&self, key: &StateKey) -> Option<TaskIndex> {
        self.by_key.get(key).copied()
    }

    /// A task is invoked.
    pub fn on_invoked(&mut self, key: &StateKey, attempt: u32, release: usize) -> (TaskIndex, InvocationIndex) {
        let task = self.task(key);
        let (failed, over) = self.facts.attempts(task);
        let record = &mut self.tasks[task];
        if !record.releases.contains(&release) {
            record.releases.push(release);
        }
        self.facts.on_invoked(task, self.invocations.len());
        self.invocations.push(InvocationRecord {
            task,
            given: Json::null(),
            asked: Vec::new(),
            emitted: Vec::new(),
            release,
        });
        if let Some(over) = over {
            self.violate(|| format!("task {key} {over}, and is run again"));
        } else if attempt != failed + 1 {
            self.violate(|| format!("task {key} runs as attempt {attempt} after {failed} failed ones"));
        }
        (task, self.invocations.len() - 1)
    }

    /// The outcome of a call for which a request left the host is handed to the log.
    pub fn on_recorded(&mut self, task: TaskIndex, position: u32, status: Status) {
        self.facts.add(task, Fact::Recorded { position, failed: status != Status::Succeeded });
    }

    /// Records are dropped by a divergence.
    pub fn on_dropped(&mut self, task: TaskIndex, from: u32, release: usize) {
        if self.facts.is_dropped(task, from, release) {
            let key = self.tasks[task].key.clone();
            self.violate(|| format!("task {key}: what a divergence dropped is met again at call {from}"));
        }
        self.facts.add(task, Fact::MayBeDropped { from });
        self.facts.add(task, Fact::Dropped { from, release });
    }

    /// A task met a divergence.
    pub fn on_divergence(&mut self, state: &StateKey) {
        if !self.diverged.contains(&state.key) {
            self.diverged.push(state.key.clone());
        }
    }

    /// An attempt failed.
    pub fn on_attempt_failed(&mut self, task: TaskIndex) {
        self.facts.add(task, Fact::AttemptFailed);
    }

    /// A task failed for good.
    pub fn on_failed_for_good(&mut self, task: TaskIndex) {
        self.facts.add(task, Fact::FailedForGood);
    }

    /// A repair says that a task is tried again.
    pub fn on_retried(&mut self, task: TaskIndex, failed_calls: bool) {
        if failed_calls {
            self.facts.add(task, Fact::MayBeMadeAgain);
        }
        self.facts.add(task, Fact::Retried);
    }

    /// A task completed.
    pub fn on_completed(&mut self, task: TaskIndex, release: usize) {
        self.facts.add(task, Fact::Completed { release });
    }

    /// All that the facts since the last call rest on has been handed to the log, whose writes are so many then.
    /// `span_of` tells which of the last writes are about a task's state.
    pub fn on_handed_over(&mut self, writes: usize, span_of: impl Fn(&StateKey) -> Option<Span>) {
        let tasks = &self.tasks;
        self.facts.on_handed_over(writes, |task| span_of(&tasks[task].key));
    }

    /// A crash left so many writes.
    pub fn on_crash(&mut self, writes: usize) {
        self.facts.on_crash(writes);
    }

    /// The world sees an effect begin.
    pub fn on_effect(&mut self, effect: Effect) -> usize {
        let record = &self.tasks[effect.task];
        let key = &record.key;
        if self.facts.is_recorded(effect.task, effect.position) {
            let (key, position) = (key.clone(), effect.position);
            self.violate(|| format!("call {position} of {key} is executed, though its outcome was recorded"));
        }
        let task = effect.task;
        match self.ids.get(&effect.id) {
            None => drop(self.ids.insert(effect.id.clone(), (task, effect.asked))),
            Some((of, asked)) if *of != task || *asked != effect.asked => {
                let (id, asked, other) = (effect.id.clone(), *asked, effect.asked);
                self.violate(|| format!("call id {id} stands for {asked:?} and for {other:?}"));
            }
            Some(_) => {}
        }
        let after_drop = self.facts.was_dropped(task);
        self.effects.push(Effect { after_drop, ..effect });
        self.effects.len() - 1
    }

    /// An effect happens.
    pub fn on_landed(&mut self, index: usize) {
        let effect = &self.effects[index];
        if effect.landed || effect.status == Status::Retryable {
            return;
        }
        let again = effect.reconcilable
            && !effect.after_drop
            && self.effects.iter().any(|other| {
                other.landed
                    && !other.after_drop
                    && other.reconcilable
                    && other.id == effect.id
                    && other.status != Status::Retryable
            });
        if again {
            let (id, key) = (effect.id.clone(), self.tasks[effect.task].key.clone());
            self.violate(|| format!("reconcilable call {id} of {key} took effect twice"));
        }
        self.effects[index].landed = true;
    }
}
