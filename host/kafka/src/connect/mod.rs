//! A start: brokers found, user let in, rights looked at, or one clear line that says why not.
//!
//! librdkafka tries for ever and tells the reasons of failed connections to a callback only. So whatever is asked here
//! is waited for a moment at a time, and in between the client is polled and its callback looked at: what has to be
//! changed ends the start at once, what may mend itself is waited for until `connect_timeout_ms`.

mod cause;
mod certificate;
mod describe;
mod watch;

pub use cause::Cause;
pub use describe::{Found, GroupAnswer, Operation, TopicAnswer};

use crate::again::passes;
use crate::client::{Clients, LoggingContext, RecordSizes};
use crate::error::SetupError;
use crate::settings::KafkaSettings;
use describe::{Event, Question};
use rdkafka::bindings::rd_kafka_t;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, Producer};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use watch::Watch;

/// How long an answer is waited for between two looks at the client.
const GLANCE: Duration = Duration::from_millis(50);
/// Events of the client that one look takes at most: one that can't connect makes them faster than they are taken.
const EVENTS_MAX: usize = 100;

/// Of a producer that is given none.
pub(crate) const NO_RECORDS: RecordSizes = RecordSizes { least: 1_000_000, most: 1_000_000 };

/// A client that asks brokers, watched while it does.
pub struct Connection<'a> {
    settings: &'a KafkaSettings,
    client: BaseConsumer<Watch>,
    deadline: Instant,
}

impl<'a> Connection<'a> {
    /// Makes the client; the time for all that is asked begins now.
    pub fn new(settings: &'a KafkaSettings) -> Result<Self, SetupError> {
        let deadline = Instant::now() + settings.connect_timeout();
        // Only a consumer serves callbacks without a topic; for that it is given the group that it never joins.
        let mut config = Clients::new(settings).admin();
        config.set("group.id", settings.group()).set("enable.auto.commit", "false");
        let client = config.create_with_context(Watch::default()).map_err(SetupError::of_client)?;
        Ok(Self { settings, client, deadline })
    }

