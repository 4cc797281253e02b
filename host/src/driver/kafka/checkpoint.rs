//! Checkpoints of a shard on Kafka: taken, made durable as one transaction, ended [S31].

use super::backend::Outbox;
use super::pace::Pace;
use super::partition::{Owned, Partition, Stage};
use super::shard::KafkaShard;
use crate::driver::bounds::Uncheckpointed;
use anyhow::anyhow;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::Instant;
use weir_core::event::PartitionId;
use weir_core::operator::Operator;
use weir_core::ownership::PartitionRecord;
use weir_core::store::log::Ticket;
use weir_kafka::{CommitError, Committed, PartitionPart};

/// How long checkpoints may be aborted one after another before the shard gives up: longer than a group may take to find
/// out in the middle of a rebalance that its leader died, during which it takes nobody's word.
const ABORTED_MAX: Duration = Duration::from_secs(60);
/// From an aborted checkpoint to the next at most: the group may wait for it.
const AGAIN_AFTER: Duration = Duration::from_millis(100);
/// Bytes of outputs that are reason enough for a checkpoint before its time.
const BUFFERED_BYTES: usize = 4 << 20;
/// Appends that are reason enough for a checkpoint before its time.
const UNCHECKPOINTED: usize = 64 << 10;

/// Outputs of a partition that are put ahead together.
const OUTPUTS_AHEAD: usize = 256;
/// Where checkpoints are further apart, none are: the transaction would be open for so long.
const AHEAD_INTERVAL_MAX: Duration = Duration::from_secs(5);
/// The same, where a transaction may not be open for so many of their intervals: one that comes late is to find its own
/// still.
const AHEAD_INTERVALS_MIN: u32 = 4;

/// A checkpoint that is neither committed nor aborted.
pub(super) struct Commit {
    parts: Vec<Part>,
    uncheckpointed: Uncheckpointed,
    began: Instant,
    state: State,
}

enum State {
    /// It waits until these puts are durable [S33].
    WaitsForPuts(Vec<(PartitionId, Ticket)>),
    /// It is on its way.
    Sent(oneshot::Receiver<Committed>),
}

/// What one partition has in it.
struct Part {
    partition: PartitionId,
    /// Of which ownership.
    number: u64,
    record: PartitionRecord,
    kind: PartKind,
    // While the checkpoint is on its way, the committer has these.
    entries: Vec<weir_core::checkpoint::Entry>,
    outbox: Outbox,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum PartKind {
    /// A takeover's epoch.
    Epoch,
    /// A checkpoint of an operator, if it had changes its name there.
    Operator(Option<u64>),
}

/// Whether outputs are put ahead of checkpoints of this interval, with transactions that may be open for so long.
pub(super) fn puts_ahead(interval: Duration, transaction_timeout: Duration) -> bool {
    interval <= AHEAD_INTERVAL_MAX.min(transaction_timeout / AHEAD_INTERVALS_MIN)
}

/// The end of the checkpoint that is on its way.
pub(super) async fn committed(commit: &mut Option<Commit>) -> Committed {
    match commit {
        Some(Commit { state: State::Sent(receiver), .. }) => {
            receiver.await.unwrap_or_else(|_| (Vec::new(), Err(CommitError::Failed("its thread is gone".to_owned()))))
        }
        _ => std::future::pending().await,
    }
}

impl KafkaShard<'_> {
    /// Begins a checkpoint where one is due, and sends it when what it rests on is durable.
    pub(super) fn advance_commit(&mut self) -> anyhow::Result<()> {
        if self.commit.is_none() && self.membership.is_some() && self.is_commit_due() {
            self.begin_commit()?;
        }
        let Some(Commit { state: State::WaitsForPuts(waits), .. }) = &mut self.commit else { return Ok(()) };
        waits.retain(|(partition, ticket)| {
            let at = self.executor.operator_at(*partition);
            at.is_some_and(|at| self.executor.operators[at].store().first_unacknowledged() <= *ticket)
        });
        if waits.is_empty() {
            self.send_commit();
        }
        Ok(())
    }

    fn is_commit_due(&self) -> bool {
        // A group that is in the middle of a rebalance refuses each: not at once again.
        if self.aborted_since.is_some() && self.committed_at.elapsed() < self.start.interval.min(AGAIN_AFTER) {
            return false;
        }
        let is_urgent = self.partitions.values().any(|entry| match &entry.stage {
            Stage::TakingOver(taking) => taking.epoch.is_some(),
            Stage::Releasing(_) => true,
            Stage::Running(_) | Stage::Draining(..) => false,
        });
        if is_urgent {
            return true;
        }
        let is_time = self.committed_at.elapsed() >= self.start.interval
            || self.executor.uncheckpointed.are_many(UNCHECKPOINTED)
            || self.executor.backend.buffered_bytes() >= BUFFERED_BYTES;
        let owns_any = self.partitions.values().any(|entry| matches!(entry.stage, Stage::Running(_)));
        owns_any && (is_time && self.has_changes() || self.lease.is_wanted())
    }

