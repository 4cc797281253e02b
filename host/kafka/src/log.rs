//! The action-state log on a compacted topic [S26].

use crate::batch::Batch;
use crate::client::Clients;
use crate::deliveries::{Deliveries, Delivery};
use crate::put::{Record, TopicProducer};
use crate::reader::{ReadError, Reader};
use crate::settings::KafkaSettings;
use crate::waker::{Queue, Waker};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::Producer;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};
use weir_core::event::PartitionId;
use weir_core::ownership::{Epoch, FenceKey};
use weir_core::store::log::{Acknowledged, ActionStateLog, Append, EachRecord, Position, Ticket};

/// How long an append waits for room in the producer's queue, and a sync for its acknowledgements. The broker has been
/// silent for long then, or gone.
const WAIT_MAX: Duration = Duration::from_secs(120);

/// So many records of a partition may be on their way when more are handed to the producer: as many as an idempotent one
/// of librdkafka sends anything behind. While there are more, its thread waits for their acknowledgement in a loop that
/// keeps a processor busy: half of a host's time went there. So what comes meanwhile waits here, and goes all at once.
const ON_THEIR_WAY_MAX: usize = 4;
/// Bytes of records that are handed to the producer at once: they are to fit into one batch, for the same reason.
const BYTES_AT_ONCE: usize = 500_000;

/// Tickets fill the lower bits of what travels with a record, the number of the ownership the upper ones.
const TICKET_BITS: u32 = 48;
/// The ticket of a fence, which is none of the store's appends.
const FENCE_TICKET: u64 = (1 << TICKET_BITS) - 1;

/// Why the log can't be used any further.
#[derive(Debug, Clone, thiserror::Error)]
pub enum KafkaLogError {
    /// The producer could not be made.
    #[error("make the producer of action states: {0}")]
    Client(String),
    /// A record was not taken.
    #[error("put action state {record} to {topic}, partition {partition}: {what}")]
    Put {
        /// The record's name.
        record: String,
        /// The topic.
        topic: String,
        /// The partition.
        partition: u32,
        /// What the broker or the client says.
        what: String,
    },
    /// Acknowledgements did not come in the order of the appends.
    #[error("{topic}, partition {partition}: append {got} was acknowledged where {expected} was due: start again")]
    Gap {
        /// The topic.
        topic: String,
        /// The partition.
        partition: u32,
        /// The ticket that was due.
        expected: u64,
        /// The ticket that was acknowledged.
        got: u64,
    },
    /// Acknowledgements did not come in time.
    #[error("{topic}: {waiting} records were not acknowledged within {} s: are its brokers reachable?", WAIT_MAX.as_secs())]
    Silent {
        /// The topic.
        topic: String,
        /// So many wait.
        waiting: usize,
    },
    /// It could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// It failed before.
    #[error("{0} failed before: nothing more is put")]
    Poisoned(String),
}

/// The log of the partitions that one shard owns: an idempotent, gapless producer of its own, in no transaction.
///
/// Lifecycle of a partition in it: `begin_ownership`, `write_fence`, then appends; `end_ownership` when it is given up.
/// *Invariant:* after the first failure nothing more is put.
pub struct KafkaLog {
    settings: Arc<KafkaSettings>,
    topic: String,
    producer: TopicProducer<Deliveries>,
    owned: BTreeMap<u32, Owned>,
    ownerships: u64,
    failed: Option<KafkaLogError>,
    record_bytes_max: usize,
    batch: Batch,
    /// Empty between two polls: kept for its room.
    done: Vec<Delivery>,
    just_fenced: Vec<(PartitionId, Position)>,
    silence: Silence,
}

/// Since when nothing was acknowledged, or nothing was on its way.
#[derive(Debug)]
struct Silence {
    since: Instant,
}

impl Silence {
    /// Whether it lasts too long.
    fn is_too_long(&mut self, waits: bool, now: Instant) -> bool {
        if !waits {
            self.since = now;
        }
        now.duration_since(self.since) > WAIT_MAX
    }
}

/// A partition that this log may append to.
#[derive(Debug)]
struct Owned {
    epoch: Epoch,
    /// Tells this ownership's records from those of an earlier one that are still on their way.
    ownership: u64,
    next_acknowledged: u64,
    /// So many records are with the producer.
    on_their_way: usize,
    /// What comes after them.
    held: VecDeque<Append>,
}

impl KafkaLog {
    /// A log that owns nothing yet. No record is larger than the topic's `max.message.bytes`.
    pub fn new(settings: Arc<KafkaSettings>, record_bytes_max: usize) -> Result<Self, KafkaLogError> {
        let config = Clients::new(&settings).action_state_producer(record_bytes_max);
        let topic = settings.action_state_topic();
        let producer = config.create_with_context(Deliveries::default());
        let producer = producer.and_then(|producer| TopicProducer::new(producer, &[&topic]));
        let producer = producer.map_err(|error: KafkaError| KafkaLogError::Client(error.to_string()))?;
        Ok(Self {
            topic,
            settings,
            producer,
            owned: BTreeMap::new(),
            ownerships: 0,
            failed: None,
            record_bytes_max,
            batch: Batch::default(),
            done: Vec::new(),
            just_fenced: Vec::new(),
            silence: Silence { since: Instant::now() },
        })
    }

