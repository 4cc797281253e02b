//! Reads one partition of a state topic, from an offset up to an end that was looked up before [S25].

use crate::again::{passes, until_answered};
use crate::client::{Clients, Isolation, LoggingContext};
use crate::settings::KafkaSettings;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::ops::Deref;
use std::time::{Duration, Instant};
use weir_core::event::PartitionId;

/// How long a read may go on without a step forward. Transactions that hold it up have ended by then.
const STALL_MAX: Duration = Duration::from_secs(120);
/// How long a broker waits with its answer while there is nothing to be read; by itself half a second.
const FETCH_WAIT: &str = "fetch.wait.max.ms";
const FETCH_WAIT_MS: &str = "20";
/// How long one poll waits for records.
const POLL: Duration = Duration::from_millis(20);

/// A partition that could not be read.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ReadError {
    /// The consumer could not be made.
    #[error("make a consumer: {0}")]
    Client(String),
    /// The broker or the client failed.
    #[error("read {topic}, partition {partition}: {what}")]
    Failed {
        /// The topic.
        topic: String,
        /// The partition.
        partition: u32,
        /// What they say.
        what: String,
    },
    /// It did not come to the end.
    #[error(
        "read {topic}, partition {partition}: stands at {at} of {to} since {} s: an open transaction may hold it up, or \
         its brokers are gone",
        STALL_MAX.as_secs()
    )]
    Stalled {
        /// The topic.
        topic: String,
        /// The partition.
        partition: u32,
        /// So far it came.
        at: u64,
        /// There it was to end.
        to: u64,
    },
    /// A position below what the topic holds.
    #[error(
        "read {topic}, partition {partition}: offset {from} is gone, the topic begins at {low}: was its cleanup policy \
         changed, or the topic made anew?"
    )]
    Gone {
        /// The topic.
        topic: String,
        /// The partition.
        partition: u32,
        /// Where it was to begin.
        from: u64,
        /// Where the topic begins.
        low: u64,
    },
}

/// Takes offset, key and value of a record; a tombstone has no value.
pub type EachOffset<'a> = dyn FnMut(u64, &[u8], Option<&[u8]>) + 'a;

/// A consumer that belongs to no group.
pub struct Reader {
    topic: String,
    consumer: Closing,
    /// Sees open transactions too: tells where a partition really ends.
    ends: Option<Closing>,
}

/// A consumer that is closed on a thread of its own: to close one takes a tenth of a second, in which a shard that drops
/// one for each partition it took over would read nothing.
struct Closing(Option<BaseConsumer<LoggingContext>>);

impl Deref for Closing {
    type Target = BaseConsumer<LoggingContext>;

    fn deref(&self) -> &Self::Target {
        self.0.as_ref().expect("it is taken when it is dropped")
    }
}

impl Drop for Closing {
    fn drop(&mut self) {
        let consumer = self.0.take();
        // Where there is no thread to be had, the closure is dropped here, and the consumer with it.
        let _ = std::thread::Builder::new().name("weir-closing".to_owned()).spawn(move || drop(consumer));
    }
}

impl Reader {
    /// Reads action states: they stand in no transaction.
    pub fn of_action_states(settings: &KafkaSettings) -> Result<Self, ReadError> {
        Ok(Self {
            topic: settings.action_state_topic(),
            consumer: consumer(settings, Isolation::Uncommitted)?,
            ends: None,
        })
    }

    /// Looks where the source topic begins and ends.
    pub fn of_source(settings: &KafkaSettings) -> Result<Self, ReadError> {
        Ok(Self {
            topic: settings.source_topic.clone(),
            consumer: consumer(settings, Isolation::Committed)?,
            ends: None,
        })
    }

    /// Reads the changelog: what is committed of it, up to where open transactions end [S31].
    pub fn of_changelog(settings: &KafkaSettings) -> Result<Self, ReadError> {
        let ends = Some(consumer(settings, Isolation::Uncommitted)?);
        Ok(Self { topic: settings.keyed_state_topic(), consumer: consumer(settings, Isolation::Committed)?, ends })
    }

    /// The first offset of a partition, and the one after its last record, open transactions included.
    pub fn watermarks(&self, partition: PartitionId) -> Result<(u64, u64), ReadError> {
        self.watermarks_of(self.ends.as_deref().unwrap_or(&self.consumer), partition)
    }

    /// The same, but as far as transactions have ended.
    pub fn stable_watermarks(&self, partition: PartitionId) -> Result<(u64, u64), ReadError> {
        self.watermarks_of(&self.consumer, partition)
    }

    /// The first offset of a partition of another topic.
    pub fn low_of(&self, topic: &str, partition: PartitionId) -> Result<u64, ReadError> {
        let watermarks = until_answered(|wait| self.consumer.fetch_watermarks(topic, partition.0 as i32, wait));
        let failed = |error: KafkaError| ReadError::Failed {
            topic: topic.to_owned(),
            partition: partition.0,
            what: error.to_string(),
        };
        Ok(watermarks.map_err(failed)?.0.max(0) as u64)
    }

    /// How many partitions the topic has.
    pub fn partitions(&self) -> Result<u32, ReadError> {
        let metadata = until_answered(|wait| self.consumer.fetch_metadata(Some(&self.topic), wait));
        let metadata = metadata.map_err(|error| self.failed(PartitionId(0), &error))?;
        Ok(metadata.topics().first().map_or(0, |topic| topic.partitions().len() as u32))
    }

