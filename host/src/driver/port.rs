//! The way of invocations to their shard.

use crate::clock::now_us;
use hashbrown::HashMap;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};
use weir_component::{DoorClosed, DoorFuture, InvocationPort, LoadedComponent};
use weir_core::action_state::CallPut;
use weir_core::id::ActionId;
use weir_core::invocation::Invocation;
use weir_core::key::Key;

/// What an invocation tells its shard while it runs.
#[derive(Debug)]
pub(super) enum Fact {
    /// Records for the log.
    Put { key: Key, invocation: u64, puts: Vec<CallPut> },
    /// Records for the log, and a request that waits until they and all before are durable.
    Door { key: Key, invocation: u64, puts: Vec<CallPut>, reply: oneshot::Sender<Result<(), DoorClosed>> },
}

/// The port of one shard.
#[derive(Debug)]
pub(super) struct ShardPort {
    /// Unbounded, yet never long: an invocation has at most `limits.calls_max` calls to tell of, and their number is
    /// `limits.invocations_max`.
    facts: mpsc::UnboundedSender<Fact>,
}

impl ShardPort {
    pub(super) fn new() -> (Arc<Self>, mpsc::UnboundedReceiver<Fact>) {
        let (facts, receiver) = mpsc::unbounded_channel();
        (Arc::new(Self { facts }), receiver)
    }
}

impl InvocationPort for ShardPort {
    fn put(&self, invocation: &Invocation, puts: Vec<CallPut>) {
        let (key, invocation) = (invocation.task().key.clone(), invocation.id());
        // A shard that is gone has no use for them: nothing of the invocation counts any more.
        let _ = self.facts.send(Fact::Put { key, invocation, puts });
    }

    fn door(&self, invocation: &Invocation, puts: Vec<CallPut>) -> DoorFuture {
        let (key, invocation) = (invocation.task().key.clone(), invocation.id());
        let (reply, receiver) = oneshot::channel();
        let sent = self.facts.send(Fact::Door { key, invocation, puts, reply });
        Box::pin(async move {
            sent.map_err(|_| DoorClosed)?;
            receiver.await.unwrap_or(Err(DoorClosed))
        })
    }

    fn wall_clock_us(&self) -> u64 {
        now_us()
    }
}

/// How each action is run.
#[derive(Default)]
pub struct ActionTable {
    actions: HashMap<ActionId, (LoadedComponent, u32)>,
}

impl ActionTable {
    /// An action is run by this component, an instance of which serves so many invocations.
    pub fn insert(&mut self, action: ActionId, component: LoadedComponent, instance_reuse: u32) {
        self.actions.insert(action, (component, instance_reuse));
    }

    pub(super) fn get(&self, action: ActionId) -> &(LoadedComponent, u32) {
        self.actions.get(&action).expect("every action of the plan is in the table")
    }
}
