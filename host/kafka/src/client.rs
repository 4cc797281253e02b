//! How each of Weir's clients is configured.
//!
//! Three layers, the later over the earlier: Weir's habits, the user's properties, and what exactly-once rests on,
//! which a manifest can't set (`properties`). A client connects when it is made, and not before it is asked something.

use crate::settings::{KafkaSettings, TRANSACTION_TIMEOUT, TRANSACTION_TIMEOUT_MS};
use rdkafka::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::KafkaError;
use rdkafka::producer::{DeliveryResult, ProducerContext};

/// The target of log lines of librdkafka.
const TARGET: &str = "kafka";

/// From the last sign of life of a member to the moment when others get its partitions, unless `session.timeout.ms` says
/// otherwise. The clients' own default, 45 s, is a long time to stand still after a crash.
const SESSION_TIMEOUT_MS: &str = "10000";

/// How often a member tells the group that it lives, and hears of others that have come or gone, unless
/// `heartbeat.interval.ms` says otherwise: partitions that were given up stand still as long. The clients' own default is
/// 3 s.
const HEARTBEAT_INTERVAL_MS: &str = "300";

/// How long the first record of a checkpoint waits for the others, unless `linger.ms` says otherwise.
const CHECKPOINT_LINGER_MS: &str = "5";

/// Bytes of a batch beside its records, generously.
const BATCH_OVERHEAD_BYTES: usize = 512;
/// Bytes of records in one batch, the clients' own default.
const BATCH_BYTES_MAX: usize = 1_000_000;
/// What librdkafka takes for a size at least and at most.
const MESSAGE_BYTES: std::ops::RangeInclusive<usize> = 1_000..=1_000_000_000;

/// Which records of transactions a reader sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// Only those of committed ones, and none behind the first open one: keyed state.
    Committed,
    /// All, up to the end of the log: action states, which stand in no transaction.
    Uncommitted,
}

/// What the topics of one producer take as a record, bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordSizes {
    /// The topic that takes the least.
    pub least: usize,
    /// The one that takes the most. No record that the producer is given is larger than its own topic takes.
    pub most: usize,
}

/// Makes the configuration of each kind of client.
#[derive(Clone, Copy, Debug)]
pub struct Clients<'a> {
    settings: &'a KafkaSettings,
}

impl<'a> Clients<'a> {
    /// For an application.
    pub fn new(settings: &'a KafkaSettings) -> Self {
        Self { settings }
    }

    /// A client that asks for metadata and makes topics.
    pub fn admin(&self) -> ClientConfig {
        self.base()
    }

    /// A member of the group. What the group gives it, another client reads, from where the checkpoint, or at the first
    /// start `source.start`, says; an offset that the broker deleted since is an error, for its events would be skipped.
    pub fn source(&self) -> ClientConfig {
        let mut config = self.reader(Isolation::Committed);
        self.unless_set(&mut config, "session.timeout.ms", SESSION_TIMEOUT_MS);
        self.unless_set(&mut config, "heartbeat.interval.ms", HEARTBEAT_INTERVAL_MS);
        config.set("group.protocol", "classic").set("partition.assignment.strategy", "cooperative-sticky");
        config
    }

    /// A consumer that is assigned the partitions it reads, for the source, restore and rebuild. It joins no group, and has its id
    /// only because librdkafka asks for one.
    pub fn reader(&self, isolation: Isolation) -> ClientConfig {
        let mut config = self.base();
        // A full local queue makes the fetcher sleep as long; the default, 1,000, halves the rate.
        self.unless_set(&mut config, "fetch.queue.backoff.ms", "10");
        let isolation = match isolation {
            Isolation::Committed => "read_committed",
            Isolation::Uncommitted => "read_uncommitted",
        };
        config
            .set("group.id", self.settings.group())
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("enable.partition.eof", "false")
            .set("allow.auto.create.topics", "false")
            .set("auto.offset.reset", "error")
            .set("isolation.level", isolation);
        config
    }

    /// The producer of action states: idempotent and gapless, in no transaction [S31]. No record that it is given is
    /// larger than `record_bytes_max`, the least `max.message.bytes` of its topics [S26].
    pub fn action_state_producer(&self, record_bytes_max: usize) -> ClientConfig {
        self.producer(RecordSizes { least: record_bytes_max, most: record_bytes_max })
    }

    /// The producer of checkpoints: keyed state, outputs and offsets in one transaction. The id is new for each start of a
    /// shard [S32].
    pub fn transactional_producer(&self, transactional_id: &str, sizes: RecordSizes) -> ClientConfig {
        let mut config = self.producer(sizes);
        // What is sent of a checkpoint while the rest is still being handed over keeps librdkafka's thread busy until it is
        // acknowledged (see the log): so all of it goes at once.
        self.unless_set(&mut config, TRANSACTION_TIMEOUT, &TRANSACTION_TIMEOUT_MS.to_string());
        self.unless_set(&mut config, "linger.ms", CHECKPOINT_LINGER_MS);
        // Of outputs; a key always goes to the same partition, an empty one too [S20].
        config.set("transactional.id", transactional_id).set("partitioner", "murmur2");
        config
    }

    fn producer(&self, sizes: RecordSizes) -> ClientConfig {
        let mut config = self.base();
        // Puts of many keys share a request; more would only make each of them wait.
        self.unless_set(&mut config, "linger.ms", "1");
        let clamp = |bytes: usize| bytes.clamp(*MESSAGE_BYTES.start(), *MESSAGE_BYTES.end()).to_string();
        // The broker measures a whole batch against max.message.bytes, and a batch refused is a gap. A record that is
        // larger than a batch goes alone.
        let batch_bytes = sizes.least.saturating_sub(BATCH_OVERHEAD_BYTES).min(BATCH_BYTES_MAX);
        config
            .set("acks", "all")
            .set("enable.idempotence", "true")
            .set("enable.gapless.guarantee", "true")
            .set("message.max.bytes", clamp(sizes.most))
            .set("batch.size", clamp(batch_bytes));
        config
    }