    /// What is left of the time, a moment at least, so that what is asked last is asked at all.
    pub fn time_left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now()).max(GLANCE)
    }

    /// These topics, or why the brokers don't show one.
    pub fn topics(&self, names: &[String]) -> Result<BTreeMap<String, TopicAnswer>, SetupError> {
        let question = Question::about_topics(&self.client, self.handle(), names, self.time_left());
        Ok(self.answer("describe topics", &question)?.topics())
    }

    /// What the user may do with the application's group.
    pub fn group(&self) -> Result<GroupAnswer, SetupError> {
        let question = Question::about_group(&self.client, self.handle(), self.settings.group(), self.time_left());
        let answer = self.answer("describe the group", &question);
        match answer {
            Ok(event) => Ok(event.group().unwrap_or(Ok(None))),
            Err(SetupError::Broker { source: KafkaError::AdminOp(code), .. }) => Ok(Err(code)),
            Err(error) => Err(error),
        }
    }

    /// Lets some time pass, if there is any left.
    pub(crate) fn wait_a_moment(&self, what: &str) -> Result<(), SetupError> {
        if Instant::now() >= self.deadline {
            let source = KafkaError::AdminOp(RDKafkaErrorCode::OperationTimedOut);
            return Err(SetupError::Broker { what: what.to_owned(), source });
        }
        std::thread::sleep(GLANCE);
        Ok(())
    }

    /// Reaches each leader of a topic by the address that the brokers give for it, which need not be the one that was
    /// connected to.
    pub fn reach_leaders(&self, topic: &str) -> Result<(), SetupError> {
        let mut reached = Vec::new();
        let metadata = self.until_in_time("ask for metadata", |wait| self.client.fetch_metadata(Some(topic), wait))?;
        for partition in metadata.topics().iter().flat_map(|topic| topic.partitions()) {
            if !reached.contains(&partition.leader()) {
                self.until_in_time(&format!("ask for the end of partition {} of {topic}", partition.id()), |wait| {
                    self.client.fetch_watermarks(topic, partition.id(), wait)
                })?;
                reached.push(partition.leader());
            }
        }
        Ok(())
    }

    /// Calls that block, each for a moment, until one of them answers.
    fn until_in_time<T>(&self, what: &str, call: impl Fn(Duration) -> Result<T, KafkaError>) -> Result<T, SetupError> {
        loop {
            let error = match call(self.time_left().min(10 * GLANCE)) {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            self.look()?;
            let waits = error.rdkafka_error_code().is_some_and(passes);
            if !waits {
                return Err(SetupError::Broker { what: what.to_owned(), source: error });
            }
            if Instant::now() >= self.deadline {
                return Err(self.out_of_time());
            }
        }
    }

    fn answer(&self, what: &str, question: &Question<'_>) -> Result<Event, SetupError> {
        loop {
            if let Some(event) = question.answer(GLANCE) {
                return match event.error() {
                    None => Ok(event),
                    Some(RDKafkaErrorCode::OperationTimedOut) => Err(self.look().err().unwrap_or(self.out_of_time())),
                    Some(code) => Err(SetupError::Broker { what: what.to_owned(), source: KafkaError::AdminOp(code) }),
                };
            }
            self.look()?;
            if Instant::now() >= self.deadline {
                return Err(self.out_of_time());
            }
        }
    }

    /// Serves the client's callbacks; an error if it is of no use to wait on.
    fn look(&self) -> Result<(), SetupError> {
        for _ in 0..EVENTS_MAX {
            if self.client.poll(Duration::ZERO).is_none() {
                break;
            }
        }
        let servers = self.settings.bootstrap_servers.split(',').count();
        match self.client.context().final_cause(servers) {
            Some((broker, cause)) => Err(self.failed(broker, cause)),
            None => Ok(()),
        }
    }

    fn out_of_time(&self) -> SetupError {
        match self.client.context().cause() {
            Some((broker, cause)) => self.failed(broker, cause),
            None => SetupError::Connect { servers: self.settings.bootstrap_servers.clone(), cause: Cause::Silent },
        }
    }

    fn failed(&self, broker: String, cause: Cause) -> SetupError {
        let cause = match cause {
            Cause::Certificate => certificate::cause(self.settings, &broker),
            cause => cause,
        };
        SetupError::Connect { servers: broker, cause }
    }

    fn handle(&self) -> *mut rd_kafka_t {
        self.client.client().native_ptr()
    }
}

/// Whether the user may write with transactional ids like this one: the brokers say so only to a producer that begins
/// with it. It ends what another producer of this id left open, so the id is one of this start's own.
pub fn check_transactional_id(settings: &KafkaSettings, transactional_id: &str) -> Result<(), SetupError> {
    let config = Clients::new(settings).transactional_producer(transactional_id, NO_RECORDS);
    let producer: BaseProducer<LoggingContext> =
        config.create_with_context(LoggingContext).map_err(SetupError::of_client)?;
    let begun = producer.init_transactions(settings.connect_timeout());
    begun.map_err(|error| transactional_error(settings, transactional_id, error))
}

/// Why a producer can't begin with its transactional id.
pub fn transactional_error(settings: &KafkaSettings, transactional_id: &str, error: KafkaError) -> SetupError {
    match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::TransactionalIdAuthorizationFailed) => {
            SetupError::Denied(transactional_id_denied(settings, transactional_id))
        }
        _ => SetupError::Broker { what: format!("begin with transactional id {transactional_id}"), source: error },
    }
}

/// That the user may not write with such a transactional id, and what to allow.
pub(crate) fn transactional_id_denied(settings: &KafkaSettings, transactional_id: &str) -> String {
    format!(
        "begin with transactional id {transactional_id}: {} may not: allow Write and Describe on transactional ids that \
         begin with {}",
        user(settings),
        settings.application
    )
}

/// Who the brokers see, for people.
pub(crate) fn user(settings: &KafkaSettings) -> String {
    let name = settings.client.get("sasl.username").or_else(|| settings.client.get("sasl.user.name"));
    name.map_or_else(|| "this user".to_owned(), |name| format!("user {name}"))
}
