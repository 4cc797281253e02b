//! Transactions of one producer: begun, filled, committed or aborted [S31].

use crate::changelog::{PARTITION_RECORD, write_entry_name};
use crate::client::{Clients, RecordSizes, log, log_error};
use crate::committer::{CommitError, PartitionPart};
use crate::connect::{NO_RECORDS, transactional_id_denied};
use crate::output;
use crate::put::{Put, TopicProducer};
use crate::settings::KafkaSettings;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerGroupMetadata;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseProducer, Producer, ProducerContext};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::cell::Cell;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use weir_core::checkpoint::Entry;
use weir_core::event::{OutputEvent, PartitionId};

/// How long one call for a transaction may take before it is made again.
const CALL: Duration = Duration::from_secs(10);
/// How long a transaction may take in all. Whoever does not know how it ended must stop.
const TRANSACTION_MAX: Duration = Duration::from_secs(60);
/// How long a producer may take to begin. Nothing is in doubt meanwhile, so brokers that start again get their time: a
/// member that they threw out begins anew while they do.
const INITIALISE_MAX: Duration = Duration::from_secs(120);
/// How often a call that takes long says so.
const TELL: Duration = Duration::from_secs(5);
/// How often a producer looks whether its records have arrived.
const LOOK: Duration = Duration::from_micros(200);

/// Ends and fences what the producer of a transactional id left open.
pub fn end_producer(settings: &KafkaSettings, transactional_id: &str) -> Result<(), CommitError> {
    initialised(settings, transactional_id, NO_RECORDS).map(drop)
}

fn initialised(settings: &KafkaSettings, id: &str, sizes: RecordSizes) -> Result<BaseProducer<Arrivals>, CommitError> {
    let config = Clients::new(settings).transactional_producer(id, sizes);
    let producer: BaseProducer<_> = config
        .create_with_context(Arrivals::default())
        .map_err(|error| CommitError::Failed(format!("make producer {id}: {error}")))?;
    let code = Cell::new(None);
    let initialise = || {
        let initialised = producer.init_transactions(CALL);
        code.set(initialised.as_ref().err().and_then(KafkaError::rdkafka_error_code));
        initialised
    };
    until_done(&format!("initialise producer {id}"), INITIALISE_MAX, initialise).map_err(|error| match code.get() {
        Some(RDKafkaErrorCode::TransactionalIdAuthorizationFailed) => {
            CommitError::Denied(transactional_id_denied(settings, id))
        }
        Some(RDKafkaErrorCode::InvalidTransactionTimeout) => CommitError::Denied(format!(
            "begin with transactional id {id}: the brokers take no transaction that may last so long: lower \
             \"transaction.timeout.ms\" of kafka.client, or raise their transaction.max.timeout.ms"
        )),
        _ => error,
    })?;
    Ok(producer)
}

/// What stands in the open transaction before its checkpoint is taken.
#[derive(Default)]
pub(crate) struct Ahead {
    is_open: bool,
    pub(crate) outputs: Vec<(PartitionId, Vec<OutputEvent>)>,
    /// So many of these are with the producer.
    put: usize,
    /// Why the transaction can't be committed.
    failed: Option<CommitError>,
}

impl Ahead {
    /// Whether some of it is not with the producer yet, and may be.
    pub(crate) fn waits(&self) -> bool {
        self.failed.is_none() && self.put < self.outputs.len()
    }
}

pub(crate) struct Work {
    settings: Arc<KafkaSettings>,
    producer: TopicProducer<Arrivals>,
}

/// Numbers of the producer's topics.
const CHANGELOG: usize = 0;
const DEAD_LETTERS: usize = 1;
const SINK: usize = 2;

impl Work {
    pub(crate) fn new(settings: Arc<KafkaSettings>, id: &str, sizes: RecordSizes) -> Result<Self, CommitError> {
        let producer = initialised(&settings, id, sizes)?;
        let dead_letters = settings.dead_letter_topic.clone();
        let topics = [settings.keyed_state_topic(), dead_letters].into_iter().chain(settings.sink_topic.clone());
        let topics: Vec<String> = topics.collect();
        let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
        let producer = TopicProducer::new(producer, &topics).map_err(|error| CommitError::Failed(error.to_string()))?;
        Ok(Self { settings, producer })
    }

