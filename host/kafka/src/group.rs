//! A member of the consumer group that shares the partitions of the source out.

use crate::client::{Clients, Isolation, LoggingContext, log, log_error};
use crate::reader::is_passing;
use crate::settings::KafkaSettings;
use crate::waker::{Queue, Waker};
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, ConsumerGroupMetadata};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaRespErr;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use weir_core::event::PartitionId;

/// How long a call to the broker may take.
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// Why a member can't go on.
#[derive(Debug, Clone, thiserror::Error)]
pub enum GroupError {
    /// The consumer could not be made.
    #[error("make a member of the group: {0}")]
    Client(String),
    /// The input has no record at the offset where this host goes on.
    #[error(
        "read {topic}: what it goes on at is gone: records were deleted before they were read, or the topic was made anew; \
         start again, and the host says which"
    )]
    Gone {
        /// The source topic.
        topic: String,
    },
    /// The group does not take this member as it is.
    #[error("be a member of the group of {topic}: {error}: {advice}")]
    Refused {
        /// The source topic.
        topic: String,
        /// What the client says.
        error: String,
        /// What to change.
        advice: &'static str,
    },
    /// A call failed.
    #[error("{what} of {topic}: {error}")]
    Failed {
        /// What was tried.
        what: &'static str,
        /// The source topic.
        topic: String,
        /// What the client says.
        error: String,
    },
}

/// What the group tells a member.
#[derive(Debug)]
pub enum GroupEvent {
    /// These partitions are the member's from now on. Empty: it keeps what it has, in another generation.
    Assigned(Vec<PartitionId>),
    /// The member is to give these up, in its own time.
    Revoked(Vec<PartitionId>),
    /// These are no longer the member's: another may have them already.
    Lost(Vec<PartitionId>),
}

/// A record of the source.
#[derive(Debug)]
pub struct SourceRecord<'a>(BorrowedMessage<'a>);

impl SourceRecord<'_> {
    /// Its partition.
    pub fn partition(&self) -> PartitionId {
        PartitionId(self.0.partition() as u32)
    }

    /// Its offset.
    pub fn offset(&self) -> u64 {
        self.0.offset() as u64
    }

    /// Its key.
    pub fn key(&self) -> Option<&[u8]> {
        self.0.key()
    }

    /// Its value; a tombstone has none.
    pub fn value(&self) -> Option<&[u8]> {
        self.0.payload()
    }

    /// Its time, milliseconds since 1970 UTC.
    pub fn timestamp_ms(&self) -> Option<u64> {
        self.0.timestamp().to_millis().and_then(|time| u64::try_from(time).ok())
    }

    /// Its headers that are text.
    pub fn headers(&self) -> Vec<(String, String)> {
        let headers = self.0.headers().into_iter().flat_map(|headers| headers.iter());
        headers
            .filter_map(|header| Some((header.key.to_owned(), std::str::from_utf8(header.value?).ok()?.to_owned())))
            .collect()
    }
}

/// What a member commits with: the group's generation, as it was when an assignment was taken up.
pub type Membership = Arc<ConsumerGroupMetadata>;

/// A member of the group, and a reader of what it was given.
///
/// Two clients: the one that is the member reads nothing, and the one that reads is in no group. So a partition is read
/// from the offset where its recovery says that it goes on, and never from anywhere else: a client that reads what its
/// group assigns needs an offset at once, and one that is looked up, such as the end, may come to count after a seek that
/// was made meanwhile, which skips records. A rebalance does not throw away what the reader has fetched of partitions that
/// stay, either, and a member that takes no records still listens to its group.
///
/// The group's events come out in their order and wait for the member: the group goes on only after `take_up` or
/// `give_up` has answered them. *Invariant:* the group's metadata is read only at an event that is not answered yet,
/// so that nobody commits with the word of a generation whose assignment it has not seen [S31].
pub struct GroupMember {
    topic: String,
    consumer: BaseConsumer<Rebalances>,
    source: BaseConsumer<LoggingContext>,
    /// What the source reads, or has paused.
    reading: RefCell<BTreeSet<PartitionId>>,
}

