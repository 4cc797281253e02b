//! The control topic: requests to the owner of a partition, whoever that is, and its answers [S29].
//!
//! Both are records of the partition that is asked about. Key: the id of the request. Header `weir-control`: `request` or
//! `answer`. An answer without a value is by who asked, and withdraws the request. What is said is not known here.

use crate::client::{Clients, LoggingContext};
use crate::settings::KafkaSettings;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Header, Headers, Message, OwnedHeaders};
use rdkafka::producer::BaseRecord;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::time::Duration;
use weir_core::event::PartitionId;

mod ask;
mod listener;

pub use ask::ask;
pub use listener::{ControlAnswers, ControlListener};

/// The header that tells requests from answers.
const KIND_HEADER: &str = "weir-control";
/// What is said is short; yet a failure's message may be in it.
const RECORD_BYTES_MAX: usize = 1_000_000;
/// How long a call to the broker may take.
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// Why the control topic can't be used.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{what} {topic}, partition {partition}: {error}")]
pub struct ControlError {
    what: &'static str,
    topic: String,
    partition: u32,
    error: String,
}

/// A request that nobody has answered yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlRequest {
    /// The partition that it is about.
    pub partition: PartitionId,
    /// Its id.
    pub id: Vec<u8>,
    /// What is asked.
    pub value: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Request,
    Answer,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Answer => "answer",
        }
    }

    fn of(record: &BorrowedMessage<'_>) -> Option<Self> {
        let headers = record.headers()?;
        let header = headers.iter().find(|header| header.key == KIND_HEADER)?;
        [Self::Request, Self::Answer].into_iter().find(|kind| header.value == Some(kind.name().as_bytes()))
    }
}

fn record<'a>(
    topic: &'a str,
    partition: PartitionId,
    kind: Kind,
    id: &'a [u8],
    value: Option<&'a [u8]>,
) -> BaseRecord<'a, [u8], [u8]> {
    let headers = OwnedHeaders::new_with_capacity(1);
    let headers = headers.insert(Header { key: KIND_HEADER, value: Some(kind.name()) });
    let record = BaseRecord::to(topic).partition(partition.0 as i32).key(id).headers(headers);
    match value {
        Some(value) => record.payload(value),
        None => record,
    }
}

fn consumer(settings: &KafkaSettings) -> Result<BaseConsumer<LoggingContext>, KafkaError> {
    Clients::new(settings).reader(crate::Isolation::Uncommitted).create_with_context(LoggingContext)
}

fn list(topic: &str, partition: PartitionId, offset: Offset) -> Result<TopicPartitionList, KafkaError> {
    let mut list = TopicPartitionList::with_capacity(1);
    list.add_partition_offset(topic, partition.0 as i32, offset)?;
    Ok(list)
}

fn end_of(consumer: &BaseConsumer<LoggingContext>, topic: &str, partition: PartitionId) -> Result<u64, KafkaError> {
    let (_, high) = crate::again::until_answered(|wait| consumer.fetch_watermarks(topic, partition.0 as i32, wait))?;
    Ok(high.max(0) as u64)
}