    fn has_changes(&self) -> bool {
        self.executor.operators.iter().any(|operator| operator.has_changes())
            || self.executor.backend.outboxes.values().any(|outbox| !outbox.is_empty())
            || self.partitions.values().any(
                |entry| matches!(&entry.stage, Stage::Running(owned) if owned.next_offset != owned.committed_offset),
            )
    }

    fn begin_commit(&mut self) -> anyhow::Result<()> {
        let renews = self.lease.is_wanted();
        let mut parts = Vec::new();
        let mut waits = Vec::new();
        let all: Vec<PartitionId> = self.partitions.keys().copied().collect();
        for partition in all {
            if let Some(part) = self.part_of(partition, renews, &mut waits) {
                parts.push(part);
            }
        }
        if parts.is_empty() {
            // Brokers take an empty transaction of whoever sends it: it would prove nothing [S32].
            return Ok(());
        }
        // All that the checkpoint rests on is with the producer before it.
        self.executor.flush_appends()?;
        self.commit = Some(Commit {
            parts,
            uncheckpointed: std::mem::take(&mut self.executor.uncheckpointed),
            began: Instant::now(),
            state: State::WaitsForPuts(waits),
        });
        Ok(())
    }

    fn part_of(
        &mut self,
        partition: PartitionId,
        renews: bool,
        waits: &mut Vec<(PartitionId, Ticket)>,
    ) -> Option<Part> {
        let (id, lease_ms, count) = (&self.transactional_id, self.start.kafka.lease_ms, self.start.partitions);
        let number = self.partitions[&partition].number;
        let part =
            |record, kind| Part { partition, number, record, kind, entries: Vec::new(), outbox: Outbox::default() };
        if let Stage::TakingOver(taking) = &self.partitions[&partition].stage {
            taking.epoch?;
            let part = part(self.epoch_record(taking), PartKind::Epoch);
            if let Some(Partition { stage: Stage::TakingOver(taking), .. }) = self.partitions.get_mut(&partition) {
                (taking.epoch, taking.is_committed) = (None, true);
            }
            return Some(part);
        }
        let entry = self.partitions.get_mut(&partition).expect("it is one of these");
        let releases = matches!(entry.stage, Stage::Releasing(_));
        let owned: Owned = *entry.owned().expect("it is past its takeover");
        let mut part = part(owned.record(id, lease_ms, count), PartKind::Operator(None));
        part.record.released = releases;
        part.record.source_offset = owned.next_offset;
        part.outbox = self.executor.backend.take_outbox(partition);
        let Some(at) = self.executor.operator_at(partition) else { return Some(part) };
        let operator = &mut self.executor.operators[at];
        let is_changed =
            operator.has_changes() || !part.outbox.is_empty() || part.record.source_offset != owned.committed_offset;
        if !(is_changed || releases || renews) {
            return None;
        }
        let checkpoint = operator.begin_checkpoint();
        part.kind = PartKind::Operator(Some(checkpoint.id));
        part.record.recovery_marker = checkpoint.marker;
        part.record.marker_epoch = checkpoint.marker_epoch;
        part.entries = checkpoint.entries;
        // Nothing but appends can have come up: outputs of what is not in the checkpoint are not to be, either.
        operator.take_appends_into(&mut self.executor.appends);
        waits.extend(checkpoint.waits_for.map(|ticket| (partition, ticket)));
        Some(part)
    }

    fn send_commit(&mut self) {
        let commit = self.commit.as_mut().expect("one waits for its puts");
        let parts = commit.parts.iter_mut().map(|part| PartitionPart {
            partition: part.partition,
            record: part.record.clone(),
            entries: std::mem::take(&mut part.entries),
            outputs: std::mem::take(&mut part.outbox.outputs),
            dead_letters: std::mem::take(&mut part.outbox.dead_letters),
        });
        let transaction = parts.collect();
        let membership = self.membership.clone().expect("a checkpoint is begun by a member");
        self.lease.on_checkpoint_sent();
        commit.state = State::Sent(self.committer.commit(transaction, membership));
    }

    /// The checkpoint that was on its way has ended.
    pub(super) fn on_committed(&mut self, (transaction, committed): Committed) -> anyhow::Result<()> {
        let mut commit = self.commit.take().expect("it was on its way");
        for (part, back) in commit.parts.iter_mut().zip(transaction) {
            part.entries = back.entries;
            (part.outbox.outputs, part.outbox.dead_letters) = (back.outputs, back.dead_letters);
        }
        if committed.is_err() {
            // All outputs came back.
            commit.parts.iter_mut().for_each(|part| part.outbox.ahead = 0);
        }
        self.committed_at = Instant::now();
        match committed {
            Ok(()) => {
                self.aborted_since = None;
                self.lease.on_checkpoint_committed();
                self.on_commit_completed(commit)
            }
            Err(error @ (CommitError::Refused(_) | CommitError::Aborted(_))) => {
                if self.aborted_since.get_or_insert(commit.began).elapsed() > ABORTED_MAX {
                    return Err(anyhow!(error).context("commit a checkpoint, for the last time"));
                }
                tracing::warn!("{error}: it is taken again");
                self.lease.on_checkpoint_aborted();
                self.on_commit_aborted(commit);
                Ok(())
            }
            Err(error @ CommitError::Fenced(_)) => {
                tracing::warn!("{error}");
                self.is_lost = true;
                Ok(())
            }
            Err(error @ (CommitError::Failed(_) | CommitError::Silent { .. } | CommitError::Denied(_))) => {
                Err(error.into())
            }
        }
    }

