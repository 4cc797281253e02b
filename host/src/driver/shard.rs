//! A shard of the embedded store: operators of some partitions and the invocations that they want, on one thread, in one
//! loop.
//!
//! Where an event waits: in the shard's channel; then where the executor says; its outputs in the buffer until the next
//! checkpoint. Each of these is bounded, and a full one makes the reader wait.

use super::checkpoint::TakenCheckpoint;
use super::executor::{Backend, Executor, InvocationsStart};
use super::port::ActionTable;
use super::shards::{ShardControl, ShardEnd};
use crate::clock::now_ms;
use crate::embedded::{AppendMark, Store, StoreError, StoreLog};
use crate::sink::{dead_letter_line, output_line};
use crate::source::{Batch, Progress};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};
use weir_component::Invoker;
use weir_core::checkpoint::Entry;
use weir_core::event::{DeadLetter, OutputEvent, PartitionId};
use weir_core::key::Key;
use weir_core::operator::Operator;
use weir_core::store::log::{Acknowledged, ActionStateLog, Append};

/// Bytes of outputs and dead letters that wait for a checkpoint, from which on no more events are taken.
pub(super) const BUFFERED_BYTES_MAX: usize = 16 << 20;
/// Appends since the last checkpoint, from which on another is wanted: what they hold stays in memory until then, and is
/// still in the processor's caches when it is let go.
pub(super) const APPENDS_BETWEEN_CHECKPOINTS: usize = 16_384;
/// Appends since the last checkpoint, from which on no more events are taken.
const APPENDS_UNCHECKPOINTED_MAX: usize = 16 * APPENDS_BETWEEN_CHECKPOINTS;
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
    pub(super) executor: Executor<EmbeddedBackend>,
    pub(super) offsets: Vec<u64>,
    batches: mpsc::Receiver<Batch>,
    orders: mpsc::Receiver<ShardControl>,
    ends: mpsc::Sender<ShardEnd>,
    /// A sync that was asked for, and what it makes durable.
    sync: Option<(AppendMark, oneshot::Receiver<Result<(), StoreError>>)>,
    pub(super) progress: Progress,
    pub(super) checkpointed_progress: Progress,
    pub(super) taken: Option<TakenCheckpoint>,
    pub(super) at_end: bool,
    pub(super) told_idle: bool,
    pub(super) told_full: bool,
    told_policy_stop: bool,
    draining: Option<oneshot::Sender<()>>,
    drained: bool,
}

/// The store of a shard, and what waits for its next checkpoint.
pub(super) struct EmbeddedBackend {
    pub(super) log: StoreLog,
    store: Store,
    pub(super) outputs: String,
    /// The buffer of outputs that are durable: kept for its room.
    pub(super) spare_outputs: String,
    pub(super) output_count: u64,
    pub(super) dead_letters: String,
}

impl Backend for EmbeddedBackend {
    fn load_key(&mut self, _: PartitionId, key: &Key) -> anyhow::Result<Vec<Entry>> {
        Ok(self.store.load_key(key)?.unwrap_or_default())
    }

    fn append(&mut self, appends: &mut Vec<Append>) -> anyhow::Result<Vec<Acknowledged>> {
        self.log.append(appends)?;
        Ok(match self.log.is_durable_at_once() {
            true => self.log.acknowledged_up_to(self.log.mark()),
            false => Vec::new(),
        })
    }

    fn emit(&mut self, _: PartitionId, event: OutputEvent) {
        output_line(&event, &mut self.outputs);
        self.output_count += 1;
    }

    fn dead_letter(&mut self, _: PartitionId, letter: Box<DeadLetter>) {
        dead_letter_line(&letter, &mut self.dead_letters);
    }
}

