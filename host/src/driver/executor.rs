//! Carries out what operators want: what the shards of every store have in common.

use super::bounds::{Uncheckpointed, has_room};
use super::doors::Doors;
use super::invocations::Invocations;
use super::port::{ActionTable, Fact, ShardPort};
use super::report::{log_report, policy_stop};
use super::timers::Timers;
use crate::clock::now_ms;
use anyhow::Context;
use hashbrown::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use weir_component::{DoorClosed, Interrupted, Invoker};
use weir_core::checkpoint::Entry;
use weir_core::event::{DeadLetter, InputEvent, OutputEvent, PartitionId};
use weir_core::invocation::{Invocation, InvocationEnd};
use weir_core::key::Key;
use weir_core::operator::{Command, INVOCATION_BITS, Operator};
use weir_core::store::log::{Acknowledged, Append};

/// Appends that are gathered before they are handed to the log.
pub(super) const APPENDS_MAX: usize = 64;
/// Events that are taken, invocations that are started, and ends that are given back in one go: so many of one kind after
/// another find their code in the processor's caches, and few enough that their data stays there. With 16, each event took
/// a tenth more time where brokers and clients on the same machine empty those caches.
const AT_ONCE: usize = 64;

/// Where a shard's operators read keyed state, and where what they make goes.
pub(super) trait Backend {
    /// The entries of a key in the last durable checkpoint.
    fn load_key(&mut self, partition: PartitionId, key: &Key) -> anyhow::Result<Vec<Entry>>;
    /// Hands appends to the log, in order; gives those that are durable at once. Leaves the vector empty, for its room.
    fn append(&mut self, appends: &mut Vec<Append>) -> anyhow::Result<Vec<Acknowledged>>;
    /// An output event waits for the checkpoint.
    fn emit(&mut self, partition: PartitionId, event: OutputEvent);
    /// A dead letter waits for the checkpoint.
    fn dead_letter(&mut self, partition: PartitionId, letter: Box<DeadLetter>);
}

/// What runs invocations, for one shard.
pub(super) struct InvocationsStart {
    /// Runs invocations.
    pub(super) invoker: Invoker,
    /// How actions are run.
    pub(super) actions: Arc<ActionTable>,
    /// Invocations at once.
    pub(super) max: usize,
}

/// Operators of some partitions, and the invocations that they want, on one thread.
///
/// Where an event waits: in its operator, pending; in an invocation; its outputs in the backend until the next checkpoint.
pub(super) struct Executor<B> {
    pub(super) backend: B,
    pub(super) operators: Vec<Operator>,
    by_partition: HashMap<PartitionId, usize>,
    pub(super) invocations: Invocations,
    /// Bounded by `limits.invocations_max`: see [`ShardPort`].
    facts: mpsc::UnboundedReceiver<Fact>,
    pub(super) doors: Doors,
    timers: Timers,
    /// Operators that may have commands.
    pub(super) touched: Vec<usize>,
    pub(super) appends: Vec<Append>,
    /// What was handed to the log since a checkpoint was taken that has become durable.
    pub(super) uncheckpointed: Uncheckpointed,
    /// Empty between two pumps: kept for its room.
    commands: Vec<Command>,
    /// Empty between two settlings: kept for its room.
    ends: Vec<(u64, Key, Result<InvocationEnd, Interrupted>)>,
    /// Events taken since the last settling.
    unsettled: usize,
    /// An action's policy says stop: the first that did.
    pub(super) policy_stop: Option<String>,
    /// Partitions that start no new effect [S6].
    closed: HashSet<PartitionId>,
}

/// Something that an executor waited for.
pub(super) enum Work {
    Fact(Fact),
    Ended(u64, Key, Result<InvocationEnd, Interrupted>),
    TimerDue,
}

impl<B: Backend> Executor<B> {
    /// One that has not begun.
    pub(super) fn new(backend: B, operators: Vec<Operator>, start: InvocationsStart) -> Self {
        let (port, facts) = ShardPort::new();
        let by_partition = operators.iter().enumerate().map(|(at, operator)| (operator.partition(), at));
        Self {
            backend,
            by_partition: by_partition.collect(),
            touched: (0..operators.len()).collect(),
            operators,
            invocations: Invocations::new(start.invoker, start.actions, port, start.max),
            facts,
            doors: Doors::default(),
            timers: Timers::default(),
            appends: Vec::new(),
            uncheckpointed: Uncheckpointed::default(),
            commands: Vec::new(),
            ends: Vec::new(),
            unsettled: 0,
            policy_stop: None,
            closed: HashSet::new(),
        }
    }