    fn on_commit_completed(&mut self, commit: Commit) -> anyhow::Result<()> {
        let counts = self.start.counts.clone();
        counts.completed.fetch_add(1, Ordering::Relaxed);
        counts.last_us.store(commit.began.elapsed().as_micros() as u64, Ordering::Relaxed);
        for part in commit.parts {
            let Some(entry) = self.partitions.get_mut(&part.partition).filter(|entry| entry.number == part.number)
            else {
                continue;
            };
            if part.kind == PartKind::Epoch {
                self.on_epoch_committed(part.partition)?;
                continue;
            }
            if let Some(owned) = entry.owned() {
                owned.committed_offset = part.record.source_offset;
                owned.committed_marker = part.record.recovery_marker;
                owned.marker_epoch = part.record.marker_epoch;
                counts.source_offsets.set(part.partition, owned.epoch, owned.committed_offset);
            }
            counts.outputs.fetch_add((part.outbox.ahead + part.outbox.outputs.len()) as u64, Ordering::Relaxed);
            self.executor.backend.on_outbox_sent(part.outbox);
            if let PartKind::Operator(Some(id)) = part.kind
                && let Some(at) = self.executor.operator_at(part.partition)
            {
                // A key that is evicted now is read from there.
                let scratch = self.executor.backend.scratches.get_mut(&part.partition);
                scratch.map_or(Ok(()), |scratch| scratch.apply(&part.entries))?;
                let operator = &mut self.executor.operators[at];
                operator.on_checkpoint_durable(id);
                if part.record.released {
                    operator.prune(usize::MAX);
                }
                operator.take_appends_into(&mut self.executor.appends);
                self.executor.touched.push(at);
            }
            if part.record.released {
                // Its last tombstones are late where the next owner's fence is there by then, and do no harm.
                self.forget(part.partition)?;
            }
        }
        let prunable = self.executor.operators.iter().map(Operator::prunable).sum();
        self.pace = Pace::new(prunable, self.start.interval, Instant::now());
        Ok(())
    }

    /// Hands outputs to the committer before their checkpoint, for not all to go at once with it: what happens meanwhile
    /// would wait.
    pub(super) fn put_ahead(&mut self) {
        if self.commit.is_some() || self.membership.is_none() || !self.puts_ahead {
            return;
        }
        for (partition, outbox) in &mut self.executor.backend.outboxes {
            if outbox.outputs.len() >= OUTPUTS_AHEAD {
                outbox.put_ahead(|outputs| self.committer.put_ahead(*partition, outputs));
            }
        }
    }

    /// Prunes as much of what the last checkpoint completed as is due.
    pub(super) fn prune(&mut self) {
        let mut due = self.pace.due(Instant::now());
        for operator in &mut self.executor.operators {
            if due == 0 {
                return;
            }
            let keys = operator.prunable().min(due);
            if keys > 0 {
                operator.prune(keys);
                operator.take_appends_into(&mut self.executor.appends);
                due -= keys;
            }
        }
    }

    fn on_commit_aborted(&mut self, commit: Commit) {
        self.executor.uncheckpointed += commit.uncheckpointed;
        for part in commit.parts {
            let Some(entry) = self.partitions.get_mut(&part.partition).filter(|entry| entry.number == part.number)
            else {
                continue;
            };
            match (&mut entry.stage, part.kind) {
                (Stage::TakingOver(taking), PartKind::Epoch) => taking.epoch = Some(part.record.epoch),
                (_, PartKind::Operator(id)) => {
                    let outbox = self.executor.backend.outboxes.entry(part.partition).or_default();
                    outbox.put_back(part.outbox);
                    if let (Some(id), Some(at)) = (id, self.executor.operator_at(part.partition)) {
                        self.executor.operators[at].on_checkpoint_aborted(id);
                        self.executor.touched.push(at);
                    }
                }
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // [S31]
    #[test]
    fn nothing_is_put_ahead_that_would_keep_a_transaction_open_for_long() {
        let ms = Duration::from_millis;
        assert!(puts_ahead(ms(100), ms(30_000)) && puts_ahead(ms(5_000), ms(30_000)));
        assert!(!puts_ahead(ms(5_001), ms(30_000)), "readers of committed records wait for it");
        assert!(puts_ahead(ms(500), ms(2_000)) && !puts_ahead(ms(501), ms(2_000)), "the brokers would abort it");
    }
}