impl Shard {
    /// A shard that has not begun.
    pub fn new(start: ShardStart) -> Self {
        let backend = EmbeddedBackend {
            log: start.log,
            store: start.store,
            outputs: String::new(),
            spare_outputs: String::new(),
            output_count: 0,
            dead_letters: String::new(),
        };
        let invocations =
            InvocationsStart { invoker: start.invoker, actions: start.actions, max: start.invocations_max };
        Self {
            index: start.index,
            executor: Executor::new(backend, start.operators, invocations),
            offsets: start.offsets,
            batches: start.batches,
            orders: start.orders,
            ends: start.ends,
            sync: None,
            progress: Progress::default(),
            checkpointed_progress: Progress::default(),
            taken: None,
            at_end: false,
            told_idle: false,
            told_full: false,
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
        self.executor.operators.iter().map(|operator| operator.counters().keys_quarantined).sum()
    }

    async fn run_to_end(&mut self) -> anyhow::Result<()> {
        loop {
            self.executor.settle().await?;
            self.executor.flush_appends()?;
            self.ask_for_sync();
            self.tell().await;
            let takes = self.takes_events();
            tokio::select! {
                biased;
                order = self.orders.recv() => match order {
                    None | Some(ShardControl::Stop) => return Ok(()),
                    Some(order) => self.on_order(order)?,
                },
                work = self.executor.next_work() => self.executor.on_work(work)?,
                synced = wait_for_sync(&mut self.sync) => self.on_synced(synced)?,
                batch = self.batches.recv(), if takes => match batch {
                    Some(batch) => self.on_batch(batch).await?,
                    None => self.at_end = true,
                },
            }
        }
    }

    async fn on_batch(&mut self, batch: Batch) -> anyhow::Result<()> {
        let now = now_ms();
        for (partition, input) in batch.events {
            let at = self.executor.operator_at(partition).expect("the reader knows who owns a partition");
            if input.position.0 >= self.offsets[at] {
                self.executor.on_input(at, input, now).await?;
            }
        }
        let from = self.executor.operator_at(PartitionId(0)).map_or(0, |at| self.offsets[at]);
        for set_aside in batch.set_aside.into_iter().filter(|set_aside| set_aside.position >= from) {
            set_aside.write_line(&mut self.executor.backend.dead_letters);
        }
        self.progress = batch.progress;
        self.at_end |= batch.end;
        Ok(())
    }

    /// One sync serves all that wait; the next is asked for when it has ended.
    fn ask_for_sync(&mut self) {
        if self.sync.is_none() && self.executor.doors.is_anyone_waiting() {
            let (sender, receiver) = oneshot::channel();
            let mark = self.executor.backend.log.mark();
            self.executor.backend.store.request_sync(move |result| drop(sender.send(result)));
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
        let durable = self.executor.backend.log.acknowledged_up_to(mark);
        self.executor.acknowledge(durable);
    }

    /// Tells the coordinator what it should know.
    async fn tell(&mut self) {
        // Before it is told that nothing is left to do, or the end of the input would be all that is seen.
        // The first is enough: while it drains, the coordinator listens to no other, and what waits for it would hang.
        if let Some(what) = &self.executor.policy_stop
            && !self.told_policy_stop
        {
            self.told_policy_stop = true;
            let _ = self.ends.send(ShardEnd::PolicyStop(what.clone())).await;
        }
        if self.at_end && !self.told_idle && self.executor.is_idle() {
            self.told_idle = true;
            let _ = self.ends.send(ShardEnd::Idle(self.index)).await;
        }
        if self.wants_checkpoint() && !self.told_full {
            self.told_full = true;
            let _ = self.ends.send(ShardEnd::CheckpointWanted).await;
        }
        if self.executor.invocations.is_empty()
            && let Some(reply) = self.draining.take()
        {
            self.drained = true;
            let _ = reply.send(());
        }
    }

    fn is_full(&self) -> bool {
        let EmbeddedBackend { outputs, dead_letters, .. } = &self.executor.backend;
        outputs.len() + dead_letters.len() > BUFFERED_BYTES_MAX
            || self.executor.uncheckpointed.are_too_many(APPENDS_UNCHECKPOINTED_MAX)
    }

    fn wants_checkpoint(&self) -> bool {
        self.is_full() || self.executor.uncheckpointed.are_many(APPENDS_BETWEEN_CHECKPOINTS)
    }

    /// Back-pressure: whether another batch may be taken.
    fn takes_events(&self) -> bool {
        !self.at_end
            && !self.is_full()
            && !self.executor.invocations.is_full()
            && self.draining.is_none()
            && !self.drained
            && self.executor.has_room()
            && !self.executor.operators.iter().any(Operator::is_full)
    }

    fn on_order(&mut self, order: ShardControl) -> anyhow::Result<()> {
        match order {
            ShardControl::Checkpoint(reply) => {
                let checkpoint = self.take_checkpoint()?;
                let _ = reply.send(checkpoint);
            }
            ShardControl::CheckpointCompleted => self.on_checkpoint_completed(),
            ShardControl::CheckpointAborted => self.on_checkpoint_aborted(),
            ShardControl::Drain(reply) => {
                for partition in self.partitions() {
                    self.executor.close(partition);
                }
                self.draining = Some(reply);
            }
            ShardControl::CutOff => {
                for partition in self.partitions() {
                    self.executor.cut_off(partition);
                }
            }
            ShardControl::Observe(what, reply) => {
                let _ = reply.send(self.executor.observe(what)?);
            }
            ShardControl::Repair(request, reply) => self.executor.on_repair(request, reply),
            ShardControl::Stop => unreachable!("the loop ends with it"),
        }
        Ok(())
    }

    fn partitions(&self) -> Vec<PartitionId> {
        self.executor.operators.iter().map(Operator::partition).collect()
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
