//! The parts of a takeover that wait for brokers: each on a thread of its own [S25] [S32].

use super::lease::lease_clock_ms;
use crate::driver::SetAsideRecords;
use crate::driver::recover::{Undecodable, set_aside};
use crate::scratch::{PartitionScratch, Scratch};
use anyhow::{Context, anyhow, bail};
use hashbrown::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use weir_core::checkpoint::Header;
use weir_core::event::{PartitionId, SequenceNumber};
use weir_core::key::Key;
use weir_core::ownership::{Epoch, PartitionRecord};
use weir_core::store::log::Position;
use weir_core::store::{ActionStateStore, Rebuild};
use weir_kafka::changelog::ChangelogName;
use weir_kafka::{KafkaSettings, Reader, end_producer};

/// How often a read that takes long says how far it is.
const PROGRESS: Duration = Duration::from_secs(2);

/// A read of a partition, watched: it says how far it is, and ends when it takes so long that tombstones may be gone.
struct Watch<'a> {
    what: &'a str,
    topic: &'a str,
    partition: PartitionId,
    to: u64,
    max: Duration,
    began: Instant,
    told: Instant,
}

impl<'a> Watch<'a> {
    fn new(what: &'a str, topic: &'a str, partition: PartitionId, to: u64, max: Duration) -> Self {
        let began = Instant::now();
        Self { what, topic, partition, to, max, began, told: began }
    }

    /// A record was read.
    fn on_record(&mut self, offset: u64) -> anyhow::Result<()> {
        // A look at the clock for each would cost as much as the record.
        if !offset.is_multiple_of(256) || self.told.elapsed() < PROGRESS {
            return Ok(());
        }
        self.told = Instant::now();
        let Self { what, topic, partition, to, max, .. } = self;
        tracing::info!("{what}: {topic}, partition {partition}: offset {offset} of {to}");
        if self.began.elapsed() > *max {
            bail!(
                "{what}: {topic}, partition {partition}: not done after {} s, as long as the topic keeps tombstones, so \
                 what is dead might rise again: raise its delete.retention.ms, or give the host more room",
                max.as_secs()
            );
        }
        Ok(())
    }
}

/// A partition's keyed state on its way from the changelog.
pub(super) struct Restoring {
    pub(super) reader: Reader,
    pub(super) scratch: PartitionScratch,
    pub(super) record: Option<PartitionRecord>,
    /// So far the changelog was read.
    at: u64,
    /// Where the source goes on.
    pub(super) source_offset: u64,
    entries: u64,
}

/// What a thread found out.
pub(super) enum TakeoverFact {
    /// The changelog was read as far as it was committed.
    Looked(Box<Restoring>),
    /// The last owner's producer is fenced, since this time.
    Initialised(Box<Restoring>, u64),
    /// It was read to its end.
    Restored(Box<Restoring>),
    /// The action states are there.
    Rebuilt(Box<Restoring>, Box<ActionStateStore>),
}

/// A fact about the takeover of this number.
pub(super) type NumberedFact = (PartitionId, u64, anyhow::Result<TakeoverFact>);

/// Does what takeovers wait for.
#[derive(Clone)]
pub(super) struct TakeoverWork {
    pub(super) kafka: Arc<KafkaSettings>,
    pub(super) scratch: Scratch,
    /// Partitions of the source.
    pub(super) partitions: u32,
    pub(super) record_bytes_max: usize,
    /// How long a read of a state topic may take.
    pub(super) reading_max: Duration,
    pub(super) set_aside: SetAsideRecords,
    /// Whether to go on without input events that were deleted before they were read.
    pub(super) skip_deleted_input: bool,
    /// Producers of former owners that this host has ended. They never come back: each start of a shard has a new id.
    pub(super) ended: Arc<EndedProducers>,
    pub(super) facts: mpsc::UnboundedSender<NumberedFact>,
}

/// Producers that were ended, each once, with the time of it.
#[derive(Debug, Default)]
pub(super) struct EndedProducers(Mutex<HashMap<String, EndedAt>>);

/// When a producer was ended, once it was.
type EndedAt = Arc<Mutex<Option<u64>>>;

