//! Commits the checkpoints of one shard, each as one transaction [S31].

use crate::client::RecordSizes;
use crate::group::Membership;
use crate::settings::KafkaSettings;
use crate::transaction::{Ahead, Work};
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Arc, mpsc};
use std::time::Duration;
use tokio::sync::oneshot;
use weir_core::checkpoint::Entry;
use weir_core::event::{OutputEvent, PartitionId};
use weir_core::key::Key;
use weir_core::ownership::PartitionRecord;

/// A checkpoint of one shard: what each partition adds.
pub type Transaction = Vec<PartitionPart>;

/// What one partition adds to a checkpoint.
pub struct PartitionPart {
    /// The partition.
    pub partition: PartitionId,
    /// Its checkpoint record; its source offset is committed for the group, too.
    pub record: PartitionRecord,
    /// Entries of keyed state that changed.
    pub entries: Vec<Entry>,
    /// Output events, in the order of each key.
    pub outputs: Vec<OutputEvent>,
    /// Dead letters as JSON, with their keys.
    pub dead_letters: Vec<(Key, String)>,
}

/// A checkpoint that was to be committed, and what came of it.
pub type Committed = (Transaction, Result<(), CommitError>);

/// Why a checkpoint is not durable.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CommitError {
    /// The group no longer takes this member's word: nothing of it counts, another may.
    #[error("the group refused the checkpoint: {0}")]
    Refused(String),
    /// It was aborted, and may be tried again.
    #[error("the checkpoint was aborted: {0}")]
    Aborted(String),
    /// Another took partitions of this shard over, and ended its producer.
    #[error("another host took over: {0}")]
    Fenced(String),
    /// The brokers refuse the producer as it is: something has to be changed.
    #[error("{0}")]
    Denied(String),
    /// The brokers did not answer, so that nobody knows whether it was committed.
    #[error(
        "{what}: no broker answered within {} s ({last}): are they reachable? Start again, recovery finds out how it ended",
        max.as_secs()
    )]
    Silent {
        /// What was tried.
        what: String,
        /// So long.
        max: Duration,
        /// What the client said last.
        last: String,
    },
    /// The producer is of no further use, or nobody knows whether it was committed.
    #[error("commit checkpoint: {0}: start again, recovery finds out how it ended")]
    Failed(String),
}

/// A transactional producer with a thread of its own, so that a shard does not wait for it.
///
/// Lifecycle: made on its thread, which ends what a producer of the same id left open; then one transaction at a time, for
/// which outputs may be put ahead; its thread ends when it is dropped, and what was put ahead comes to nothing.
#[derive(Debug)]
pub struct Committer {
    jobs: mpsc::SyncSender<Job>,
    /// Jobs that wait to be put ahead: fewer than there is room for, so that a checkpoint never waits for room.
    waiting: Arc<AtomicUsize>,
}

/// A committer on its way, for as long as brokers are away.
pub type StartingCommitter = oneshot::Receiver<Result<Committer, CommitError>>;

enum Job {
    PutAhead(PartitionId, Vec<OutputEvent>),
    Commit(Transaction, Membership, oneshot::Sender<Committed>),
}

/// When it is looked again whether what is to be put ahead may go.
const AGAIN: Duration = Duration::from_millis(5);
/// Jobs that wait for the committer, one checkpoint among them.
const JOBS_MAX: usize = 16;

impl Committer {
    /// Has a committer made, with a transactional id of its own. No record is larger than the topic takes that it goes to.
    pub fn start(
        settings: Arc<KafkaSettings>,
        transactional_id: &str,
        sizes: RecordSizes,
    ) -> io::Result<StartingCommitter> {
        let (started, starting) = oneshot::channel();
        let id = transactional_id.to_owned();
        let thread = std::thread::Builder::new().name("weir-committer".to_owned());
        thread.spawn(move || {
            let work = match Work::new(settings, &id, sizes) {
                Ok(work) => work,
                Err(error) => return drop(started.send(Err(error))),
            };
            let (jobs, receiver) = mpsc::sync_channel(JOBS_MAX);
            let waiting = Arc::new(AtomicUsize::new(0));
            // Where nobody waits for it any more, the channel is closed with it.
            let _ = started.send(Ok(Self { jobs, waiting: waiting.clone() }));
            let mut ahead = Ahead::default();
            loop {
                let wait = if ahead.waits() { AGAIN } else { Duration::MAX };
                let job = match receiver.recv_timeout(wait) {
                    Ok(job) => job,
                    Err(RecvTimeoutError::Timeout) => {
                        work.put_ahead(&mut ahead);
                        continue;
                    }
                    Err(RecvTimeoutError::Disconnected) => return,
                };
                match job {
                    Job::PutAhead(partition, outputs) => {
                        waiting.fetch_sub(1, Ordering::Relaxed);
                        ahead.outputs.push((partition, outputs));
                        work.put_ahead(&mut ahead);
                    }
                    Job::Commit(mut transaction, group, reply) => {
                        let committed = work.commit(&mut ahead, &transaction, &group);
                        let put_ahead = std::mem::take(&mut ahead).outputs;
                        if committed.is_err() {
                            give_back(put_ahead, &mut transaction);
                        }
                        let _ = reply.send((transaction, committed));
                    }
                }
            }
        })?;
        Ok(starting)
    }

    /// Puts outputs that the next checkpoint will have, so that they need not all go when it is taken. Nobody sees them
    /// before it is committed. Between two checkpoints only; all that a partition was given ahead is to be in the next. Where
    /// the committer is busy, they come back.
    pub fn put_ahead(&self, partition: PartitionId, outputs: Vec<OutputEvent>) -> Result<(), Vec<OutputEvent>> {
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= JOBS_MAX - 1 {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            return Err(outputs);
        }
        // Where its thread is gone, the next checkpoint tells.
        let _ = self.jobs.send(Job::PutAhead(partition, outputs));
        Ok(())
    }

    /// Commits a checkpoint for the member that the group knew at this assignment, and gives it back; where it was not
    /// committed, with what was put ahead for it. One at a time.
    pub fn commit(&self, transaction: Transaction, group: Membership) -> oneshot::Receiver<Committed> {
        let (reply, receiver) = oneshot::channel();
        // Where its thread is gone, the reply is gone with it, and whoever waits is told.
        let _ = self.jobs.send(Job::Commit(transaction, group, reply));
        receiver
    }
}

/// What was put ahead goes before what its checkpoint added.
fn give_back(put_ahead: Vec<(PartitionId, Vec<OutputEvent>)>, transaction: &mut Transaction) {
    for (partition, mut outputs) in put_ahead.into_iter().rev() {
        if let Some(part) = transaction.iter_mut().find(|part| part.partition == partition) {
            outputs.append(&mut part.outputs);
            part.outputs = outputs;
        }
    }
}