    /// What all clients share: Weir's habits, then the user's properties.
    fn base(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        // The vendored OpenSSL knows no certificates of its own.
        config.set("ssl.ca.location", "probe").set("client.id", format!("weir-{}", self.settings.application));
        config.extend(self.settings.client.iter().map(|(name, value)| (name.clone(), value.clone())));
        config.set("bootstrap.servers", &self.settings.bootstrap_servers);
        let is_debugged = self.settings.client.contains_key("debug");
        config.set_log_level(if is_debugged { RDKafkaLogLevel::Debug } else { RDKafkaLogLevel::Info });
        config
    }

    fn unless_set(&self, config: &mut ClientConfig, name: &str, value: &str) {
        if !self.settings.client.contains_key(name) {
            config.set(name, value);
        }
    }
}

/// A client's context that only logs.
#[derive(Clone, Copy, Debug, Default)]
pub struct LoggingContext;

impl ClientContext for LoggingContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        log_error(&error, reason);
    }
}

impl ConsumerContext for LoggingContext {}

impl ProducerContext for LoggingContext {
    type DeliveryOpaque = ();

    fn delivery(&self, _: &DeliveryResult<'_>, (): ()) {}
}

/// Passes a line of librdkafka on, for contexts of any kind.
pub fn log(level: RDKafkaLogLevel, facility: &str, message: &str) {
    match level {
        // A property of consumers given to a producer, or the other way round: the user's properties are for both.
        // What goes wrong with a transaction, its committer says.
        _ if ["CONFWARN", "TXNERR", "GETPID"].contains(&facility) => tracing::debug!(target: TARGET, "{message}"),
        RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
            tracing::error!(target: TARGET, facility, "{message}");
        }
        // What an error means to the host, the host says; librdkafka itself tries again.
        RDKafkaLogLevel::Error | RDKafkaLogLevel::Warning => tracing::warn!(target: TARGET, facility, "{message}"),
        RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info => tracing::info!(target: TARGET, facility, "{message}"),
        RDKafkaLogLevel::Debug => tracing::debug!(target: TARGET, facility, "{message}"),
    }
}

/// Passes an error of a client as a whole on; librdkafka has logged its cause, and tries again by itself.
pub fn log_error(error: &KafkaError, reason: &str) {
    tracing::debug!(target: TARGET, "{error}: {reason}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use rdkafka::consumer::BaseConsumer;
    use rdkafka::producer::BaseProducer;

    fn settings(client: &[(&str, &str)]) -> KafkaSettings {
        let mut settings = KafkaSettings::new("quakes", "localhost:9092", "in");
        settings.client = client.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        settings
    }

    // [S31]
    #[test]
    fn what_exactly_once_rests_on_stands_over_a_users_property() {
        let settings = settings(&[("acks", "0"), ("isolation.level", "read_uncommitted"), ("group.id", "x")]);
        let clients = Clients::new(&settings);
        assert_eq!(clients.action_state_producer(1_000_000).get("acks"), Some("all"));
        assert_eq!(
            clients.transactional_producer("t", RecordSizes { least: 1_000_000, most: 1_000_000 }).get("acks"),
            Some("all")
        );
        assert_eq!(clients.source().get("isolation.level"), Some("read_committed"));
        assert_eq!(clients.source().get("group.id"), Some("quakes"));
    }

    #[test]
    fn a_users_property_stands_over_a_habit() {
        let settings = settings(&[("linger.ms", "20"), ("session.timeout.ms", "6000"), ("client.id", "me")]);
        let clients = Clients::new(&settings);
        assert_eq!(clients.action_state_producer(1_000_000).get("linger.ms"), Some("20"));
        assert_eq!(clients.source().get("session.timeout.ms"), Some("6000"));
        assert_eq!(clients.admin().get("client.id"), Some("me"));
        assert_eq!(clients.admin().get("ssl.ca.location"), Some("probe"));
    }

    #[test]
    fn librdkafka_takes_each_configuration() {
        let settings =
            settings(&[("session.timeout.ms", "6000"), ("linger.ms", "5"), ("transaction.timeout.ms", "9000")]);
        let clients = Clients::new(&settings);
        let consumer = |config: ClientConfig| config.create::<BaseConsumer>().map(|_| ()).unwrap();
        let producer = |config: ClientConfig| config.create::<BaseProducer>().map(|_| ()).unwrap();
        consumer(clients.admin());
        consumer(clients.source());
        consumer(clients.reader(Isolation::Committed));
        consumer(clients.reader(Isolation::Uncommitted));
        for bytes in [1, 1_048_588, usize::MAX] {
            producer(clients.action_state_producer(bytes));
            producer(clients.transactional_producer("quakes-1", RecordSizes { least: bytes, most: bytes }));
        }
    }

    // [S26]
    #[test]
    fn a_batch_fits_into_the_topic_it_goes_to() {
        let settings = settings(&[]);
        let config = Clients::new(&settings).action_state_producer(100_000);
        assert_eq!((config.get("message.max.bytes"), config.get("batch.size")), (Some("100000"), Some("99488")));
        let sizes = RecordSizes { least: 100_000, most: 16_000_000 };
        let config = Clients::new(&settings).transactional_producer("t", sizes);
        assert_eq!((config.get("message.max.bytes"), config.get("batch.size")), (Some("16000000"), Some("99488")));
    }
}
