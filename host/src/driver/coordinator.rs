//! The coordinator: checkpoints over all shards, the end of the input, drain and stop.

use super::checkpoint::ShardCheckpoint;
use super::shards::{ShardControl, ShardEnd, Shards};
use crate::embedded::{Checkpoint, CheckpointRecord, PartitionProgress, Store};
use crate::sink::{FileSink, Sink};
use crate::source::{Consumed, Progress, Reader, ReaderStop};
use anyhow::{Context, anyhow};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use weir_core::event::PartitionId;
use weir_core::ownership::Epoch;

/// Names of the values of a checkpoint record.
pub mod value_names {
    /// Which source it was: `file`, `stdin` or `listen`.
    pub const SOURCE: &str = "source";
    /// Of a source of lines: the path to the key in them.
    pub const SOURCE_KEY: &str = "source_key";
    /// Of a source file: length and digest of what was consumed.
    pub const CONSUMED: &str = "consumed";
    /// Of a sink file: its length.
    pub const SINK_LENGTH: &str = "sink_length";
    /// Of the dead letters: the file's length.
    pub const DEAD_LETTER_LENGTH: &str = "dead_letter_length";
}

/// Where lines go.
#[derive(Debug)]
pub struct Sinks {
    /// Output events.
    pub output: Sink,
    /// Dead letters, and what is set aside.
    pub dead_letters: FileSink,
}

/// What a coordinator is made from.
pub struct CoordinatorStart {
    /// The host's store.
    pub store: Store,
    /// The ways to the shards.
    pub shards: Shards,
    /// How they end.
    pub ends: mpsc::Receiver<ShardEnd>,
    /// Reads the source, once a checkpoint says what it is.
    pub reader: Reader,
    /// Set to stop the reader, and whatever feeds the inbox.
    pub stop: Arc<AtomicBool>,
    /// Where lines go.
    pub sinks: Sinks,
    /// `file`, `stdin` or `listen`.
    pub source: &'static str,
    /// The path to the key, where it stands in the events.
    pub source_key: Option<String>,
    /// What the last checkpoint says.
    pub record: Option<CheckpointRecord>,
    /// From one checkpoint to the next.
    pub interval: Duration,
    /// How long open calls may go on when the host stops.
    pub drain: Duration,
    /// Counts checkpoints, for metrics.
    pub counts: Arc<CheckpointCounts>,
}

/// What the coordinator counts.
#[derive(Debug, Default)]
pub struct CheckpointCounts {
    /// Durable checkpoints.
    pub completed: AtomicU64,
    /// How long the last one took, microseconds.
    pub last_us: AtomicU64,
    /// Where the source is, by the last one, where there is one source for all.
    pub source_offset: AtomicU64,
    /// Where partitions of the source are, where each has an owner.
    pub source_offsets: SourceOffsets,
    /// Output events that are durable in the sink.
    pub outputs: AtomicU64,
}

/// Where the partitions of a source that this host owns are, by the last checkpoint of each.
#[derive(Debug, Default)]
pub struct SourceOffsets(Mutex<BTreeMap<u32, OwnedOffset>>);

/// The ownership that says it, and the offset.
type OwnedOffset = (Epoch, u64);

impl SourceOffsets {
    /// A checkpoint says so.
    pub fn set(&self, partition: PartitionId, epoch: Epoch, offset: u64) {
        self.0.lock().expect("nobody panics with it").insert(partition.0, (epoch, offset));
    }

    /// That ownership is over. Another shard of this host may have a later one already.
    pub fn remove(&self, partition: PartitionId, epoch: Epoch) {
        let mut offsets = self.0.lock().expect("nobody panics with it");
        if offsets.get(&partition.0).is_some_and(|(of, _)| *of == epoch) {
            offsets.remove(&partition.0);
        }
    }

    /// All of them, by partition.
    pub fn all(&self) -> Vec<(u32, u64)> {
        let offsets = self.0.lock().expect("nobody panics with it");
        offsets.iter().map(|(partition, (_, offset))| (*partition, *offset)).collect()
    }
}

/// How a run of the host ended.
#[derive(Debug)]
pub enum Outcome {
    /// The source is at its end, and no key is running.
    End,
    /// It was told to stop, and drained.
    Stopped,
}

/// Takes checkpoints over all shards, and ends them together.
pub struct Coordinator {
    store: Store,
    shards: Shards,
    ends: mpsc::Receiver<ShardEnd>,
    stop: Arc<AtomicBool>,
    sinks: Option<Sinks>,
    source: &'static str,
    source_key: Option<String>,
    record: CheckpointRecord,
    interval: Duration,
    drain: Duration,
    idle: Vec<bool>,
    furthest: Progress,
    counts: Arc<CheckpointCounts>,
}

