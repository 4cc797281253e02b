//! A shard: operators of some partitions and the invocations that they want, on one thread, in one loop.
//!
//! Where an event waits: in the shard's channel; in its operator, pending; in an invocation; its outputs in the buffer
//! until the next checkpoint. Each of these is bounded, and a full one makes the reader wait.

use super::checkpoint::TakenCheckpoint;
use super::doors::Doors;
use super::invocations::Invocations;
use super::port::{ActionTable, Fact, ShardPort};
use super::report::log_report;
use super::shards::{ShardControl, ShardEnd};
use super::timers::Timers;
use crate::clock::now_ms;
use crate::embedded::{AppendMark, Store, StoreError, StoreLog};
use crate::sink::{dead_letter_line, output_line};
use crate::source::{Batch, Progress};
use anyhow::Context;
use hashbrown::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use weir_component::{Interrupted, Invoker};
use weir_core::event::PartitionId;
use weir_core::invocation::{Invocation, InvocationEnd};
use weir_core::key::Key;
use weir_core::operator::{Command, INVOCATION_BITS, Operator};
use weir_core::store::log::{ActionStateLog, Append};

/// Bytes of outputs and dead letters that wait for a checkpoint, from which on no more events are taken.
pub(super) const BUFFERED_BYTES_MAX: usize = 16 << 20;
/// Pending input events of one shard, from which on no more events are taken.
const PENDING_EVENTS_MAX: u64 = 20_000;
/// Appends since the last checkpoint, from which on another is wanted: what they hold stays in memory until then, and is
/// still in the processor's caches when it is let go.
pub(super) const APPENDS_BETWEEN_CHECKPOINTS: usize = 16_384;
/// Appends since the last checkpoint, from which on no more events are taken.
const APPENDS_UNCHECKPOINTED_MAX: usize = 16 * APPENDS_BETWEEN_CHECKPOINTS;
/// Appends that are gathered before they are handed to the log.
const APPENDS_MAX: usize = 64;

/// What a shard is made from.
pub struct ShardStart {
    /// Its number.
    pub index: usize,
    /// Its operators, recovered, by partition.
    pub operators: Vec<Operator>,
    /// Where the source goes on, for each of them: what comes before is dropped.
    pub offsets: Vec<u64>,
    /// Its log.
    pub log: StoreLog,
    /// The host's store.
    pub store: Store,
    /// Runs invocations.
    pub invoker: Invoker,
    /// How actions are run.
    pub actions: Arc<ActionTable>,
    /// Invocations at once.
    pub invocations_max: usize,
    /// Events.
    pub batches: mpsc::Receiver<Batch>,
    /// Orders.
    pub orders: mpsc::Receiver<ShardControl>,
    /// Where it tells how it ends.
    pub ends: mpsc::Sender<ShardEnd>,
}

/// A shard that runs.
pub struct Shard {
    pub(super) index: usize,
    pub(super) operators: Vec<Operator>,
    pub(super) by_partition: HashMap<PartitionId, usize>,
    pub(super) offsets: Vec<u64>,
    pub(super) log: StoreLog,
    pub(super) store: Store,
    pub(super) invocations: Invocations,
    batches: mpsc::Receiver<Batch>,
    orders: mpsc::Receiver<ShardControl>,
    ends: mpsc::Sender<ShardEnd>,
    /// Bounded by `limits.invocations_max`: see [`ShardPort`].
    facts: mpsc::UnboundedReceiver<Fact>,
    pub(super) doors: Doors,
    timers: Timers,
    /// Operators that may have commands.
    pub(super) touched: Vec<usize>,
    pub(super) appends: Vec<Append>,
    /// So many were handed to the log since a checkpoint was taken that has become durable.
    pub(super) uncheckpointed: usize,
    /// Empty between two pumps: kept for its room.
    commands: Vec<Command>,
    /// A sync that was asked for, and what it makes durable.
    sync: Option<(AppendMark, oneshot::Receiver<Result<(), StoreError>>)>,
    pub(super) progress: Progress,
    pub(super) checkpointed_progress: Progress,
    pub(super) outputs: String,
    /// The buffer of outputs that are durable: kept for its room.
    pub(super) spare_outputs: String,
    pub(super) output_count: u64,
    pub(super) dead_letters: String,
    pub(super) taken: Option<TakenCheckpoint>,
    pub(super) at_end: bool,
    pub(super) told_idle: bool,
    pub(super) told_full: bool,
    policy_stop: Option<String>,
    told_policy_stop: bool,
    draining: Option<oneshot::Sender<()>>,
    drained: bool,
}

