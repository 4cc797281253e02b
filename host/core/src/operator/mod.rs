//! The keyed operator of one partition: runs the actions of one key one after another, the keys concurrently.
//!
//! | key | fact | next | commands |
//! |---|---|---|---|
//! | not resident | input event | loading | Load |
//! | loading | key loaded | idle, or running | as below |
//! | idle | input event | running | for its first task: Invoke, or what the store holds of it is applied |
//! | running | input event | running | - (it waits as a pending input event) |
//! | running | invocation ended: completed | running, or idle | Emit…; Invoke of the next task, or of the next run |
//! | running | invocation ended: failed, attempts left | running | RetryAt |
//! | running | invocation ended: failed for good | quarantined, running or idle | by the policy: none, DeadLetter, Stop |
//! | quarantined | input event | quarantined | -; DeadLetter when its queue is full, unless the partition is paused |
//! | quarantined | repair | running, or idle | as for a task that starts |
//! | idle, unchanged since a durable checkpoint | checkpoint completed | not resident | - |
//!
//! *Invariant*, for each key: pruned ≤ checkpointed ≤ completed ≤ assigned (sequence numbers, asserted at each change).

mod apply;
mod checkpoint;
mod command;
mod failure;
mod key_state;
mod load;
mod repair;
mod report;
mod run;
mod unheard;
mod waiting;

pub use checkpoint::PartitionCheckpoint;
pub use command::{Command, Counters, Report, ReportedTask};
pub use load::LoadError;
pub use repair::{Repair, RepairError, repair_state};
pub use report::{KeyReport, QuarantineReport, report_of_entries};
pub use waiting::Waiting;

use crate::action_state::CallPut;
use crate::event::{InputEvent, PartitionId};
use crate::invocation::{InvocationEnd, InvocationResult};
use crate::key::Key;
use crate::limits::OperatorLimits;
use crate::plan::Plan;
use crate::small::SmallText;
use crate::store::ActionStateStore;
use crate::store::log::{Acknowledged, Append, Ticket};
use hashbrown::HashMap;
use key_state::KeyState;
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

/// What an operator is made from.
#[derive(Clone, Debug)]
pub struct OperatorStart {
    /// The plan of the application.
    pub plan: Arc<Plan>,
    /// What it may hold.
    pub limits: Arc<OperatorLimits>,
    /// The action states of its partition, empty or rebuilt.
    pub store: ActionStateStore,
    /// The partition.
    pub partition: PartitionId,
}

/// How many invocations of one partition have names of their own; the partition stands above these bits.
pub const INVOCATION_BITS: u32 = 40;

/// The keyed operator of one partition.
///
/// Lifecycle: made; for recovery, each busy key of the checkpoint is given with `on_key_loaded`; then facts, each followed
/// by taking its commands and appends.
#[derive(Debug)]
pub struct Operator {
    keys: HashMap<Key, Slot>,
    shared: Shared,
}

/// Whether a key is resident.
#[derive(Debug)]
enum Slot {
    /// Its entries are on their way; these input events wait for them.
    Loading(Vec<InputEvent>),
    /// It is here.
    Resident(Box<KeyState>),
}

/// What the keys of an operator share.
#[derive(Debug)]
struct Shared {
    partition: PartitionId,
    plan: Arc<Plan>,
    limits: Arc<OperatorLimits>,
    store: ActionStateStore,
    commands: Vec<Command>,
    counters: Counters,
    waiting: Waiting,
    next_invocation: u64,
    /// Keys that changed since the last checkpoint was taken.
    changed: Vec<Key>,
    in_flight: Option<checkpoint::InFlight>,
    /// What a durable checkpoint completed: keys, and up to which run their states may be pruned.
    prunable: VecDeque<(Key, u64)>,
    next_checkpoint: u64,
    /// Keys that may be evicted, the longest idle first, each with its generation at that time.
    idle: VecDeque<(Key, u64)>,
    loading: usize,
    /// Keys that are quarantined.
    quarantined: BTreeSet<Key>,
    /// Those of them that have so many pending input events that the partition is to be paused.
    full: BTreeSet<Key>,
    /// Keys that wait for the time of their next attempt.
    backing_off: BTreeSet<Key>,
    /// Kinds of events that no action listens to, as far as they were told.
    unheard_kinds: Vec<SmallText>,
}

impl Operator {
    /// An operator with no key resident.
    pub fn new(start: OperatorStart) -> Self {
        let shared = Shared {
            partition: start.partition,
            plan: start.plan,
            limits: start.limits,
            store: start.store,
            commands: Vec::new(),
            counters: Counters::default(),
            waiting: Waiting::default(),
            next_invocation: u64::from(start.partition.0) << INVOCATION_BITS,
            changed: Vec::new(),
            in_flight: None,
            prunable: VecDeque::new(),
            next_checkpoint: 0,
            idle: VecDeque::new(),
            loading: 0,
            quarantined: BTreeSet::new(),
            full: BTreeSet::new(),
            backing_off: BTreeSet::new(),
            unheard_kinds: Vec::new(),
        };
        Self { keys: HashMap::new(), shared }
    }

