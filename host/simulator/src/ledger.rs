//! The ledger outside: what each task did, which effects were seen, and what of it must have survived a crash.
//!
//! It knows only the contract, not the records: when something has been handed to the log that long, it holds. So a
//! mistake of the core, of the driver or of the log shows here in the same way.

use hashbrown::HashMap;
use weir_core::action_state::StateKey;
use weir_core::event::Event;
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
}

/// Which writes are about a state, counted as the writes of the log are after each.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    /// The first.
    pub first: usize,
    /// The last tombstone.
    pub last_tombstone: usize,
    /// The last.
    pub last: usize,
}

/// What the contract says of a task from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Fact {
    /// The outcome of the call at this position is recorded.
    Recorded { position: u32, failed: bool },
    /// Some of the records from this position on may be dropped.
    MayBeDropped { from: u32 },
    /// All of them are, by this release.
    Dropped { from: u32, release: usize },
    /// Some of the failed calls may be dropped, to be made again.
    MayBeMadeAgain,
    /// An attempt failed.
    AttemptFailed,
    /// It failed for good.
    FailedForGood,
    /// It is tried again from the first attempt.
    Retried,
    /// It completed, in this release.
    Completed { release: usize },
}

/// What is known of one task.
#[derive(Clone, Debug)]
pub struct TaskRecord {
    /// Its name.
    pub key: StateKey,
    /// Its facts, each with the number of writes after which it survives.
    facts: Vec<(usize, Fact)>,
    /// The last invocation of it.
    pub last: Option<InvocationIndex>,
    /// Whether different releases ran it.
    pub releases: Vec<usize>,
}

/// What is known of one invocation.
#[derive(Clone, Debug)]
pub struct InvocationRecord {
    /// Its task.
    pub task: TaskIndex,
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
    fresh: Vec<(TaskIndex, Fact)>,
    /// Keys at which a divergence was met.
    pub diverged: Vec<Key>,
    ids: HashMap<String, (TaskIndex, Asked)>,
}

impl Ledger {
    /// Notes that something is wrong.
    pub fn violate(&mut self, what: impl FnOnce() -> String) {
        if self.violation.is_none() {
            self.violation = Some(what());
        }
    }

    /// The task of this name.
    pub fn task(&mut self, key: &StateKey) -> TaskIndex {
        if let Some(task) = self.by_key.get(key) {
            return *task;
        }
        let record = TaskRecord { key: key.clone(), facts: Vec::new(), last: None, releases: Vec::new() };
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
        let record = &mut self.tasks[task];
        let mut failed = 0;
        let mut over = None;
        for (_, fact) in &record.facts {
            match fact {
                Fact::AttemptFailed => failed += 1,
                Fact::Retried => (failed, over) = (0, None),
                Fact::Completed { .. } => over = Some("completed"),
                Fact::FailedForGood => over = Some("failed for good"),
                _ => {}
            }
        }
        if !record.releases.contains(&release) {
            record.releases.push(release);
        }
        record.last = Some(self.invocations.len());
        self.invocations.push(InvocationRecord { task, asked: Vec::new(), emitted: Vec::new(), release });
        if let Some(over) = over {
            self.violate(|| format!("task {key} {over}, and is run again"));
        } else if attempt != failed + 1 {
            self.violate(|| format!("task {key} runs as attempt {attempt} after {failed} failed ones"));
        }
        (task, self.invocations.len() - 1)
    }

    /// The outcome of a call for which a request left the host is handed to the log.
    pub fn on_recorded(&mut self, task: TaskIndex, position: u32, status: Status) {
        self.fresh.push((task, Fact::Recorded { position, failed: status != Status::Succeeded }));
    }

    /// Records are dropped by a divergence.
    pub fn on_dropped(&mut self, task: TaskIndex, from: u32, release: usize) {
        let met = |(_, fact): &(usize, Fact)| match fact {
            Fact::Dropped { from: before, release: of } => *of == release && *before <= from,
            _ => false,
        };
        if self.tasks[task].facts.iter().any(met) {
            let key = self.tasks[task].key.clone();
            self.violate(|| format!("task {key}: what a divergence dropped is met again at call {from}"));
        }
        self.fresh.push((task, Fact::MayBeDropped { from }));
        self.fresh.push((task, Fact::Dropped { from, release }));
    }

    /// A task met a divergence.
    pub fn on_divergence(&mut self, state: &StateKey) {
        if !self.diverged.contains(&state.key) {
            self.diverged.push(state.key.clone());
        }
    }

    /// An attempt failed.
    pub fn on_attempt_failed(&mut self, task: TaskIndex) {
        self.fresh.push((task, Fact::AttemptFailed));
    }

    /// A task failed for good.
    pub fn on_failed_for_good(&mut self, task: TaskIndex) {
        self.fresh.push((task, Fact::FailedForGood));
    }

