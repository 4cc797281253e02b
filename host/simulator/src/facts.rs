//! What a host was told that holds, and how far it can be sure of it: for each task its facts, each with the number of
//! writes after which it survives.

use crate::ledger::{InvocationIndex, TaskIndex};

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
pub enum Fact {
    /// The outcome of the call at this position is recorded.
    Recorded {
        /// The position.
        position: u32,
        /// Whether it is a failure.
        failed: bool,
    },
    /// Some of the records from this position on may be dropped.
    MayBeDropped {
        /// The position.
        from: u32,
    },
    /// All of them are, by this release.
    Dropped {
        /// The position.
        from: u32,
        /// The release.
        release: usize,
    },
    /// Some of the failed calls may be dropped, to be made again.
    MayBeMadeAgain,
    /// An attempt failed.
    AttemptFailed,
    /// It failed for good.
    FailedForGood,
    /// It is tried again from the first attempt.
    Retried,
    /// It completed, in this release.
    Completed {
        /// The release.
        release: usize,
    },
}

/// The facts of all tasks, as one host knows them.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    of_task: Vec<OfTask>,
    fresh: Vec<(TaskIndex, Fact)>,
}

#[derive(Clone, Debug, Default)]
struct OfTask {
    facts: Vec<(usize, Fact)>,
    last: Option<InvocationIndex>,
}

impl Facts {
    /// A fact that rests on what is handed to the log next.
    pub fn add(&mut self, task: TaskIndex, fact: Fact) {
        self.fresh.push((task, fact));
    }

    /// All that the facts since the last call rest on has been handed to the log, whose writes are so many then.
    /// `span_of` tells which of the last writes are about a task's state.
    pub fn on_handed_over(&mut self, writes: usize, span_of: impl Fn(TaskIndex) -> Option<Span>) {
        for (task, fact) in std::mem::take(&mut self.fresh) {
            let span = span_of(task).unwrap_or(Span { first: writes, last_tombstone: writes, last: writes });
            let after = match fact {
                Fact::MayBeDropped { .. } | Fact::MayBeMadeAgain => span.first,
                Fact::Dropped { .. } => span.last_tombstone,
                _ => span.last,
            };
            let facts = &mut self.of_task_mut(task).facts;
            let at = facts.partition_point(|(before, _)| *before <= after);
            facts.insert(at, (after, fact));
        }
    }

    /// A crash left so many writes.
    pub fn on_crash(&mut self, writes: usize) {
        self.fresh.clear();
        for OfTask { facts, .. } in &mut self.of_task {
            while facts.last().is_some_and(|(after, _)| *after > writes) {
                facts.pop();
            }
        }
    }

    /// All that is known stands for ever: writes are counted anew.
    pub fn settle(&mut self) {
        for (after, _) in self.of_task.iter_mut().flat_map(|of_task| &mut of_task.facts) {
            *after = 0;
        }
    }

    /// What these say of a task stands here from now on.
    pub fn take_over(&mut self, task: TaskIndex, from: &Facts) {
        *self.of_task_mut(task) = from.of_task.get(task).cloned().unwrap_or_default();
    }

    /// A task is invoked.
    pub fn on_invoked(&mut self, task: TaskIndex, invocation: InvocationIndex) {
        self.of_task_mut(task).last = Some(invocation);
    }

    /// The last invocation of a task.
    pub fn last(&self, task: TaskIndex) -> Option<InvocationIndex> {
        self.of_task.get(task)?.last
    }

    /// Failed attempts of a task, and whether it is over.
    pub fn attempts(&self, task: TaskIndex) -> (u32, Option<&'static str>) {
        let (mut failed, mut over) = (0, None);
        for (_, fact) in self.of(task) {
            match fact {
                Fact::AttemptFailed => failed += 1,
                Fact::Retried => (failed, over) = (0, None),
                Fact::Completed { .. } => over = Some("completed"),
                Fact::FailedForGood => over = Some("failed for good"),
                _ => {}
            }
        }
        (failed, over)
    }

    /// Whether the outcome of a call is recorded.
    pub fn is_recorded(&self, task: TaskIndex, position: u32) -> bool {
        let mut recorded: Vec<(u32, bool)> = Vec::new();
        for (_, fact) in self.of(task) {
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

    /// Whether a release dropped what was recorded of the calls of a task from this position on.
    pub fn is_dropped(&self, task: TaskIndex, from: u32, release: usize) -> bool {
        self.of(task).iter().any(|(_, fact)| match fact {
            Fact::Dropped { from: before, release: of } => *of == release && *before <= from,
            _ => false,
        })
    }

    /// Whether something of what was recorded of a task's calls may be dropped.
    pub fn was_dropped(&self, task: TaskIndex) -> bool {
        let facts = self.of(task).iter().map(|(_, fact)| fact);
        let fresh = self.fresh.iter().filter(|(of, _)| *of == task).map(|(_, fact)| fact);
        facts.chain(fresh).any(|fact| matches!(fact, Fact::MayBeDropped { .. } | Fact::MayBeMadeAgain))
    }

    /// The release in which a task completed, if it did.
    pub fn completed_in(&self, task: TaskIndex) -> Option<usize> {
        self.of(task).iter().rev().find_map(|(_, fact)| match fact {
            Fact::Completed { release } => Some(*release),
            _ => None,
        })
    }

    /// Whether a repair had failed calls of a task made again.
    pub fn has_calls_made_again(&self, task: TaskIndex) -> bool {
        self.of(task).iter().any(|(_, fact)| *fact == Fact::MayBeMadeAgain)
    }

    /// After how many writes a task failed for good the last time.
    pub fn failed_for_good_at(&self, task: TaskIndex) -> Option<usize> {
        let facts = self.of(task).iter().rev();
        facts.into_iter().find(|(_, fact)| *fact == Fact::FailedForGood).map(|(after, _)| *after)
    }

    /// Whether a task has come to an end, or to a stand.
    pub fn is_settled(&self, task: TaskIndex) -> bool {
        let ends = |fact: &Fact| matches!(fact, Fact::Completed { .. } | Fact::FailedForGood);
        self.of(task).iter().any(|(_, fact)| ends(fact))
    }

    fn of(&self, task: TaskIndex) -> &[(usize, Fact)] {
        self.of_task.get(task).map_or(&[], |of_task| &of_task.facts)
    }

    fn of_task_mut(&mut self, task: TaskIndex) -> &mut OfTask {
        if self.of_task.len() <= task {
            self.of_task.resize_with(task + 1, OfTask::default);
        }
        &mut self.of_task[task]
    }
}