impl Shard {
    /// A shard that has not begun.
    pub fn new(start: ShardStart) -> Self {
        let (port, facts) = ShardPort::new();
        let by_partition = start.operators.iter().enumerate().map(|(at, operator)| (operator.partition(), at));
        Self {
            index: start.index,
            by_partition: by_partition.collect(),
            touched: (0..start.operators.len()).collect(),
            operators: start.operators,
            offsets: start.offsets,
            log: start.log,
            store: start.store,
            invocations: Invocations::new(start.invoker, start.actions, port, start.invocations_max),
            batches: start.batches,
            orders: start.orders,
            ends: start.ends,
            facts,
            doors: Doors::default(),
            timers: Timers::default(),
            appends: Vec::new(),
            uncheckpointed: 0,
            commands: Vec::new(),
            sync: None,
            progress: Progress::default(),
            checkpointed_progress: Progress::default(),
            outputs: String::new(),
            spare_outputs: String::new(),
            output_count: 0,
            dead_letters: String::new(),
            taken: None,
            at_end: false,
            told_idle: false,
            told_full: false,
            policy_stop: None,
            told_policy_stop: false,
            draining: None,
            drained: false,
        }
    }

    /// Runs until it is told to stop, or fails; how many of its keys are quarantined then.
    pub async fn run(mut self) -> u64 {
        let ends = self.ends.clone();
        if let Err(error) = self.run_to_end().await {
            let _ = ends.send(ShardEnd::Failed(error)).await;
        }
        self.operators.iter().map(|operator| operator.counters().keys_quarantined).sum()
    }

    async fn run_to_end(&mut self) -> anyhow::Result<()> {
        loop {
            self.settle().await?;
            self.flush_appends()?;
            self.ask_for_sync();
            self.tell().await;
            let takes = self.takes_events();
            let timer = self.timers.next_ms().filter(|_| !self.drained && self.draining.is_none());
            tokio::select! {
                biased;
                order = self.orders.recv() => match order {
                    None | Some(ShardControl::Stop) => return Ok(()),
                    Some(order) => self.on_order(order).await?,
                },
                Some(fact) = self.facts.recv() => self.on_fact(fact)?,
                (id, key, end) = self.invocations.next() => self.on_invocation_ended(id, &key, end)?,
                synced = wait_for_sync(&mut self.sync) => self.on_synced(synced)?,
                () = sleep_until(timer) => self.on_timer(),
                batch = self.batches.recv(), if takes => match batch {
                    Some(batch) => self.on_batch(batch).await?,
                    None => self.at_end = true,
                },
            }
        }
    }

    /// Does all that can be done without waiting.
    async fn settle(&mut self) -> anyhow::Result<()> {
        loop {
            while let Ok(fact) = self.facts.try_recv() {
                self.on_fact(fact)?;
            }
            while let Some(at) = self.touched.pop() {
                self.pump(at)?;
            }
            let Some((id, key, end)) = self.invocations.start_next().await else { return Ok(()) };
            // What it put came before it ended.
            while let Ok(fact) = self.facts.try_recv() {
                self.on_fact(fact)?;
            }
            if let Some(end) = end {
                self.on_invocation_ended(id, &key, end)?;
            }
        }
    }