impl Coordinator {
    /// Runs until the end of the source, a signal, or an error. With an error of a shard or the store no further
    /// checkpoint is taken: recovery is the one repair path.
    pub async fn run(start: CoordinatorStart, signals: mpsc::Receiver<()>) -> anyhow::Result<Outcome> {
        let mut coordinator = Self {
            idle: vec![false; start.shards.orders.len()],
            store: start.store,
            shards: start.shards,
            ends: start.ends,
            stop: start.stop,
            sinks: Some(start.sinks),
            source: start.source,
            source_key: start.source_key,
            record: start.record.unwrap_or_default(),
            interval: start.interval,
            drain: start.drain,
            furthest: Progress::default(),
            counts: start.counts,
        };
        let outcome = coordinator.run_to_outcome(start.reader, signals).await;
        if outcome.is_err() {
            // Reader and shards would wait for each other for ever, and go on to make effects.
            coordinator.stop_shards().await;
        }
        outcome
    }

    async fn run_to_outcome(&mut self, reader: Reader, mut signals: mpsc::Receiver<()>) -> anyhow::Result<Outcome> {
        if !self.is_source_known() {
            // What the sink's file held before counts from the first checkpoint on. And before anything is run, it
            // stands there by which key: a start with another one sees what was run under this.
            self.commit(Vec::new()).await?;
        }
        let mut reader = Some(reader.start(self.shards.clone()));
        let mut ticks = tokio::time::interval(self.interval);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        ticks.tick().await;
        loop {
            tokio::select! {
                biased;
                Some(()) = signals.recv() => return self.drain().await.map(|()| Outcome::Stopped),
                end = self.ends.recv() => {
                    if self.on_end(end).await? {
                        return Ok(Outcome::End);
                    }
                }
                ended = ended(&mut reader) => {
                    if let Err(error) = ended {
                        self.drain().await?;
                        return Err(error);
                    }
                }
                _ = ticks.tick() => {
                    self.checkpoint().await?;
                }
            }
        }
    }

    /// Whether the last checkpoint says what the source is.
    fn is_source_known(&self) -> bool {
        let known = |name: &str| self.record.values.get(name).and_then(|value| value.as_str());
        known(value_names::SOURCE) == Some(self.source) && known(value_names::SOURCE_KEY) == self.source_key.as_deref()
    }

    /// A shard says how it stands; whether all is done.
    async fn on_end(&mut self, end: Option<ShardEnd>) -> anyhow::Result<bool> {
        match end {
            None => Err(anyhow!("all shards are gone")),
            Some(ShardEnd::Failed(error)) => Err(error),
            Some(ShardEnd::PolicyStop(what)) => {
                self.drain().await?;
                Err(anyhow!(what))
            }
            Some(ShardEnd::CheckpointWanted) => self.checkpoint().await.map(|_| false),
            Some(ShardEnd::Idle(shard)) => {
                self.idle[shard] = true;
                if !self.idle.iter().all(|idle| *idle) {
                    return Ok(false);
                }
                // A repair may have given a shard work again: it tells of its end once more.
                if !self.checkpoint().await? {
                    return Ok(false);
                }
                self.stop_shards().await;
                Ok(true)
            }
        }
    }

    /// Starts no new effect, lets open calls finish for a while, cuts off what is left, takes a last checkpoint [S6].
    async fn drain(&mut self) -> anyhow::Result<()> {
        self.stop.store(true, Ordering::Release);
        let mut drained = Vec::new();
        for orders in &self.shards.orders {
            let (sender, receiver) = oneshot::channel();
            if orders.send(ShardControl::Drain(sender)).await.is_ok() {
                drained.push(receiver);
            }
        }
        let all = async {
            for receiver in &mut drained {
                let _ = receiver.await;
            }
        };
        if tokio::time::timeout(self.drain, all).await.is_err() {
            tracing::warn!("open calls are cut off after limits.drain_ms_max ({} ms)", self.drain.as_millis());
            for orders in &self.shards.orders {
                let _ = orders.send(ShardControl::CutOff).await;
            }
        }
        if let Ok(ShardEnd::Failed(error)) = self.ends.try_recv() {
            return Err(error);
        }
        self.checkpoint().await?;
        self.stop_shards().await;
        Ok(())
    }

    async fn stop_shards(&mut self) {
        self.stop.store(true, Ordering::Release);
        for orders in &self.shards.orders {
            let _ = orders.send(ShardControl::Stop).await;
        }
    }

    /// Takes a checkpoint over all shards, if anything changed; whether all shards had nothing left to do.
    async fn checkpoint(&mut self) -> anyhow::Result<bool> {
        let mut replies = Vec::with_capacity(self.shards.orders.len());
        for orders in self.shards.orders.clone() {
            let (sender, receiver) = oneshot::channel();
            if orders.send(ShardControl::Checkpoint(sender)).await.is_err() {
                return Err(self.gone());
            }
            replies.push(receiver);
        }
        let mut parts = Vec::with_capacity(replies.len());
        for reply in replies {
            match reply.await {
                Ok(part) => parts.push(part),
                Err(_) => return Err(self.gone()),
            }
        }
        let changed = parts.iter().any(|part| part.changed);
        let idle = parts.iter().all(|part| part.idle);
        if changed {
            self.commit(parts).await?;
        }
        for orders in self.shards.orders.clone() {
            let ended = if changed { ShardControl::CheckpointCompleted } else { ShardControl::CheckpointAborted };
            if orders.send(ended).await.is_err() {
                return Err(self.gone());
            }
        }
        Ok(idle)
    }