/// Events of the group that were not taken yet.
#[derive(Debug, Default)]
struct Rebalances {
    events: Mutex<Vec<GroupEvent>>,
    /// Nobody is there to answer events any more.
    leaving: AtomicBool,
}

impl ClientContext for Rebalances {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        log_error(&error, reason);
    }
}

impl ConsumerContext for Rebalances {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, code: RDKafkaRespErr, partitions: &mut TopicPartitionList) {
        if self.leaving.load(Ordering::Acquire) {
            answer_all(consumer);
            return;
        }
        let named = partitions.elements().iter().map(|element| PartitionId(element.partition() as u32)).collect();
        let event = match code {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => GroupEvent::Assigned(named),
            _ if consumer.assignment_lost() => GroupEvent::Lost(named),
            _ => GroupEvent::Revoked(named),
        };
        self.events.lock().expect("nobody panics with it").push(event);
    }
}

/// Answers whichever event of the group waits for an answer, so that a member which leaves is let go. Partitions are
/// never named: the member itself reads none.
fn answer_all(consumer: &BaseConsumer<Rebalances>) {
    let none = TopicPartitionList::new();
    let _ = consumer.incremental_assign(&none);
    let _ = consumer.incremental_unassign(&none);
}

impl GroupMember {
    /// Joins the group of the application.
    pub fn join(settings: &KafkaSettings) -> Result<Self, GroupError> {
        let client = |error: KafkaError| GroupError::Client(error.to_string());
        let clients = Clients::new(settings);
        let consumer = clients.source().create_with_context(Rebalances::default()).map_err(client)?;
        let source = clients.reader(Isolation::Committed).create_with_context(LoggingContext).map_err(client)?;
        let member = Self { topic: settings.source_topic.clone(), consumer, source, reading: RefCell::default() };
        member.consumer.subscribe(&[&member.topic]).map_err(|error| member.failed("subscribe", &error))?;
        Ok(member)
    }

    /// Has the waker told of records and events.
    pub fn watch(&self, waker: &Waker) {
        waker.watch(self.consumer.client(), Queue::Consumer);
        waker.watch(self.source.client(), Queue::Consumer);
    }