    async fn on_batch(&mut self, batch: Batch) -> anyhow::Result<()> {
        let now = now_ms();
        for (partition, input) in batch.events {
            let at = self.by_partition[&partition];
            if input.position.0 < self.offsets[at] {
                continue;
            }
            self.operators[at].on_input_event(input, now);
            self.touched.push(at);
            self.settle().await?;
            if self.appends.len() >= APPENDS_MAX {
                self.flush_appends()?;
            }
        }
        let from = self.by_partition.get(&PartitionId(0)).map_or(0, |&at| self.offsets[at]);
        for set_aside in batch.set_aside.into_iter().filter(|set_aside| set_aside.position >= from) {
            set_aside.write_line(&mut self.dead_letters);
        }
        self.progress = batch.progress;
        self.at_end |= batch.end;
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
            if self.draining.is_some() || self.drained {
                let _ = reply.send(Err(weir_component::DoorClosed));
                return Ok(());
            }
            match self.operators[at].undurable(&key) {
                None => drop(reply.send(Ok(()))),
                Some(ticket) => self.doors.wait(self.operators[at].partition(), ticket, reply),
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
            let at = self.by_partition[&partition];
            self.operators[at].on_retry_due(&key, now);
            self.touched.push(at);
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
        match command {
            Command::Load(key) => {
                let entries = self.store.load_key(&key)?.unwrap_or_default();
                self.operators[at].on_key_loaded(&key, entries, now_ms()).context("read keyed state")?;
            }
            Command::Invoke(invocation) => self.invoke(at, invocation),
            Command::Emit(event) => {
                output_line(&event, &mut self.outputs);
                self.output_count += 1;
            }
            Command::DeadLetter(letter) => dead_letter_line(&letter, &mut self.dead_letters),
            Command::RetryAt(key, at_ms) => self.timers.set(at_ms, self.operators[at].partition(), key),
            Command::Report(report) => log_report(&report),
            Command::Stop(key, failure) => {
                self.policy_stop = Some(format!("action state {key} failed and its policy says stop: {failure}"));
            }
        }
        Ok(())
    }

    fn invoke(&mut self, at: usize, invocation: Box<Invocation>) {
        if self.draining.is_some() || self.drained {
            let key = invocation.task().key.clone();
            self.operators[at].on_invocation_interrupted(&key, invocation.id());
        } else {
            self.invocations.queue(invocation);
        }
    }

    pub(super) fn flush_appends(&mut self) -> anyhow::Result<()> {
        if !self.appends.is_empty() {
            self.uncheckpointed += self.appends.len();
            self.log.append(&mut self.appends)?;
            if self.log.is_durable_at_once() {
                // The sooner the better: what is acknowledged later has left the processor's caches.
                self.acknowledge(self.log.mark());
            }
        }
        Ok(())
    }

    /// One sync serves all that wait; the next is asked for when it has ended.
    fn ask_for_sync(&mut self) {
        if self.sync.is_none() && self.doors.is_anyone_waiting() {
            let (sender, receiver) = oneshot::channel();
            let mark = self.log.mark();
            self.store.request_sync(move |result| drop(sender.send(result)));
            self.sync = Some((mark, receiver));
        }
    }

    fn on_synced(&mut self, synced: Result<(), StoreError>) -> anyhow::Result<()> {
        let (mark, _) = self.sync.take().expect("a sync was waited for");
        synced?;
        self.acknowledge(mark);
        Ok(())
    }

    /// What was appended up to the mark is durable.
    pub(super) fn acknowledge(&mut self, mark: AppendMark) {
        let mut seen: Vec<usize> = Vec::new();
        for acknowledged in self.log.acknowledged_up_to(mark) {
            let at = self.by_partition[&acknowledged.partition];
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

    /// Tells the coordinator what it should know.
    async fn tell(&mut self) {
        // Before it is told that nothing is left to do, or the end of the input would be all that is seen.
        // The first is enough: while it drains, the coordinator listens to no other, and what waits for it would hang.
        if let Some(what) = self.policy_stop.take()
            && !self.told_policy_stop
        {
            self.told_policy_stop = true;
            let _ = self.ends.send(ShardEnd::PolicyStop(what)).await;
        }
        if self.at_end && !self.told_idle && self.is_idle() {
            self.told_idle = true;
            let _ = self.ends.send(ShardEnd::Idle(self.index)).await;
        }
        if self.wants_checkpoint() && !self.told_full {
            self.told_full = true;
            let _ = self.ends.send(ShardEnd::CheckpointWanted).await;
        }
        if self.invocations.is_empty()
            && let Some(reply) = self.draining.take()
        {
            self.drained = true;
            let _ = reply.send(());
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.invocations.is_empty() && self.operators.iter().all(Operator::is_idle)
    }

    fn is_full(&self) -> bool {
        self.outputs.len() + self.dead_letters.len() > BUFFERED_BYTES_MAX
            || self.uncheckpointed > APPENDS_UNCHECKPOINTED_MAX
    }

    fn wants_checkpoint(&self) -> bool {
        self.is_full() || self.uncheckpointed > APPENDS_BETWEEN_CHECKPOINTS
    }

    /// Back-pressure: whether another batch may be taken.
    fn takes_events(&self) -> bool {
        !self.at_end
            && !self.is_full()
            && !self.invocations.is_full()
            && self.draining.is_none()
            && !self.drained
            && self.operators.iter().map(Operator::pending_events).sum::<u64>() < PENDING_EVENTS_MAX
            && !self.operators.iter().any(Operator::is_full)
    }

    async fn on_order(&mut self, order: ShardControl) -> anyhow::Result<()> {
        match order {
            ShardControl::Checkpoint(reply) => {
                let checkpoint = self.take_checkpoint()?;
                let _ = reply.send(checkpoint);
            }
            ShardControl::CheckpointCompleted => self.on_checkpoint_completed(),
            ShardControl::CheckpointAborted => self.on_checkpoint_aborted(),
            ShardControl::Drain(reply) => {
                self.doors.close();
                self.interrupt_queued();
                self.draining = Some(reply);
            }
            ShardControl::CutOff => {
                for (id, key) in self.invocations.cut_off() {
                    let at = self.operator_of(id);
                    self.operators[at].on_invocation_interrupted(&key, id);
                }
            }
            ShardControl::Observe(what, reply) => {
                let _ = reply.send(self.observe(what)?);
            }
            ShardControl::Repair(request, reply) => self.on_repair(request, reply)?,
            ShardControl::Stop => unreachable!("the loop ends with it"),
        }
        Ok(())
    }

    fn interrupt_queued(&mut self) {
        for (id, key) in self.invocations.take_queued() {
            let at = self.operator_of(id);
            self.operators[at].on_invocation_interrupted(&key, id);
        }
    }

    pub(super) fn operator_of(&self, invocation: u64) -> usize {
        self.by_partition[&PartitionId((invocation >> INVOCATION_BITS) as u32)]
    }

    pub(super) fn operator_at(&self, partition: PartitionId) -> Option<usize> {
        self.by_partition.get(&partition).copied()
    }
}

async fn wait_for_sync(
    sync: &mut Option<(AppendMark, oneshot::Receiver<Result<(), StoreError>>)>,
) -> Result<(), StoreError> {
    match sync {
        Some((_, receiver)) => receiver.await.expect("the store answers every sync"),
        None => std::future::pending().await,
    }
}

async fn sleep_until(at_ms: Option<u64>) {
    match at_ms {
        Some(at_ms) => tokio::time::sleep(Duration::from_millis(at_ms.saturating_sub(now_ms()))).await,
        None => std::future::pending().await,
    }
}
