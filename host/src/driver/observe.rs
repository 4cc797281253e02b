//! What people can see of a running shard, and how they repair it.

use super::executor::{Backend, Executor};
use crate::clock::now_ms;
use crate::control::look::States;
use tokio::sync::oneshot;
use weir_core::action_state::StateKey;
use weir_core::event::PartitionId;
use weir_core::key::Key;
use weir_core::operator::{Counters, KeyReport, QuarantineReport, Repair};

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Observation {
    /// What it counts.
    Counters,
    /// Its resident keys.
    Keys,
    /// One key, resident or not.
    Key(PartitionId, Key),
    /// Its action states.
    States,
    /// Its quarantined keys.
    Quarantine,
}

/// What is answered.
#[derive(Clone, Debug)]
pub enum ShardObservation {
    /// Sums over its operators.
    Counters(Counters),
    /// Its resident keys.
    Keys(Vec<KeyReport>),
    /// A resident key, with its action states.
    Key(Option<(KeyReport, States)>),
    /// Its action states.
    States(States),
    /// Its quarantined keys.
    Quarantine(Vec<QuarantineReport>),
}

/// A repair of a quarantined key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepairRequest {
    /// The key's partition.
    pub partition: PartitionId,
    /// The state that quarantines it.
    pub state: StateKey,
    /// How many repairs of it were made before.
    pub repairs: u32,
    /// What to do.
    pub repair: Repair,
}

impl<B: Backend> Executor<B> {
    /// Someone repairs a quarantined key; the answer waits until that is durable.
    pub(super) fn on_repair(&mut self, request: RepairRequest, reply: oneshot::Sender<Result<(), String>>) {
        let Some(at) = self.operator_at(request.partition) else {
            let _ = reply.send(Err(format!("repair {}: its partition is not here", request.state)));
            return;
        };
        let repaired = self.operators[at].on_repair(&request.state, request.repairs, request.repair, now_ms());
        self.touched.push(at);
        match repaired {
            Err(refused) => drop(reply.send(Err(refused.to_string()))),
            Ok(None) => drop(reply.send(Ok(()))),
            Ok(Some(ticket)) => {
                let (sender, receiver) = oneshot::channel();
                self.doors.wait(self.operators[at].partition(), ticket, sender);
                tokio::task::spawn_local(async move {
                    let durable = matches!(receiver.await, Ok(Ok(())));
                    let stopping = "the host stops before the repair is durable: repair again when it runs";
                    let _ = reply.send(durable.then_some(()).ok_or_else(|| stopping.to_owned()));
                });
            }
        }
    }

    pub(super) fn observe(&self, what: Observation) -> anyhow::Result<ShardObservation> {
        Ok(match what {
            Observation::Counters => {
                let all = self.operators.iter().map(|operator| operator.counters());
                ShardObservation::Counters(all.fold(Counters::default(), add))
            }
            Observation::Keys => {
                ShardObservation::Keys(self.operators.iter().flat_map(|operator| operator.key_reports()).collect())
            }
            Observation::Key(partition, key) => {
                let operator = self.operator_at(partition).map(|at| &self.operators[at]);
                ShardObservation::Key(
                    operator.and_then(|operator| Some((operator.key_report(&key)?, operator.store().states_of(&key)))),
                )
            }
            Observation::States => {
                let mut states = Vec::new();
                for store in self.operators.iter().map(|operator| operator.store()) {
                    for key in store.keys() {
                        states.extend(store.states_of(key));
                    }
                }
                ShardObservation::States(states)
            }
            Observation::Quarantine => {
                let all = self.operators.iter().flat_map(|operator| operator.quarantine_reports());
                ShardObservation::Quarantine(all.collect())
            }
        })
    }
}

/// Sums of counters.
pub fn add(a: Counters, b: Counters) -> Counters {
    Counters {
        input_events: a.input_events + b.input_events,
        runs_finished: a.runs_finished + b.runs_finished,
        invocations: a.invocations + b.invocations,
        actions_completed: a.actions_completed + b.actions_completed,
        actions_recovered: a.actions_recovered + b.actions_recovered,
        attempts_failed: a.attempts_failed + b.attempts_failed,
        divergences: a.divergences + b.divergences,
        events_unheard: a.events_unheard + b.events_unheard,
        output_events: a.output_events + b.output_events,
        dead_letters: a.dead_letters + b.dead_letters,
        keys_quarantined: a.keys_quarantined + b.keys_quarantined,
        keys_running: a.keys_running + b.keys_running,
        pending_events: a.pending_events + b.pending_events,
        keys_resident: a.keys_resident + b.keys_resident,
    }
}