    /// Why a shard is gone, which it told before.
    fn gone(&mut self) -> anyhow::Error {
        while let Ok(end) = self.ends.try_recv() {
            if let ShardEnd::Failed(error) = end {
                return error;
            }
        }
        anyhow!("a shard ended without saying why")
    }

    /// Writes lines to the sinks, then the checkpoint that counts on them.
    async fn commit(&mut self, parts: Vec<ShardCheckpoint>) -> anyhow::Result<()> {
        let began = std::time::Instant::now();
        for part in &parts {
            if part.progress.offset >= self.furthest.offset {
                self.furthest = part.progress;
            }
        }
        let outputs: u64 = parts.iter().map(|part| part.output_count).sum();
        let mut record = self.record.clone();
        self.add_progress(&mut record, &parts);
        let mut sinks = self.sinks.take().expect("the sinks are back after each checkpoint");
        let store = self.store.clone();
        let written = tokio::task::spawn_blocking(move || {
            let written = write(&store, &mut sinks, parts, record);
            (sinks, written)
        });
        let (sinks, written) = written.await.context("take a checkpoint")?;
        self.sinks = Some(sinks);
        self.record = written?;
        self.counts.completed.fetch_add(1, Ordering::Relaxed);
        self.counts.outputs.fetch_add(outputs, Ordering::Relaxed);
        self.counts.last_us.store(began.elapsed().as_micros() as u64, Ordering::Relaxed);
        self.counts.source_offset.store(self.furthest.offset, Ordering::Relaxed);
        Ok(())
    }

    fn add_progress(&self, record: &mut CheckpointRecord, parts: &[ShardCheckpoint]) {
        let mut partitions: BTreeMap<u32, PartitionProgress> =
            std::mem::take(&mut record.partitions).into_iter().map(|known| (known.partition, known)).collect();
        for (partition, source_offset, marker) in parts.iter().flat_map(|part| &part.partitions) {
            let (partition, recovery_marker) = (partition.0, marker.0);
            partitions
                .insert(partition, PartitionProgress { partition, source_offset: *source_offset, recovery_marker });
        }
        record.partitions = partitions.into_values().collect();
        record.values.insert(value_names::SOURCE.to_owned(), self.source.into());
        if let Some(key) = &self.source_key {
            record.values.insert(value_names::SOURCE_KEY.to_owned(), key.as_str().into());
        }
        if self.source != "file" {
            let least = record.partitions.iter().map(|progress| progress.source_offset).min();
            record.inbox_consumed_to = least.unwrap_or(0).max(record.inbox_consumed_to);
        }
        let known = record.values.get(value_names::CONSUMED).and_then(|known| known["length"].as_u64()).unwrap_or(0);
        if let Some(consumed) = Consumed::at(self.furthest).filter(|consumed| consumed.length >= known) {
            let consumed = serde_json::to_value(consumed).expect("a length and a digest are JSON");
            record.values.insert(value_names::CONSUMED.to_owned(), consumed);
        }
    }
}

/// The blocking part of a checkpoint.
fn write(
    store: &Store,
    sinks: &mut Sinks,
    parts: Vec<ShardCheckpoint>,
    mut record: CheckpointRecord,
) -> anyhow::Result<CheckpointRecord> {
    let mut entries = Vec::new();
    let mut outputs = Vec::with_capacity(parts.len());
    let mut dead_letters = String::new();
    for part in parts {
        entries.extend(part.entries);
        outputs.push(part.outputs);
        dead_letters.push_str(&part.dead_letters);
    }
    if sinks.output.leaves_at_once() && outputs.iter().any(|lines| !lines.is_empty()) {
        // What leaves the host now can't be cut back: what it follows from must be durable before [S33].
        store.sync()?;
    }
    sinks.output.write(&outputs)?;
    sinks.dead_letters.append([&dead_letters])?;
    drop(outputs);
    if let Some(length) = sinks.output.length() {
        record.values.insert(value_names::SINK_LENGTH.to_owned(), length.into());
    }
    record.values.insert(value_names::DEAD_LETTER_LENGTH.to_owned(), sinks.dead_letters.length().into());
    store.commit_checkpoint(Checkpoint { entries, record: record.clone() })?;
    Ok(record)
}

/// The end of the reader; never again after it was seen.
async fn ended(reader: &mut Option<oneshot::Receiver<anyhow::Result<ReaderStop>>>) -> anyhow::Result<()> {
    let Some(receiver) = reader else { return std::future::pending().await };
    let ended = receiver.await;
    *reader = None;
    match ended {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(anyhow!("the reader of the source ended without saying why")),
    }
}
