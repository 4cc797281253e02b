//! Asking the owner of a partition.

use super::{ANSWER_MAX, ControlError, Kind, RECORD_BYTES_MAX, consumer, end_of, list, record};
use crate::client::{Clients, LoggingContext};
use crate::reader::is_passing;
use crate::settings::KafkaSettings;
use crate::transaction::Arrivals;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::producer::{BaseProducer, Producer};
use rdkafka::topic_partition_list::Offset;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::{Duration, Instant};
use weir_core::event::PartitionId;

/// How long one poll waits for records.
const POLL: Duration = Duration::from_millis(50);

/// Asks whoever owns a partition; none if nobody answers within that time. Then the request is withdrawn: who takes the
/// partition over later does not carry it out.
pub fn ask(
    settings: &KafkaSettings,
    partition: PartitionId,
    request: &[u8],
    wait: Duration,
) -> Result<Option<Vec<u8>>, ControlError> {
    let asking = Asking::begin(settings, partition)?;
    asking.put(Kind::Request, Some(request))?;
    if let Some(Some(answer)) = asking.answer(Instant::now() + wait)? {
        return Ok(Some(answer));
    }
    asking.put(Kind::Answer, None)?;
    // An answer that came just before the request was withdrawn counts.
    Ok(asking.answer(Instant::now() + ANSWER_MAX)?.flatten())
}

/// A request that is on its way.
struct Asking {
    topic: String,
    partition: PartitionId,
    id: String,
    consumer: BaseConsumer<LoggingContext>,
    producer: BaseProducer<Arrivals>,
}

impl Asking {
    /// Reads the partition from its present end on, so that the answer is not missed.
    fn begin(settings: &KafkaSettings, partition: PartitionId) -> Result<Self, ControlError> {
        let topic = settings.control_topic();
        let begun = || -> Result<_, KafkaError> {
            let consumer = consumer(settings)?;
            let end = end_of(&consumer, &topic, partition)?;
            consumer.assign(&list(&topic, partition, Offset::Offset(end as i64))?)?;
            let config = Clients::new(settings).action_state_producer(RECORD_BYTES_MAX);
            Ok((consumer, config.create_with_context(Arrivals::default())?))
        };
        let (consumer, producer) = begun().map_err(|error| failed("open", &topic, partition, &error))?;
        let random = || RandomState::new().build_hasher().finish();
        Ok(Self { topic, partition, id: format!("{:016x}{:016x}", random(), random()), consumer, producer })
    }

    fn put(&self, kind: Kind, value: Option<&[u8]>) -> Result<(), ControlError> {
        let failed = |error: &dyn std::fmt::Display| failed("write to", &self.topic, self.partition, error);
        let record = record(&self.topic, self.partition, kind, self.id.as_bytes(), value);
        self.producer.send(record).map_err(|(error, _)| failed(&error))?;
        self.producer.flush(ANSWER_MAX).map_err(|error| failed(&error))?;
        self.producer.context().take_failure().map_or(Ok(()), |what| Err(failed(&what)))
    }

    /// The next answer to the request, by then; one that withdraws it has no value.
    fn answer(&self, until: Instant) -> Result<Option<Option<Vec<u8>>>, ControlError> {
        while Instant::now() < until {
            match self.consumer.poll(POLL) {
                Some(Ok(record))
                    if record.key() == Some(self.id.as_bytes()) && Kind::of(&record) == Some(Kind::Answer) =>
                {
                    return Ok(Some(record.payload().map(<[u8]>::to_vec)));
                }
                Some(Ok(_)) => {}
                Some(Err(error)) if is_passing(&error) => {}
                Some(Err(error)) => return Err(failed("read", &self.topic, self.partition, &error)),
                None => {}
            }
        }
        Ok(None)
    }
}

fn failed(what: &'static str, topic: &str, partition: PartitionId, error: &dyn std::fmt::Display) -> ControlError {
    ControlError { what, topic: topic.to_owned(), partition: partition.0, error: error.to_string() }
}