    /// Has the waker told of acknowledgements.
    pub fn watch(&self, waker: &Waker) {
        waker.watch(self.producer.client(), Queue::Main);
    }

    /// A takeover has committed this epoch: the partition's records bear it from now on.
    pub fn begin_ownership(&mut self, partition: PartitionId, epoch: Epoch) {
        self.ownerships += 1;
        let ownership = self.ownerships & ((1 << (64 - TICKET_BITS)) - 1);
        let owned = Owned { epoch, ownership, next_acknowledged: 0, on_their_way: 0, held: VecDeque::new() };
        self.owned.insert(partition.0, owned);
    }

    /// The partition is given up: what is still on its way is of no interest any more, but it goes.
    pub fn end_ownership(&mut self, partition: PartitionId) {
        // A failure is told by the next call of `poll`.
        let _ = self.hand_over(partition, usize::MAX);
        self.owned.remove(&partition.0);
    }

    /// Puts the fence of the epoch; [`KafkaLog::take_fences`] tells when it is durable.
    pub fn write_fence(&mut self, partition: PartitionId) -> Result<(), KafkaLogError> {
        let owned = self.owned.get_mut(&partition.0).expect("an ownership begins before its fence");
        let fence = FenceKey(owned.epoch);
        let tag = (owned.ownership << TICKET_BITS | FENCE_TICKET) as usize;
        let record = Record { key: &fence.to_bytes(), value: Some(&fence.value()), tag };
        let sent = send(&self.producer, self.failed.as_ref(), &self.topic, partition, &[record]);
        owned.on_their_way += 1;
        sent.map_err(|error| self.failed.get_or_insert(error).clone())
    }

    /// Fences that have become durable since the last call, with their positions.
    pub fn take_fences(&mut self) -> Vec<(PartitionId, Position)> {
        std::mem::take(&mut self.just_fenced)
    }

    /// So many records are on their way.
    pub fn in_flight(&self) -> usize {
        self.producer.in_flight_count() as usize + self.owned.values().map(|owned| owned.held.len()).sum::<usize>()
    }

    /// What has become durable since the last call, in the order of the appends of each partition.
    pub fn poll(&mut self) -> Result<Vec<Acknowledged>, KafkaLogError> {
        let mut acknowledged = Vec::new();
        loop {
            self.producer.poll(Duration::ZERO);
            let mut done = self.producer.context().take(std::mem::take(&mut self.done));
            if done.is_empty() {
                self.done = done;
                self.look_at_silence();
                return match &self.failed {
                    None => self.hand_over_what_may_go().map(|()| acknowledged),
                    Some(error) => Err(error.clone()),
                };
            }
            self.silence = Silence { since: Instant::now() };
            acknowledged.reserve(done.len());
            for delivery in done.drain(..) {
                if let Err(error) = self.on_delivery(delivery, &mut acknowledged) {
                    self.failed.get_or_insert(error);
                }
            }
            self.done = done;
        }
    }

    /// A client tries for minutes; whoever waits for it should not.
    fn look_at_silence(&mut self) {
        let waits = self.owned.values().any(|owned| owned.on_their_way > 0);
        if self.silence.is_too_long(waits, Instant::now()) {
            let (topic, waiting) = (self.topic.clone(), self.in_flight());
            self.failed.get_or_insert(KafkaLogError::Silent { topic, waiting });
        }
    }

    fn on_delivery(&mut self, delivery: Delivery, acknowledged: &mut Vec<Acknowledged>) -> Result<(), KafkaLogError> {
        let Delivery { partition, tag, is_tombstone, outcome } = delivery;
        let of_ownership = |owned: &&mut Owned| owned.ownership == tag >> TICKET_BITS;
        let Some(owned) = self.owned.get_mut(&partition).filter(of_ownership) else {
            // What failed or came through of a partition that was given up is its new owner's to find.
            return Ok(());
        };
        owned.on_their_way -= 1;
        let topic = || self.topic.clone();
        let offset = outcome.map_err(|failed| {
            let (record, what) = *failed;
            KafkaLogError::Put { record, topic: topic(), partition, what }
        })?;
        let ticket = tag & ((1 << TICKET_BITS) - 1);
        if ticket == FENCE_TICKET {
            self.just_fenced.push((PartitionId(partition), Position(offset)));
            return Ok(());
        }
        let expected = owned.next_acknowledged;
        if ticket != expected {
            return Err(KafkaLogError::Gap { topic: topic(), partition, expected, got: ticket });
        }
        owned.next_acknowledged += 1;
        // Of a tombstone: the end of the log at that time.
        let position = Position(offset + u64::from(is_tombstone));
        acknowledged.push(Acknowledged { partition: PartitionId(partition), ticket: Ticket(ticket), position });
        Ok(())
    }