impl EndedProducers {
    /// When the producer of this id was ended. Who asks meanwhile waits for who is at it, and tries anew only where that
    /// one failed.
    fn end(&self, id: &str, end: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<u64> {
        let ended = self.0.lock().expect("nobody panics with it").entry_ref(id).or_default().clone();
        let mut at_ms = ended.lock().expect("nobody panics with it");
        match *at_ms {
            Some(at_ms) => Ok(at_ms),
            None => {
                end()?;
                Ok(*at_ms.insert(lease_clock_ms()))
            }
        }
    }
}

impl TakeoverWork {
    /// Does some work on a thread, and tells the shard what came of it.
    pub(super) fn start(
        &self,
        (partition, number): (PartitionId, u64),
        work: impl FnOnce(&Self) -> anyhow::Result<TakeoverFact> + Send + 'static,
    ) {
        let this = self.clone();
        tokio::task::spawn_blocking(move || {
            // A partition whose takeover says nothing would stand still for ever.
            let fact = catch_unwind(AssertUnwindSafe(|| work(&this)));
            let fact = fact.unwrap_or_else(|_| Err(anyhow!("its thread panicked, as it said above: report it")));
            let fact = fact.with_context(|| format!("take partition {partition} over"));
            // A shard that is gone has no use for it.
            let _ = this.facts.send((partition, number, fact));
        });
    }

    /// Reads the changelog as far as it is committed.
    pub(super) fn look(&self, partition: PartitionId) -> anyhow::Result<TakeoverFact> {
        let reader = Reader::of_changelog(&self.kafka)?;
        let (low, high) = reader.stable_watermarks(partition)?;
        let scratch = self.scratch.partition(partition)?;
        let mut restoring = Restoring { reader, scratch, record: None, at: low, source_offset: 0, entries: 0 };
        self.read_to(&mut restoring, partition, high)?;
        Ok(TakeoverFact::Looked(Box::new(restoring)))
    }

    /// Ends and fences the producer of the last owner.
    pub(super) fn initialise(&self, restoring: Box<Restoring>, id: &str) -> anyhow::Result<TakeoverFact> {
        let at_ms = self.ended.end(id, || Ok(end_producer(&self.kafka, id)?))?;
        Ok(TakeoverFact::Initialised(restoring, at_ms))
    }

    /// Reads the changelog to its present end, which open transactions may hold up.
    pub(super) fn restore(
        &self,
        mut restoring: Box<Restoring>,
        partition: PartitionId,
    ) -> anyhow::Result<TakeoverFact> {
        loop {
            let (_, high) = restoring.reader.watermarks(partition)?;
            self.read_to(&mut restoring, partition, high)?;
            match self.source_offset(&restoring, partition) {
                Ok(offset) => restoring.source_offset = offset,
                // An owner that this one does not know of has committed in between.
                Err(_) if restoring.reader.watermarks(partition)?.1 > high => continue,
                Err(error) => return Err(error),
            }
            restoring.scratch.finish_restore()?;
            return Ok(TakeoverFact::Restored(restoring));
        }
    }

    fn read_to(&self, restoring: &mut Restoring, partition: PartitionId, to: u64) -> anyhow::Result<()> {
        let Restoring { reader, scratch, record, at, entries, .. } = restoring;
        let mut failed = None;
        let topic = self.kafka.keyed_state_topic();
        let mut watch = Watch::new("restore", &topic, partition, to, self.reading_max);
        reader.read(partition, *at, to, &mut |offset, key, value| {
            if failed.is_some() {
                return;
            }
            if let Err(error) = watch.on_record(offset) {
                failed = Some(error);
                return;
            }
            let taken = match ChangelogName::parse(key) {
                Some(ChangelogName::PartitionRecord) => value.map_or(Ok(()), |value| {
                    *record = Some(PartitionRecord::decode(value)?);
                    Ok(())
                }),
                Some(ChangelogName::Entry(..)) => {
                    *entries += 1;
                    scratch.restore(key, value)
                }
                None => Err(anyhow!("a name that this release does not know: upgrade to the Weir that wrote it")),
            };
            failed = taken
                .err()
                .map(|error| error.context(format!("restore: {topic}, partition {partition}, offset {offset}")));
        })?;
        *at = (*at).max(to);
        failed.map_or(Ok(()), Err)
    }