    /// Waits for the next thing to do. Nothing is lost if the wait is given up.
    pub(super) async fn next_work(&mut self) -> Work {
        let timer = self.timers.next_ms().filter(|_| self.closed.len() < self.operators.len());
        tokio::select! {
            biased;
            Some(fact) = self.facts.recv() => Work::Fact(fact),
            (id, key, end) = self.invocations.next() => Work::Ended(id, key, end),
            () = sleep_until(timer) => Work::TimerDue,
        }
    }

    /// Does what was waited for.
    pub(super) fn on_work(&mut self, work: Work) -> anyhow::Result<()> {
        match work {
            Work::Fact(fact) => self.on_fact(fact),
            Work::Ended(id, key, end) => self.on_invocation_ended(id, &key, end),
            Work::TimerDue => {
                self.on_timer();
                Ok(())
            }
        }
    }

    /// Does all that can be done without waiting.
    pub(super) async fn settle(&mut self) -> anyhow::Result<()> {
        loop {
            while let Ok(fact) = self.facts.try_recv() {
                self.on_fact(fact)?;
            }
            while let Some(at) = self.touched.pop() {
                self.pump(at)?;
            }
            let mut ends = std::mem::take(&mut self.ends);
            let mut started = 0;
            while started < AT_ONCE
                && let Some((id, key, end)) = self.invocations.start_next().await
            {
                started += 1;
                ends.extend(end.map(|end| (id, key, end)));
            }
            for (id, key, end) in ends.drain(..) {
                self.on_invocation_ended(id, &key, end)?;
            }
            self.ends = ends;
            if started == 0 {
                self.unsettled = 0;
                return Ok(());
            }
        }
    }

    /// The source gave an event of a partition that is here. What it leads to is done soon, as far as it need not wait: at
    /// the latest with the next settling.
    pub(super) async fn on_input(&mut self, at: usize, input: InputEvent, now_ms: u64) -> anyhow::Result<()> {
        self.operators[at].on_input_event(input, now_ms);
        self.touched.push(at);
        self.unsettled += 1;
        if self.unsettled >= AT_ONCE {
            self.settle().await?;
        }
        if self.appends.len() >= APPENDS_MAX {
            self.flush_appends()?;
        }
        Ok(())
    }

    fn on_fact(&mut self, fact: Fact) -> anyhow::Result<()> {
        let (key, invocation, puts, reply) = match fact {
            Fact::Put { key, invocation, puts } => (key, invocation, puts, None),
            Fact::Door { key, invocation, puts, reply } => (key, invocation, puts, Some(reply)),
        };
        let at = self.operator_of(invocation);
        self.operators[at].on_call_puts(&key, invocation, puts);
        self.pump(at)?;
        if let Some(reply) = reply {
            let partition = self.operators[at].partition();
            match self.operators[at].undurable(&key) {
                _ if self.is_closed(partition) => drop(reply.send(Err(DoorClosed))),
                None => drop(reply.send(Ok(()))),
                Some(ticket) => self.doors.wait(partition, ticket, reply),
            }
        }
        Ok(())
    }

    fn on_invocation_ended(
        &mut self,
        id: u64,
        key: &Key,
        end: Result<InvocationEnd, Interrupted>,
    ) -> anyhow::Result<()> {
        // What it put came before it ended.
        while let Ok(fact) = self.facts.try_recv() {
            self.on_fact(fact)?;
        }
        let at = self.operator_of(id);
        match end {
            Ok(end) => self.operators[at].on_invocation_ended(key, end, now_ms()),
            Err(Interrupted) => self.operators[at].on_invocation_interrupted(key, id),
        }
        self.touched.push(at);
        Ok(())
    }

    fn on_timer(&mut self) {
        let now = now_ms();
        while let Some((partition, key)) = self.timers.pop_due(now) {
            if let Some(&at) = self.by_partition.get(&partition) {
                self.operators[at].on_retry_due(&key, now);
                self.touched.push(at);
            }
        }
    }

    /// Carries out what an operator wants, in order.
    fn pump(&mut self, at: usize) -> anyhow::Result<()> {
        let mut commands = std::mem::take(&mut self.commands);
        while self.operators[at].has_work() {
            self.operators[at].take_appends_into(&mut self.appends);
            self.operators[at].take_commands_into(&mut commands);
            for command in commands.drain(..) {
                self.execute(at, command)?;
            }
        }
        self.commands = commands;
        Ok(())
    }

    fn execute(&mut self, at: usize, command: Command) -> anyhow::Result<()> {
        let partition = self.operators[at].partition();
        match command {
            Command::Load(key) => {
                let entries = self.backend.load_key(partition, &key)?;
                self.operators[at].on_key_loaded(&key, entries, now_ms()).context("read keyed state")?;
            }
            Command::Invoke(invocation) => self.invoke(at, invocation),
            Command::Emit(event) => self.backend.emit(partition, event),
            Command::DeadLetter(letter) => self.backend.dead_letter(partition, letter),
            Command::RetryAt(key, at_ms) => self.timers.set(at_ms, partition, key),
            Command::Report(report) => log_report(&report),
            Command::Stop(task, failure) => {
                self.policy_stop.get_or_insert_with(|| policy_stop(&task, &failure));
            }
        }
        Ok(())
    }