    /// Puts what is to be put ahead, unless some is on its way: librdkafka's thread does not rest while more batches wait
    /// than a partition may have on their way (see the log).
    pub(crate) fn put_ahead(&self, ahead: &mut Ahead) {
        self.producer.poll(Duration::ZERO);
        if ahead.failed.is_none() && self.producer.in_flight_count() == 0 {
            ahead.failed = self.put_all_ahead(ahead).err();
        }
    }

    fn put_all_ahead(&self, ahead: &mut Ahead) -> Result<(), CommitError> {
        if !ahead.is_open {
            self.producer.begin_transaction().map_err(|error| CommitError::Failed(error.to_string()))?;
            ahead.is_open = true;
        }
        for (_, outputs) in &ahead.outputs[ahead.put..] {
            self.put_outputs(outputs)?;
        }
        ahead.put = ahead.outputs.len();
        Ok(())
    }

    fn put_outputs(&self, outputs: &[OutputEvent]) -> Result<(), CommitError> {
        if self.settings.sink_topic.is_none() {
            return Ok(());
        }
        outputs.iter().try_for_each(|event| output::with(event, |put| self.put(SINK, put)))
    }

    pub(crate) fn commit(
        &self,
        ahead: &mut Ahead,
        transaction: &[PartitionPart],
        group: &ConsumerGroupMetadata,
    ) -> Result<(), CommitError> {
        let filled = match ahead.failed.take() {
            None => self.put_all_ahead(ahead).and_then(|()| self.fill(transaction, group)),
            Some(error) => Err(error),
        };
        match filled {
            Ok(()) => {}
            Err(error @ (CommitError::Refused(_) | CommitError::Aborted(_))) => {
                until_done("abort a transaction", TRANSACTION_MAX, || self.producer.abort_transaction(CALL))?;
                return Err(error);
            }
            Err(error) => return Err(error),
        }
        match until_done("commit a transaction", TRANSACTION_MAX, || self.producer.commit_transaction(CALL)) {
            Err(CommitError::Aborted(what)) => {
                until_done("abort a transaction", TRANSACTION_MAX, || self.producer.abort_transaction(CALL))?;
                Err(CommitError::Aborted(what))
            }
            other => other,
        }
    }

    /// Sends all of it, waits until it has arrived, then adds the offsets: so whoever takes the partition over and finds
    /// the group's offsets changed finds the records below the high watermark.
    fn fill(&self, transaction: &[PartitionPart], group: &ConsumerGroupMetadata) -> Result<(), CommitError> {
        let mut name = Vec::new();
        for PartitionPart { partition, record, entries, .. } in transaction {
            let partition = Some(*partition);
            for Entry { space, key, value } in entries {
                write_entry_name(*space, key, &mut name);
                self.put(CHANGELOG, &Put { partition, key: &name, value: value.as_deref(), headers: &[], tag: 0 })?;
            }
            let value = record.encode();
            self.put(CHANGELOG, &Put { partition, key: PARTITION_RECORD, value: Some(&value), headers: &[], tag: 0 })?;
        }
        transaction.iter().try_for_each(|part| self.put_outputs(&part.outputs))?;
        for (key, letter) in transaction.iter().flat_map(|part| &part.dead_letters) {
            let (key, value) = (key.as_bytes(), Some(letter.as_bytes()));
            self.put(DEAD_LETTERS, &Put { partition: None, key, value, headers: &[], tag: 0 })?;
        }
        self.wait_for_arrival()?;
        let offsets = self.offsets(transaction)?;
        until_done("commit source offsets", TRANSACTION_MAX, || {
            self.producer.send_offsets_to_transaction(&offsets, group, CALL)
        })
    }

    fn offsets(&self, transaction: &[PartitionPart]) -> Result<TopicPartitionList, CommitError> {
        let mut offsets = TopicPartitionList::with_capacity(transaction.len());
        for PartitionPart { partition, record, .. } in transaction {
            let offset = Offset::Offset(record.source_offset as i64);
            offsets
                .add_partition_offset(&self.settings.source_topic, partition.0 as i32, offset)
                .map_err(|error| CommitError::Failed(error.to_string()))?;
        }
        Ok(offsets)
    }