    /// The partition.
    pub fn partition(&self) -> PartitionId {
        self.shared.partition
    }

    /// The source gave an event [S1].
    pub fn on_input_event(&mut self, input: InputEvent, now_ms: u64) {
        match self.keys.get_mut(&input.key) {
            Some(Slot::Resident(state)) => state.on_input_event(input, &mut self.shared, now_ms),
            Some(Slot::Loading(waiting)) => waiting.push(input),
            None => {
                self.shared.commands.push(Command::Load(input.key.clone()));
                self.shared.loading += 1;
                self.keys.insert(input.key.clone(), Slot::Loading(vec![input]));
            }
        }
    }

    /// An invocation has something to say to the log about its calls.
    pub fn on_call_puts(&mut self, key: &Key, invocation: u64, puts: Vec<CallPut>) {
        if let Some(Slot::Resident(state)) = self.keys.get_mut(key) {
            state.on_call_puts(invocation, puts, &mut self.shared);
        }
    }

    /// An invocation ended.
    pub fn on_invocation_ended(&mut self, key: &Key, end: InvocationEnd, now_ms: u64) {
        let Some(Slot::Resident(state)) = self.keys.get_mut(key) else { return };
        let shared = &mut self.shared;
        if !state.is_invoking(end.id) {
            return;
        }
        state.on_call_puts(end.id, end.puts, shared);
        match end.result {
            InvocationResult::Completed(effects) => state.on_action_completed(effects, shared, now_ms),
            InvocationResult::Failed { failure, plain_call_open } => {
                state.on_attempt_failed(failure, plain_call_open, shared, now_ms);
            }
        }
    }

    /// An invocation was cut off because the host stops: its task stays queued.
    pub fn on_invocation_interrupted(&mut self, key: &Key, invocation: u64) {
        if let Some(Slot::Resident(state)) = self.keys.get_mut(key) {
            state.on_interrupted(invocation);
        }
    }

    /// The wait before another attempt is over.
    pub fn on_retry_due(&mut self, key: &Key, now_ms: u64) {
        if let Some(Slot::Resident(state)) = self.keys.get_mut(key) {
            state.on_retry_due(&mut self.shared, now_ms);
        }
    }

    /// An append is durable.
    pub fn on_acknowledged(&mut self, acknowledged: Acknowledged) {
        self.shared.store.on_acknowledged(acknowledged);
    }

    /// The last append of a key that is not durable: a request of the key waits for it [S33].
    pub fn undurable(&self, key: &Key) -> Option<Ticket> {
        self.shared.store.undurable(key)
    }

    /// Adds what is to be done since the last call.
    pub fn take_commands_into(&mut self, commands: &mut Vec<Command>) {
        commands.append(&mut self.shared.commands);
    }

    /// Adds what is to be appended to the log since the last call, in order.
    pub fn take_appends_into(&mut self, appends: &mut Vec<Append>) {
        self.shared.store.take_appends_into(appends);
    }

    /// What is to be done since the last call.
    pub fn take_commands(&mut self) -> Vec<Command> {
        let mut commands = Vec::new();
        self.take_commands_into(&mut commands);
        commands
    }

    /// What is to be appended to the log since the last call, in order.
    pub fn take_appends(&mut self) -> Vec<Append> {
        let mut appends = Vec::new();
        self.take_appends_into(&mut appends);
        appends
    }

    /// Whether something is to be done or appended.
    pub fn has_work(&self) -> bool {
        !self.shared.commands.is_empty() || self.shared.store.has_appends()
    }

    /// Whether no key is running: quarantined keys do not count [S6] [P12].
    pub fn is_idle(&self) -> bool {
        self.shared.counters.keys_running == 0 && self.shared.loading == 0
    }

    /// Whether a quarantined key has so many pending input events that its partition is to be paused [S29]. Those that
    /// come nevertheless wait too.
    pub fn is_full(&self) -> bool {
        !self.shared.full.is_empty()
    }

    /// Pending input events whose turn will come by itself: those of quarantined keys wait for people, and whoever waited
    /// until they are fewer would hold up all other keys [S29].
    pub fn waiting(&self) -> Waiting {
        self.shared.waiting
    }

    /// What it counts.
    pub fn counters(&self) -> Counters {
        Counters { keys_resident: self.keys.len() as u64, ..self.shared.counters }
    }

    /// The action states.
    pub fn store(&self) -> &ActionStateStore {
        &self.shared.store
    }
}