    /// The next record, if one is there.
    pub fn poll(&self) -> Result<Option<SourceRecord<'_>>, GroupError> {
        // What is no record ends a poll, too: records may be behind it.
        for _ in 0..2 {
            match self.source.poll(Duration::ZERO) {
                Some(Ok(message)) => return Ok(Some(SourceRecord(message))),
                // The client says so itself, and less often.
                Some(Err(error)) if is_passing(&error) => tracing::debug!("read {}: {error}", self.topic),
                Some(Err(KafkaError::MessageConsumption(RDKafkaErrorCode::AutoOffsetReset))) => {
                    return Err(GroupError::Gone { topic: self.topic.clone() });
                }
                Some(Err(error)) => return Err(self.failed("read", &error)),
                None => {}
            }
        }
        Ok(None)
    }

    /// What the group told since the last call, in order.
    pub fn take_events(&self) -> Result<Vec<GroupEvent>, GroupError> {
        // An event of the group ends a poll without a record; more than a few never wait.
        for _ in 0..2 {
            match self.consumer.poll(Duration::ZERO) {
                Some(Err(error)) if is_passing(&error) => tracing::debug!("consumer group: {error}"),
                Some(Err(error)) if is_of_membership(&error) => {
                    tracing::warn!("consumer group: {error}");
                }
                Some(Err(error)) => return Err(self.not_a_member(&error)),
                Some(Ok(_)) | None => {}
            }
        }
        Ok(std::mem::take(&mut *self.consumer.context().events.lock().expect("nobody panics with it")))
    }

    /// Takes up an assignment, of which nothing is read yet; the metadata with which this member commits from now on.
    pub fn take_up(&self) -> Result<Membership, GroupError> {
        let membership = self.membership()?;
        let taken = self.consumer.incremental_assign(&TopicPartitionList::new());
        taken.map_err(|error| self.failed("take partitions", &error))?;
        Ok(membership)
    }

    /// What this member commits with from an event of the group on: read before the event is answered, for afterwards the
    /// group may go on to another generation. What is revoked is nobody else's until then, so its last checkpoint may be
    /// committed with it; after a loss it must not be asked for.
    pub fn membership(&self) -> Result<Membership, GroupError> {
        let metadata = self.consumer.group_metadata().ok_or_else(|| GroupError::Failed {
            what: "metadata of the group",
            topic: self.topic.clone(),
            error: "there is none".to_owned(),
        })?;
        Ok(Arc::new(metadata))
    }

    /// Gives partitions up: the group goes on.
    pub fn give_up(&self, partitions: &[PartitionId]) -> Result<(), GroupError> {
        let mut reading = self.reading.borrow_mut();
        let read: Vec<PartitionId> = partitions.iter().copied().filter(|partition| reading.remove(partition)).collect();
        let list = self.list(&read, Offset::Invalid)?;
        let stopped = self.source.incremental_unassign(&list);
        let given_up = stopped.and_then(|()| self.consumer.incremental_unassign(&TopicPartitionList::new()));
        given_up.map_err(|error| self.failed("give partitions up", &error))
    }

    /// Reads a partition from this offset on, for the first time or after a pause.
    pub fn start(&self, partition: PartitionId, offset: u64) -> Result<(), GroupError> {
        let list = self.list(&[partition], Offset::Offset(offset as i64))?;
        if self.reading.borrow_mut().insert(partition) {
            self.source.incremental_assign(&list).map_err(|error| self.failed("read", &error))?;
        } else {
            let sought = self.source.seek_partitions(list, ANSWER_MAX).map_err(|error| self.failed("seek", &error))?;
            let sought = sought.elements().iter().try_for_each(|element| element.error());
            sought.map_err(|error| self.failed("seek", &error))?;
        }
        // A pause may outlast the giving up of a partition that comes back.
        self.resume(&[partition])
    }

    /// Reads no more of these for now.
    pub fn pause(&self, partitions: &[PartitionId]) -> Result<(), GroupError> {
        let list = self.list(partitions, Offset::Invalid)?;
        self.source.pause(&list).map_err(|error| self.failed("pause", &error))
    }

    /// Reads on.
    pub fn resume(&self, partitions: &[PartitionId]) -> Result<(), GroupError> {
        let list = self.list(partitions, Offset::Invalid)?;
        self.source.resume(&list).map_err(|error| self.failed("resume", &error))
    }

    fn list(&self, partitions: &[PartitionId], offset: Offset) -> Result<TopicPartitionList, GroupError> {
        let mut list = TopicPartitionList::with_capacity(partitions.len());
        for partition in partitions {
            let added = list.add_partition_offset(&self.topic, partition.0 as i32, offset);
            added.map_err(|error| self.failed("name partitions", &error))?;
        }
        Ok(list)
    }

    fn not_a_member(&self, error: &KafkaError) -> GroupError {
        let advice = match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::InvalidSessionTimeout) => {
                "change \"session.timeout.ms\" of kafka.client, which the brokers' group.min.session.timeout.ms and \
                 group.max.session.timeout.ms bound"
            }
            Some(RDKafkaErrorCode::InconsistentGroupProtocol) => {
                "other clients are in the group, which is the application's alone: give them another, or the \
                 application another name"
            }
            _ => return self.failed("be a member of the group", error),
        };
        GroupError::Refused { topic: self.topic.clone(), error: error.to_string(), advice }
    }

    fn failed(&self, what: &'static str, error: &KafkaError) -> GroupError {
        GroupError::Failed { what, topic: self.topic.clone(), error: error.to_string() }
    }
}

/// What a later event of the group mends.
fn is_of_membership(error: &KafkaError) -> bool {
    use RDKafkaErrorCode as Code;
    let passing = [Code::UnknownMemberId, Code::IllegalGeneration, Code::RebalanceInProgress, Code::PollExceeded];
    matches!(error, KafkaError::MessageConsumption(code) if passing.contains(code))
}

impl Drop for GroupMember {
    /// Leaves the group. What it still has is no longer its own from here on.
    fn drop(&mut self) {
        self.consumer.context().leaving.store(true, Ordering::Release);
        answer_all(&self.consumer);
        let _ = self.source.unassign();
    }
}

impl std::fmt::Debug for GroupMember {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GroupMember").field("topic", &self.topic).finish_non_exhaustive()
    }
}
