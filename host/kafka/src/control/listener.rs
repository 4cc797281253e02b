//! What an owner hears of the partitions that it owns.

use super::{ANSWER_MAX, ControlRequest, Kind, RECORD_BYTES_MAX, consumer, end_of, list, record};
use crate::client::{Clients, LoggingContext};
use crate::reader::is_passing;
use crate::settings::KafkaSettings;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::producer::{BaseProducer, Producer};
use rdkafka::topic_partition_list::Offset;
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, TryRecvError};
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::mpsc as bounded;
use weir_core::event::PartitionId;

/// Requests that are older when a partition is taken up are of no interest: who asked has given up long since. Longer
/// than a takeover takes, and clocks differ.
const AGE_MAX: Duration = Duration::from_secs(600);
/// Requests from before a partition was taken up, at most; older ones are forgotten.
const BACKLOG_MAX: usize = 10_000;
/// Requests on their way to the shard, at most.
const REQUESTS_MAX: usize = 64;
/// How long one poll waits for records, and so an order at most.
const POLL: Duration = Duration::from_millis(250);
/// From one vain try to read a partition to the next.
const TRY_AGAIN: Duration = Duration::from_secs(5);
/// How long the last answers may take to leave.
const LEAVE_MAX: Duration = Duration::from_secs(2);

/// Listens to the control topic for one shard, on a thread of its own, so that the shard does not wait for it.
///
/// Lifecycle: made; `follow` for each partition that the shard runs, `leave` when it is given up; its thread ends when the
/// listener and all its `ControlAnswers` are dropped. *Invariant:* a request comes out once in the time of one `follow`,
/// unless reading fails in between, and not at all where its answer is there.
#[derive(Debug)]
pub struct ControlListener {
    orders: mpsc::Sender<Order>,
    requests: bounded::Receiver<ControlRequest>,
}

/// The way of answers. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ControlAnswers(mpsc::Sender<Order>);

#[derive(Debug)]
enum Order {
    Follow(PartitionId),
    Leave(PartitionId),
    Answer(PartitionId, Vec<u8>, Vec<u8>),
}

impl ControlListener {
    /// A listener that follows nothing yet, and has no connection yet.
    pub fn start(settings: Arc<KafkaSettings>) -> io::Result<Self> {
        let (orders, receiver) = mpsc::channel();
        let (sender, requests) = bounded::channel(REQUESTS_MAX);
        let thread = std::thread::Builder::new().name("weir-control".to_owned());
        thread.spawn(move || {
            // What comes before the first order to follow is nothing to be done.
            let Some(first) = receiver.recv().ok() else { return };
            match Work::new(settings, sender) {
                Ok(mut work) => work.run(first, &receiver),
                Err(error) => tracing::warn!("repairs don't reach this shard: make a consumer: {error}"),
            }
        })?;
        Ok(Self { orders, requests })
    }

    /// The shard runs this partition.
    pub fn follow(&self, partition: PartitionId) {
        // Where the thread is gone, it has said why.
        let _ = self.orders.send(Order::Follow(partition));
    }

    /// The shard runs it no longer.
    pub fn leave(&self, partition: PartitionId) {
        let _ = self.orders.send(Order::Leave(partition));
    }

    /// The next request. Nothing is lost if the wait is given up; none once its thread is gone.
    pub async fn next(&mut self) -> Option<ControlRequest> {
        self.requests.recv().await
    }

    /// The way of answers.
    pub fn answers(&self) -> ControlAnswers {
        ControlAnswers(self.orders.clone())
    }
}

impl ControlAnswers {
    /// Answers a request.
    pub fn send(&self, partition: PartitionId, id: Vec<u8>, value: Vec<u8>) {
        let _ = self.0.send(Order::Answer(partition, id, value));
    }
}

/// How far the listener is with a partition.
enum Following {
    /// It is to be read from this time on.
    Due(Instant),
    /// Up to this offset stands what was asked before, in the order of it; what is answered there is taken out.
    Backlog(u64, VecDeque<ControlRequest>),
    /// Each request goes to the shard.
    Live,
}

struct Work {
    settings: Arc<KafkaSettings>,
    topic: String,
    consumer: BaseConsumer<LoggingContext>,
    /// Made for the first answer.
    producer: Option<BaseProducer<LoggingContext>>,
    followed: BTreeMap<PartitionId, Following>,
    requests: bounded::Sender<ControlRequest>,
}

impl Work {
    fn new(settings: Arc<KafkaSettings>, requests: bounded::Sender<ControlRequest>) -> Result<Self, KafkaError> {
        let (topic, consumer) = (settings.control_topic(), consumer(&settings)?);
        Ok(Self { settings, topic, consumer, producer: None, followed: BTreeMap::new(), requests })
    }

    fn run(&mut self, first: Order, orders: &mpsc::Receiver<Order>) {
        let mut next = Ok(first);
        loop {
            match next {
                Ok(order) => self.on_order(order),
                Err(TryRecvError::Empty) => {
                    self.start_due();
                    if !self.poll() {
                        break;
                    }
                }
                Err(TryRecvError::Disconnected) => break,
            }
            next = match self.followed.is_empty() {
                true => orders.recv().map_err(|_| TryRecvError::Disconnected),
                false => orders.try_recv(),
            };
        }
        if let Some(producer) = &self.producer {
            let _ = producer.flush(LEAVE_MAX);
        }
    }