    /// A repair says that a task is tried again.
    pub fn on_retried(&mut self, task: TaskIndex, failed_calls: bool) {
        if failed_calls {
            self.fresh.push((task, Fact::MayBeMadeAgain));
        }
        self.fresh.push((task, Fact::Retried));
    }

    /// A task completed.
    pub fn on_completed(&mut self, task: TaskIndex, release: usize) {
        self.fresh.push((task, Fact::Completed { release }));
    }

    /// All that the facts since the last call rest on has been handed to the log, whose writes are so many then.
    /// `span_of` tells which of the last writes are about a task's state.
    pub fn on_handed_over(&mut self, writes: usize, span_of: impl Fn(&StateKey) -> Option<Span>) {
        for (task, fact) in self.fresh.drain(..) {
            let record = &mut self.tasks[task];
            let span = span_of(&record.key).unwrap_or(Span { first: writes, last_tombstone: writes, last: writes });
            let after = match fact {
                Fact::MayBeDropped { .. } | Fact::MayBeMadeAgain => span.first,
                Fact::Dropped { .. } => span.last_tombstone,
                _ => span.last,
            };
            let at = record.facts.partition_point(|(before, _)| *before <= after);
            record.facts.insert(at, (after, fact));
        }
    }

    /// A crash left so many writes.
    pub fn on_crash(&mut self, writes: usize) {
        self.fresh.clear();
        for task in &mut self.tasks {
            while task.facts.last().is_some_and(|(after, _)| *after > writes) {
                task.facts.pop();
            }
        }
    }

    /// The world sees an effect begin.
    pub fn on_effect(&mut self, effect: Effect) -> usize {
        let record = &self.tasks[effect.task];
        let key = &record.key;
        if is_recorded(record, effect.position) {
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
        self.effects.push(effect);
        self.effects.len() - 1
    }

    /// An effect happens.
    pub fn on_landed(&mut self, index: usize) {
        let effect = &self.effects[index];
        if effect.landed || effect.status == Status::Retryable {
            return;
        }
        let again = effect.reconcilable
            && !self.was_dropped(effect.task)
            && self.effects.iter().any(|other| {
                other.landed && other.reconcilable && other.id == effect.id && other.status != Status::Retryable
            });
        if again {
            let (id, key) = (effect.id.clone(), self.tasks[effect.task].key.clone());
            self.violate(|| format!("reconcilable call {id} of {key} took effect twice"));
        }
        self.effects[index].landed = true;
    }

    fn was_dropped(&self, task: TaskIndex) -> bool {
        let facts = self.tasks[task].facts.iter().map(|(_, fact)| fact);
        let fresh = self.fresh.iter().filter(|(of, _)| *of == task).map(|(_, fact)| fact);
        facts.chain(fresh).any(|fact| matches!(fact, Fact::MayBeDropped { .. } | Fact::MayBeMadeAgain))
    }

    /// The release in which a task completed, if it did.
    pub fn completed_in(&self, task: TaskIndex) -> Option<usize> {
        self.tasks[task].facts.iter().rev().find_map(|(_, fact)| match fact {
            Fact::Completed { release } => Some(*release),
            _ => None,
        })
    }

    /// Whether a repair had failed calls of a task made again.
    pub fn has_calls_made_again(&self, task: TaskIndex) -> bool {
        self.tasks[task].facts.iter().any(|(_, fact)| *fact == Fact::MayBeMadeAgain)
    }

    /// After how many writes a task failed for good the last time.
    pub fn failed_for_good_at(&self, task: TaskIndex) -> Option<usize> {
        let facts = self.tasks[task].facts.iter().rev();
        facts.into_iter().find(|(_, fact)| *fact == Fact::FailedForGood).map(|(after, _)| *after)
    }

    /// Whether a task has come to an end, or to a stand.
    pub fn is_settled(&self, task: TaskIndex) -> bool {
        let ends = |fact: &Fact| matches!(fact, Fact::Completed { .. } | Fact::FailedForGood);
        self.tasks[task].facts.iter().any(|(_, fact)| ends(fact))
    }
}

fn is_recorded(record: &TaskRecord, position: u32) -> bool {
    let mut recorded: Vec<(u32, bool)> = Vec::new();
    for (_, fact) in &record.facts {
        match fact {
            Fact::Recorded { position, failed } => recorded.push((*position, *failed)),
            Fact::MayBeDropped { from } => recorded.retain(|(position, _)| position < from),
            Fact::MayBeMadeAgain => {
                let success = recorded.iter().filter(|(_, failed)| !failed).map(|(position, _)| *position).max();
                recorded.retain(|(position, _)| success.is_some_and(|success| *position <= success));
            }
            _ => {}
        }
    }
    recorded.iter().any(|(recorded, _)| *recorded == position)
}