    /// Hands to the producer what it can send at once.
    fn hand_over_what_may_go(&mut self) -> Result<(), KafkaLogError> {
        let may_go = |(_, owned): &(&u32, &Owned)| !owned.held.is_empty() && owned.on_their_way <= ON_THEIR_WAY_MAX;
        let going: Vec<PartitionId> =
            self.owned.iter().filter(may_go).map(|(number, _)| PartitionId(*number)).collect();
        going.into_iter().try_for_each(|partition| self.hand_over(partition, BYTES_AT_ONCE))
    }

    /// Hands the next appends of a partition to the producer, of about so many bytes.
    fn hand_over(&mut self, partition: PartitionId, bytes_max: usize) -> Result<(), KafkaLogError> {
        let Some(owned) = self.owned.get_mut(&partition.0) else { return Ok(()) };
        let mut bytes = 0;
        while !owned.held.is_empty() && bytes < bytes_max {
            self.batch.fill(&owned.held, BYTES_AT_ONCE.min(bytes_max - bytes), self.record_bytes_max);
            bytes += self.batch.bytes();
            let records = self.batch.records(&owned.held, owned.ownership << TICKET_BITS);
            let sent = send(&self.producer, self.failed.as_ref(), &self.topic, partition, &records);
            let count = records.len();
            owned.on_their_way += count;
            owned.held.drain(..count);
            if let Err(error) = sent {
                return Err(self.failed.get_or_insert(error).clone());
            }
        }
        Ok(())
    }
}

/// Hands records of a partition to the producer, all of them but where it fails.
fn send(
    producer: &TopicProducer<Deliveries>,
    failed: Option<&KafkaLogError>,
    topic: &str,
    partition: PartitionId,
    mut records: &[Record<'_>],
) -> Result<(), KafkaLogError> {
    if failed.is_some() {
        return Err(KafkaLogError::Poisoned(topic.to_owned()));
    }
    let mut full_since = None;
    loop {
        let (taken, refused) = producer.put_all(0, partition, records);
        records = &records[taken..];
        match refused {
            Ok(()) => return Ok(()),
            Err(KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull))
                if full_since.get_or_insert_with(Instant::now).elapsed() < WAIT_MAX =>
            {
                // Its deliveries are taken by the next call of `poll`.
                producer.poll(Duration::ZERO);
                std::thread::sleep(Duration::from_millis(1));
            }
            Err(error) => {
                return Err(KafkaLogError::Put {
                    record: String::from_utf8_lossy(records[0].key).into_owned(),
                    topic: topic.to_owned(),
                    partition: partition.0,
                    what: error.to_string(),
                });
            }
        }
    }
}

impl ActionStateLog for KafkaLog {
    type Error = KafkaLogError;

    fn append(&mut self, appends: &mut Vec<Append>) -> Result<(), KafkaLogError> {
        for append in appends.drain(..) {
            if let Some(owned) = self.owned.get_mut(&append.partition.0) {
                owned.held.push_back(append);
            }
        }
        self.hand_over_what_may_go()
    }

    fn sync(&mut self) -> Result<Vec<Acknowledged>, KafkaLogError> {
        let since = Instant::now();
        let mut acknowledged = self.poll()?;
        while self.in_flight() > 0 {
            if since.elapsed() > WAIT_MAX {
                let error = KafkaLogError::Silent { topic: self.topic.clone(), waiting: self.in_flight() };
                self.failed = Some(error.clone());
                return Err(error);
            }
            std::thread::sleep(Duration::from_micros(200));
            acknowledged.extend(self.poll()?);
        }
        acknowledged.extend(self.poll()?);
        Ok(acknowledged)
    }

    fn scan(
        &self,
        partition: PartitionId,
        from: Position,
        to: Position,
        each: &mut EachRecord<'_>,
    ) -> Result<(), KafkaLogError> {
        let reader = Reader::of_action_states(&self.settings)?;
        let to = to.0.min(reader.watermarks(partition)?.1);
        reader.read(partition, from.0, to, &mut |offset, key, value| each(Position(offset), key, value))?;
        Ok(())
    }

    fn end(&self, partition: PartitionId) -> Result<Position, KafkaLogError> {
        Ok(Position(Reader::of_action_states(&self.settings)?.watermarks(partition)?.1))
    }
}

impl std::fmt::Debug for KafkaLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KafkaLog").field("topic", &self.topic).field("owned", &self.owned).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // [S26]
    #[test]
    fn silence_counts_from_when_something_waits() {
        let start = Instant::now();
        let mut silence = Silence { since: start };
        let idle = start + 10 * WAIT_MAX;
        assert!(!silence.is_too_long(false, idle), "nothing waits");
        assert!(!silence.is_too_long(true, idle + WAIT_MAX));
        assert!(silence.is_too_long(true, idle + WAIT_MAX + Duration::from_millis(1)));
    }
}