    fn on_order(&mut self, order: Order) {
        match order {
            Order::Follow(partition) => {
                self.followed.insert(partition, Following::Due(Instant::now()));
            }
            Order::Leave(partition) => {
                if !matches!(self.followed.remove(&partition), None | Some(Following::Due(_))) {
                    self.unassign(partition);
                }
            }
            Order::Answer(partition, id, value) => {
                if let Err(error) = self.answer(partition, &id, &value) {
                    tracing::warn!("{}, partition {partition}: a repair is not answered: {error}", self.topic);
                }
            }
        }
    }

    fn answer(&mut self, partition: PartitionId, id: &[u8], value: &[u8]) -> Result<(), KafkaError> {
        if self.producer.is_none() {
            let config = Clients::new(&self.settings).action_state_producer(RECORD_BYTES_MAX);
            self.producer = Some(config.create_with_context(LoggingContext)?);
        }
        let producer = self.producer.as_ref().expect("it was just made");
        producer.send(record(&self.topic, partition, Kind::Answer, id, Some(value))).map_err(|(error, _)| error)?;
        producer.poll(Duration::ZERO);
        Ok(())
    }

    fn start_due(&mut self) {
        let now = Instant::now();
        let is_due = |following: &Following| matches!(following, Following::Due(at) if *at <= now);
        let due = self.followed.iter().filter(|(_, following)| is_due(following));
        for partition in due.map(|(partition, _)| *partition).collect::<Vec<_>>() {
            let following = self.start(partition).unwrap_or_else(|error| self.later(partition, &error));
            self.followed.insert(partition, following);
        }
    }

    /// Reads a partition from the oldest request on that may still wait for its answer.
    fn start(&self, partition: PartitionId) -> Result<Following, KafkaError> {
        let end = end_of(&self.consumer, &self.topic, partition)?;
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let since_ms = since.saturating_sub(AGE_MAX).as_millis() as i64;
        let asked = list(&self.topic, partition, Offset::Offset(since_ms))?;
        let found = self.consumer.offsets_for_times(asked, ANSWER_MAX)?;
        let from = found.elements().first().and_then(|element| match element.offset() {
            Offset::Offset(offset) => u64::try_from(offset).ok(),
            _ => None,
        });
        let from = from.unwrap_or(end).min(end);
        self.consumer.incremental_assign(&list(&self.topic, partition, Offset::Offset(from as i64))?)?;
        Ok(match from < end {
            true => Following::Backlog(end, VecDeque::new()),
            false => Following::Live,
        })
    }

    fn later(&self, partition: PartitionId, error: &KafkaError) -> Following {
        tracing::warn!("{}, partition {partition}: repairs don't reach this shard for now: {error}", self.topic);
        Following::Due(Instant::now() + TRY_AGAIN)
    }

    fn unassign(&self, partition: PartitionId) {
        // It fails where nothing is assigned any more, and that is all the same.
        let unassigned = list(&self.topic, partition, Offset::Invalid);
        let _ = unassigned.and_then(|list| self.consumer.incremental_unassign(&list));
    }

    /// Takes one record, if one comes; false once nobody is there for it.
    fn poll(&mut self) -> bool {
        if let Some(producer) = &self.producer {
            producer.poll(Duration::ZERO);
        }
        let ready = match self.consumer.poll(POLL) {
            Some(Ok(record)) => on_record(&mut self.followed, &record),
            Some(Err(error)) if is_passing(&error) => VecDeque::new(),
            Some(Err(error)) => {
                // Which partition it is of is not said: all are read anew.
                let is_read = |following: &Following| !matches!(following, Following::Due(_));
                let read = self.followed.iter().filter(|(_, following)| is_read(following));
                for partition in read.map(|(partition, _)| *partition).collect::<Vec<_>>() {
                    self.unassign(partition);
                    let following = self.later(partition, &error);
                    self.followed.insert(partition, following);
                }
                VecDeque::new()
            }
            None => VecDeque::new(),
        };
        ready.into_iter().all(|request| self.requests.blocking_send(request).is_ok())
    }
}

/// The requests that a record makes ready for the shard.
fn on_record(
    followed: &mut BTreeMap<PartitionId, Following>,
    record: &BorrowedMessage<'_>,
) -> VecDeque<ControlRequest> {
    let partition = PartitionId(record.partition() as u32);
    let id = record.key().unwrap_or_default();
    let request =
        || ControlRequest { partition, id: id.to_vec(), value: record.payload().unwrap_or_default().to_vec() };
    let kind = Kind::of(record);
    match followed.get_mut(&partition) {
        Some(Following::Live) if kind == Some(Kind::Request) => [request()].into(),
        Some(following @ Following::Backlog(..)) => {
            let Following::Backlog(end, backlog) = following else { unreachable!("it was just matched") };
            match kind {
                Some(Kind::Request) => backlog.push_back(request()),
                Some(Kind::Answer) => backlog.retain(|request| request.id != id),
                None => {}
            }
            if backlog.len() > BACKLOG_MAX {
                backlog.pop_front();
            }
            if record.offset() as u64 + 1 < *end {
                return VecDeque::new();
            }
            let ready = std::mem::take(backlog);
            *following = Following::Live;
            ready
        }
        _ => VecDeque::new(),
    }
}