    /// Reads the action states from the marker up to the owner's own fence.
    pub(super) fn rebuild(
        &self,
        restoring: Box<Restoring>,
        partition: PartitionId,
        epoch: Epoch,
        fence: Position,
    ) -> anyhow::Result<TakeoverFact> {
        let began = Instant::now();
        let record = restoring.record.as_ref();
        let (marker, floor) =
            record.map_or((0, Epoch::default()), |known| (known.recovery_marker.0, known.marker_epoch));
        let end = Position(fence.0 + 1);
        let mut rebuild = Rebuild::of_owner(epoch, floor, partition, end, self.record_bytes_max);
        let mut headers = HashMap::new();
        let mut failed = None;
        let topic = self.kafka.action_state_topic();
        let reader = Reader::of_action_states(&self.kafka)?;
        let mut watch = Watch::new("rebuild", &topic, partition, end.0, self.reading_max);
        reader.read(partition, marker, end.0, &mut |offset, key, value| {
            if failed.is_some() {
                return;
            }
            if let Err(error) = watch.on_record(offset) {
                failed = Some(error);
                return;
            }
            let taken = rebuild.on_scanned(Position(offset), key, value, |key| {
                completed_below(&restoring.scratch, key, &mut headers).unwrap_or_else(|error| {
                    failed.get_or_insert(error);
                    SequenceNumber(0)
                })
            });
            if let Err(error) = taken {
                let place = format!("{topic}, partition {partition}, offset {offset}");
                let record = Undecodable { place, partition, position: Position(offset), name: key, value };
                failed = set_aside(&self.set_aside, &record, &error.to_string()).err();
            }
        })?;
        if let Some(error) = failed {
            return Err(error);
        }
        let store = rebuild.finish();
        tracing::info!(
            "partition {partition} is taken over: epoch {epoch}, {} entries of keyed state, {} action states, {} ms for \
             these",
            restoring.entries,
            store.len(),
            began.elapsed().as_millis()
        );
        Ok(TakeoverFact::Rebuilt(restoring, Box::new(store)))
    }
}

/// Below which sequence number the runs of a key are completed, by the checkpoint.
fn completed_below(
    scratch: &PartitionScratch,
    key: &Key,
    headers: &mut HashMap<Key, SequenceNumber>,
) -> anyhow::Result<SequenceNumber> {
    if let Some(known) = headers.get(key) {
        return Ok(*known);
    }
    let below = match scratch.load_header(key)? {
        None => SequenceNumber(0),
        Some(bytes) => Header::decode(&bytes)?.completed(),
    };
    headers.insert(key.clone(), below);
    Ok(below)
}

#[cfg(test)]
mod tests {
    use super::*;

    // [S25] [S32]
    #[tokio::test]
    async fn a_takeover_that_panics_is_one_that_fails() {
        let folder = tempfile::tempdir().unwrap();
        let (facts, mut told) = mpsc::unbounded_channel();
        let work = TakeoverWork {
            kafka: Arc::new(KafkaSettings::new("a", "127.0.0.1:9", "in")),
            scratch: Scratch::make(folder.path()).unwrap(),
            partitions: 1,
            record_bytes_max: 1,
            reading_max: PROGRESS,
            set_aside: SetAsideRecords::No,
            skip_deleted_input: false,
            ended: Arc::default(),
            facts,
        };
        work.start((PartitionId(3), 7), |_| panic!("a broken invariant"));
        let (partition, number, fact) = told.recv().await.unwrap();
        assert_eq!((partition, number), (PartitionId(3), 7));
        let error = format!("{:#}", fact.err().unwrap());
        assert!(error.starts_with("take partition 3 over: its thread panicked"), "{error}");
    }

    // [S32]
    #[test]
    fn a_producer_that_could_not_be_ended_is_ended_by_who_comes_next_and_then_never_again() {
        let ended = EndedProducers::default();
        assert!(ended.end("a", || bail!("no broker answered")).is_err());
        let at_ms = ended.end("a", || Ok(())).unwrap();
        assert_eq!(ended.end("a", || unreachable!("it is ended")).unwrap(), at_ms);
    }
}
