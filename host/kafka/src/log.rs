//! The action-state log on a compacted topic [S26].

use crate::client::{Clients, log, log_error};
use crate::reader::{ReadError, Reader};
use crate::settings::KafkaSettings;
use crate::waker::{Queue, Waker};
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Header, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use weir_core::event::PartitionId;
use weir_core::ownership::{Epoch, FenceKey};
use weir_core::store::log::{Acknowledged, ActionStateLog, Append, AppendKind, EachRecord, Position, Ticket};

/// The header that says in which epoch a record, or a tombstone, was written.
pub const EPOCH_HEADER: &str = "weir-epoch";

/// How long an append waits for room in the producer's queue, and a sync for its acknowledgements. The broker has been
/// silent for long then, or gone.
const WAIT_MAX: Duration = Duration::from_secs(120);

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
    producer: BaseProducer<Deliveries>,
    owned: HashMap<u32, Owned>,
    ownerships: u64,
    failed: Option<KafkaLogError>,
    key: Vec<u8>,
    just_fenced: Vec<(PartitionId, Position)>,
}

/// A partition that this log may append to.
#[derive(Debug)]
struct Owned {
    epoch: Epoch,
    headers: OwnedHeaders,
    /// Tells this ownership's records from those of an earlier one that are still on their way.
    ownership: u64,
    next_acknowledged: u64,
}

/// What became of records, as the producer tells.
#[derive(Debug, Default)]
struct Deliveries {
    done: Mutex<Vec<Delivery>>,
}

#[derive(Debug)]
struct Delivery {
    partition: u32,
    tag: u64,
    is_tombstone: bool,
    outcome: Result<u64, (String, String)>,
}

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        log_error(&error, reason);
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, tag: usize) {
        let (message, outcome) = match result {
            Ok(message) => (message, Ok(message.offset() as u64)),
            Err((error, message)) => {
                let name = String::from_utf8_lossy(message.key().unwrap_or_default()).into_owned();
                (message, Err((name, error.to_string())))
            }
        };
        let delivery = Delivery {
            partition: message.partition() as u32,
            tag: tag as u64,
            is_tombstone: message.payload().is_none(),
            outcome,
        };
        self.done.lock().expect("nobody panics with it").push(delivery);
    }
}

impl KafkaLog {
    /// A log that owns nothing yet. No record is larger than the topic's `max.message.bytes`.
    pub fn new(settings: Arc<KafkaSettings>, record_bytes_max: usize) -> Result<Self, KafkaLogError> {
        let config = Clients::new(&settings).action_state_producer(record_bytes_max);
        let producer = config.create_with_context(Deliveries::default());
        let producer = producer.map_err(|error: KafkaError| KafkaLogError::Client(error.to_string()))?;
        Ok(Self {
            topic: settings.action_state_topic(),
            settings,
            producer,
            owned: HashMap::new(),
            ownerships: 0,
            failed: None,
            key: Vec::new(),
            just_fenced: Vec::new(),
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
        let text = epoch.to_string();
        let headers = OwnedHeaders::new_with_capacity(1).insert(Header { key: EPOCH_HEADER, value: Some(&text) });
        self.owned.insert(partition.0, Owned { epoch, headers, ownership, next_acknowledged: 0 });
    }

    /// The partition is given up: what is still on its way is of no interest any more.
    pub fn end_ownership(&mut self, partition: PartitionId) {
        self.owned.remove(&partition.0);
    }

    /// Puts the fence of the epoch; [`KafkaLog::take_fences`] tells when it is durable.
    pub fn write_fence(&mut self, partition: PartitionId) -> Result<(), KafkaLogError> {
        let owned = self.owned.get(&partition.0).expect("an ownership begins before its fence");
        let fence = FenceKey(owned.epoch);
        let tag = owned.ownership << TICKET_BITS | FENCE_TICKET;
        self.send(partition, tag, &fence.to_bytes(), Some(&fence.value()))
    }

    /// Fences that have become durable since the last call, with their positions.
    pub fn take_fences(&mut self) -> Vec<(PartitionId, Position)> {
        std::mem::take(&mut self.just_fenced)
    }

    /// So many records are on their way.
    pub fn in_flight(&self) -> usize {
        self.producer.in_flight_count() as usize
    }

    /// What has become durable since the last call, in the order of the appends of each partition.
    pub fn poll(&mut self) -> Result<Vec<Acknowledged>, KafkaLogError> {
        let mut acknowledged = Vec::new();
        loop {
            self.producer.poll(Duration::ZERO);
            let done = std::mem::take(&mut *self.producer.context().done.lock().expect("nobody panics with it"));
            if done.is_empty() {
                return match &self.failed {
                    None => Ok(acknowledged),
                    Some(error) => Err(error.clone()),
                };
            }
            for delivery in done {
                if let Err(error) = self.on_delivery(delivery, &mut acknowledged) {
                    self.failed.get_or_insert(error);
                }
            }
        }
    }

    fn on_delivery(&mut self, delivery: Delivery, acknowledged: &mut Vec<Acknowledged>) -> Result<(), KafkaLogError> {
        let Delivery { partition, tag, is_tombstone, outcome } = delivery;
        let of_ownership = |owned: &&mut Owned| owned.ownership == tag >> TICKET_BITS;
        let Some(owned) = self.owned.get_mut(&partition).filter(of_ownership) else {
            // What failed or came through of a partition that was given up is its new owner's to find.
            return Ok(());
        };
        let topic = || self.topic.clone();
        let offset =
            outcome.map_err(|(record, what)| KafkaLogError::Put { record, topic: topic(), partition, what })?;
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

    fn send(
        &mut self,
        partition: PartitionId,
        tag: u64,
        key: &[u8],
        value: Option<&[u8]>,
    ) -> Result<(), KafkaLogError> {
        if self.failed.is_some() {
            return Err(KafkaLogError::Poisoned(self.topic.clone()));
        }
        let owned = self.owned.get(&partition.0).expect("only owned partitions are appended to");
        let mut record = BaseRecord::with_opaque_to(&self.topic, tag as usize)
            .partition(partition.0 as i32)
            .key(key)
            .headers(owned.headers.clone());
        if let Some(value) = value {
            record = record.payload(value);
        }
        let since = Instant::now();
        loop {
            match self.producer.send(record) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back))
                    if since.elapsed() < WAIT_MAX =>
                {
                    // Its deliveries are taken by the next call of `poll`.
                    self.producer.poll(Duration::ZERO);
                    std::thread::sleep(Duration::from_millis(1));
                    record = back;
                }
                Err((error, _)) => {
                    let error = KafkaLogError::Put {
                        record: String::from_utf8_lossy(key).into_owned(),
                        topic: self.topic.clone(),
                        partition: partition.0,
                        what: error.to_string(),
                    };
                    self.failed = Some(error.clone());
                    return Err(error);
                }
            }
        }
    }
}

impl ActionStateLog for KafkaLog {
    type Error = KafkaLogError;

    fn append(&mut self, appends: &mut Vec<Append>) -> Result<(), KafkaLogError> {
        let mut key = std::mem::take(&mut self.key);
        for Append { partition, ticket, key: name, what } in appends.drain(..) {
            let Some(owned) = self.owned.get(&partition.0) else { continue };
            let tag = owned.ownership << TICKET_BITS | ticket.0;
            key.clear();
            name.write_to(&mut key);
            let value = match &what {
                AppendKind::Record(value) => Some(&value[..]),
                AppendKind::Tombstone(_) => None,
            };
            self.send(partition, tag, &key, value)?;
        }
        self.key = key;
        Ok(())
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