    fn put(&self, topic: usize, put: &Put<'_>) -> Result<(), CommitError> {
        let mut full_since = None;
        loop {
            match self.producer.put(topic, put) {
                Ok(()) => return Ok(()),
                Err(KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull))
                    if full_since.get_or_insert_with(Instant::now).elapsed() < TRANSACTION_MAX =>
                {
                    self.producer.poll(Duration::ZERO);
                    std::thread::sleep(LOOK);
                }
                Err(error) => return Err(CommitError::Aborted(error.to_string())),
            }
        }
    }

    /// `commit_transaction` would wait for it in steps of 100 ms.
    fn wait_for_arrival(&self) -> Result<(), CommitError> {
        let since = Instant::now();
        loop {
            let before = self.producer.in_flight_count();
            self.producer.poll(Duration::ZERO);
            if before == 0 {
                break;
            }
            if since.elapsed() > TRANSACTION_MAX {
                return Err(CommitError::Aborted(format!("{before} records did not arrive")));
            }
            if self.producer.in_flight_count() == before {
                std::thread::sleep(LOOK);
            }
        }
        match self.producer.context().take_failure() {
            None => Ok(()),
            Some(what) => Err(CommitError::Aborted(what)),
        }
    }
}

/// Makes a call of a transaction again as long as the client says that this helps, and for so long.
fn until_done(what: &str, max: Duration, call: impl Fn() -> Result<(), KafkaError>) -> Result<(), CommitError> {
    let (since, mut told) = (Instant::now(), Instant::now());
    loop {
        let error = match call() {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        let text = format!("{what}: {error}");
        match &error {
            KafkaError::Transaction(inner) => {
                let by_group = matches!(
                    inner.code(),
                    RDKafkaErrorCode::IllegalGeneration
                        | RDKafkaErrorCode::UnknownMemberId
                        | RDKafkaErrorCode::RebalanceInProgress
                        | RDKafkaErrorCode::FencedInstanceId
                );
                match () {
                    () if is_fenced(inner.code()) => return Err(CommitError::Fenced(text)),
                    () if inner.is_fatal() => return Err(CommitError::Failed(text)),
                    () if by_group => return Err(CommitError::Refused(text)),
                    () if inner.txn_requires_abort() => return Err(CommitError::Aborted(text)),
                    () if inner.is_retriable() && since.elapsed() < max => {}
                    () if inner.is_retriable() => {
                        return Err(CommitError::Silent { what: what.to_owned(), max, last: inner.string() });
                    }
                    () => return Err(CommitError::Failed(text)),
                }
            }
            _ => return Err(CommitError::Failed(text)),
        }
        if told.elapsed() >= TELL {
            told = Instant::now();
            tracing::warn!("{text}: it is tried again");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn is_fenced(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(code, Code::Fenced | Code::ProducerFenced | Code::InvalidProducerEpoch)
}

/// Whether the records of a transaction arrived.
#[derive(Debug, Default)]
pub(crate) struct Arrivals {
    first_failure: Mutex<Option<String>>,
}

impl Arrivals {
    /// Why the first record since the last call did not arrive, if one did not.
    pub(crate) fn take_failure(&self) -> Option<String> {
        self.first_failure.lock().expect("nobody panics with it").take()
    }
}

impl ClientContext for Arrivals {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        log_error(&error, reason);
    }
}

impl ProducerContext for Arrivals {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, _)) = result {
            self.first_failure.lock().expect("nobody panics with it").get_or_insert(error.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // [S31]
    #[test]
    fn a_producer_whose_brokers_are_away_is_begun_again_until_its_time_is_over_and_says_why() {
        let settings = KafkaSettings::new("quakes", "127.0.0.1:9", "in");
        let config = Clients::new(&settings).transactional_producer("quakes-1", NO_RECORDS);
        let producer: BaseProducer<_> = config.create_with_context(Arrivals::default()).unwrap();
        let calls = Cell::new(0);
        let begin = || {
            calls.set(calls.get() + 1);
            producer.init_transactions(Duration::from_millis(10))
        };
        let error = until_done("initialise producer quakes-1", Duration::from_millis(200), begin).unwrap_err();
        assert!(calls.get() > 1, "it is made once");
        let text = error.to_string();
        let words = "initialise producer quakes-1: no broker answered within 0 s (";
        assert!(text.starts_with(words) && text.contains("): are they reachable?"), "{text}");
    }
}