    fn invoke(&mut self, at: usize, invocation: Box<Invocation>) {
        if self.is_closed(self.operators[at].partition()) {
            let key = invocation.task().key.clone();
            self.operators[at].on_invocation_interrupted(&key, invocation.id());
        } else {
            self.invocations.queue(invocation);
        }
    }

    /// Hands what waits to the log.
    pub(super) fn flush_appends(&mut self) -> anyhow::Result<()> {
        if !self.appends.is_empty() {
            self.uncheckpointed += Uncheckpointed::of(&self.appends);
            let durable = self.backend.append(&mut self.appends)?;
            // The sooner the better: what is acknowledged later has left the processor's caches.
            self.acknowledge(durable);
        }
        Ok(())
    }

    /// Appends are durable, in their order.
    pub(super) fn acknowledge(&mut self, durable: Vec<Acknowledged>) {
        let mut seen: Vec<usize> = Vec::new();
        for acknowledged in durable {
            let Some(&at) = self.by_partition.get(&acknowledged.partition) else { continue };
            self.operators[at].on_acknowledged(acknowledged);
            if seen.last() != Some(&at) {
                seen.push(at);
            }
        }
        for at in seen {
            let operator = &self.operators[at];
            self.doors.open(operator.partition(), operator.store().first_unacknowledged());
        }
    }

    /// A partition starts no new effect from now on; what was not started is given up.
    pub(super) fn close(&mut self, partition: PartitionId) {
        self.closed.insert(partition);
        self.doors.close(partition);
        let given_up = self.invocations.take_queued(|id| partition_of(id) == partition);
        self.interrupt(given_up);
    }

    /// What still runs of a partition is cut off.
    pub(super) fn cut_off(&mut self, partition: PartitionId) {
        let cut = self.invocations.cut_off(|id| partition_of(id) == partition);
        self.interrupt(cut);
    }

    /// An operator joins; its busy keys are to be loaded next.
    #[cfg(feature = "kafka")]
    pub(super) fn add(&mut self, operator: Operator) -> usize {
        let at = self.operators.len();
        self.by_partition.insert(operator.partition(), at);
        self.operators.push(operator);
        self.touched.push(at);
        at
    }

    /// Takes an operator out. Nothing of it runs any more, and nothing that it still wants is done.
    #[cfg(any(feature = "kafka", test))]
    pub(super) fn remove(&mut self, partition: PartitionId) -> anyhow::Result<()> {
        if !self.by_partition.contains_key(&partition) {
            return Ok(());
        }
        self.close(partition);
        self.cut_off(partition);
        while let Ok(fact) = self.facts.try_recv() {
            self.on_fact(fact)?;
        }
        self.flush_appends()?;
        let Some(at) = self.by_partition.remove(&partition) else { return Ok(()) };
        self.operators.swap_remove(at);
        if let Some(moved) = self.operators.get(at) {
            self.by_partition.insert(moved.partition(), at);
        }
        self.touched = (0..self.operators.len()).collect();
        self.closed.remove(&partition);
        self.timers.forget(partition);
        Ok(())
    }

    /// Whether something of a partition runs, or is to be started.
    #[cfg(feature = "kafka")]
    pub(super) fn runs_any_of(&self, partition: PartitionId) -> bool {
        self.invocations.has_any(|id| partition_of(id) == partition)
    }

    fn interrupt(&mut self, invocations: Vec<(u64, Key)>) {
        for (id, key) in invocations {
            let at = self.operator_of(id);
            self.operators[at].on_invocation_interrupted(&key, id);
        }
    }

    fn is_closed(&self, partition: PartitionId) -> bool {
        !self.closed.is_empty() && self.closed.contains(&partition)
    }

    pub(super) fn is_idle(&self) -> bool {
        self.invocations.is_empty() && self.operators.iter().all(Operator::is_idle)
    }

    /// Back-pressure: whether what waits for its turn leaves room for more.
    pub(super) fn has_room(&self) -> bool {
        has_room(self.operators.iter().map(Operator::waiting).sum())
    }

    fn operator_of(&self, invocation: u64) -> usize {
        self.by_partition[&partition_of(invocation)]
    }

    pub(super) fn operator_at(&self, partition: PartitionId) -> Option<usize> {
        self.by_partition.get(&partition).copied()
    }
}

fn partition_of(invocation: u64) -> PartitionId {
    PartitionId((invocation >> INVOCATION_BITS) as u32)
}

async fn sleep_until(at_ms: Option<u64>) {
    match at_ms {
        Some(at_ms) => tokio::time::sleep(Duration::from_millis(at_ms.saturating_sub(now_ms()))).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