    fn watermarks_of(
        &self,
        consumer: &BaseConsumer<LoggingContext>,
        partition: PartitionId,
    ) -> Result<(u64, u64), ReadError> {
        let watermarks = until_answered(|wait| consumer.fetch_watermarks(&self.topic, partition.0 as i32, wait));
        let (low, high) = watermarks.map_err(|error| self.failed(partition, &error))?;
        Ok((low.max(0) as u64, high.max(0) as u64))
    }

    /// Where the group goes on, by its own word.
    pub fn group_offset(&self, source_topic: &str, partition: PartitionId) -> Result<Option<u64>, ReadError> {
        let mut list = TopicPartitionList::with_capacity(1);
        list.add_partition(source_topic, partition.0 as i32);
        // An error of the partition itself is none of "nothing is committed".
        let committed = until_answered(|wait| {
            let committed = self.consumer.committed_offsets(list.clone(), wait)?;
            committed.elements().iter().try_for_each(|element| element.error()).map(|()| committed)
        });
        let committed = committed.map_err(|error| self.failed(partition, &error))?;
        Ok(committed.elements().first().and_then(|element| match element.offset() {
            Offset::Offset(offset) => Some(offset as u64),
            _ => None,
        }))
    }

    /// Gives each record from one offset up to before another, in their order; none is left out but what the cleaner
    /// took. Waits for transactions that are open below the end.
    pub fn read(&self, partition: PartitionId, from: u64, to: u64, each: &mut EachOffset<'_>) -> Result<(), ReadError> {
        if from >= to {
            return Ok(());
        }
        let (low, _) = self.stable_watermarks(partition)?;
        let from = match from {
            from if from >= low => from,
            0 => low,
            from => return Err(ReadError::Gone { topic: self.topic.clone(), partition: partition.0, from, low }),
        };
        let mut assignment = TopicPartitionList::with_capacity(1);
        let offset = Offset::Offset(from as i64);
        let assigned = assignment.add_partition_offset(&self.topic, partition.0 as i32, offset);
        assigned.and_then(|()| self.consumer.assign(&assignment)).map_err(|error| self.failed(partition, &error))?;
        let read = self.read_to(partition, from, to, each);
        let unassigned = self.consumer.unassign().map_err(|error| self.failed(partition, &error));
        read.and(unassigned)
    }

    fn read_to(&self, partition: PartitionId, from: u64, to: u64, each: &mut EachOffset<'_>) -> Result<(), ReadError> {
        let (mut at, mut moved) = (from, Instant::now());
        while at < to {
            match self.consumer.poll(POLL) {
                Some(Ok(record)) => {
                    let offset = record.offset() as u64;
                    if offset < to {
                        each(offset, record.key().unwrap_or_default(), record.payload());
                    }
                    (at, moved) = (offset + 1, Instant::now());
                }
                Some(Err(error)) if is_passing(&error) => {}
                Some(Err(error)) => return Err(self.failed(partition, &error)),
                None => {
                    // Markers of transactions and what the cleaner took move the position without a record.
                    let position = self.position(partition)?.unwrap_or(at);
                    if position > at {
                        (at, moved) = (position, Instant::now());
                    }
                    if moved.elapsed() > STALL_MAX {
                        return Err(ReadError::Stalled { topic: self.topic.clone(), partition: partition.0, at, to });
                    }
                }
            }
        }
        Ok(())
    }

    fn position(&self, partition: PartitionId) -> Result<Option<u64>, ReadError> {
        let positions = self.consumer.position().map_err(|error| self.failed(partition, &error))?;
        let found = positions.find_partition(&self.topic, partition.0 as i32).map(|element| element.offset());
        Ok(match found {
            Some(Offset::Offset(offset)) => Some(offset as u64),
            _ => None,
        })
    }

    fn failed(&self, partition: PartitionId, error: &KafkaError) -> ReadError {
        ReadError::Failed { topic: self.topic.clone(), partition: partition.0, what: error.to_string() }
    }
}

fn consumer(settings: &KafkaSettings, isolation: Isolation) -> Result<Closing, ReadError> {
    let mut config = Clients::new(settings).reader(isolation);
    // A fetch that waits at the end of one partition holds up the first one of the next.
    if !settings.client.contains_key(FETCH_WAIT) {
        config.set(FETCH_WAIT, FETCH_WAIT_MS);
    }
    let consumer = config.create_with_context(LoggingContext);
    consumer.map(|consumer| Closing(Some(consumer))).map_err(|error| ReadError::Client(error.to_string()))
}

/// What librdkafka mends by itself, or what is of one broker alone: what its certificate or its login fails at is none of
/// the others' business, and a client that none lets in is found out by what it waits for.
pub(crate) fn is_passing(error: &KafkaError) -> bool {
    match error {
        KafkaError::MessageConsumption(code) | KafkaError::Global(code) => {
            passes(*code) || matches!(code, RDKafkaErrorCode::SSL | RDKafkaErrorCode::Authentication)
        }
        KafkaError::PartitionEOF(_) => true,
        _ => false,
    }
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("topic", &self.topic).finish_non_exhaustive()
    }
}
