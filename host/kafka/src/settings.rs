//! What a Kafka application is told: every default filled in.

use crate::properties::is_secret;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// How long a shard may act after the sending of its last committed checkpoint, milliseconds [S32].
pub const LEASE_MS: u64 = 1_000;
/// How long a start may take to find its brokers and be let in, milliseconds.
pub const CONNECT_TIMEOUT_MS: u64 = 10_000;
/// What an own transaction may last before the brokers abort it, unless [`TRANSACTION_TIMEOUT`] says otherwise,
/// milliseconds. As long do readers of committed records wait behind the open transaction of an owner that died and that
/// nobody took over.
pub(crate) const TRANSACTION_TIMEOUT_MS: u64 = 30_000;
/// The clients' property that does.
pub(crate) const TRANSACTION_TIMEOUT: &str = "transaction.timeout.ms";

/// The settings of one application on Kafka.
#[derive(Clone, PartialEq, Eq)]
pub struct KafkaSettings {
    /// The application's id: consumer group, and prefix of topics and transactional ids.
    pub application: String,
    /// Brokers to begin with: `host:port`, parted by commas.
    pub bootstrap_servers: String,
    /// Properties of librdkafka, none of those that exactly-once rests on (`properties::fixed`).
    pub client: BTreeMap<String, String>,
    /// Replicas of topics that are made; none: as many as the brokers' default.
    pub replication_factor: Option<u32>,
    /// Settings of the state topics when they are made, over Weir's own.
    pub state_topic: BTreeMap<String, String>,
    /// How long a shard may act after the sending of its last committed checkpoint [S32].
    pub lease_ms: u64,
    /// How long a start may take to find its brokers and be let in.
    pub connect_timeout_ms: u64,
    /// The topic that input events are read from.
    pub source_topic: String,
    /// Where it is read from when the application starts for the first time.
    pub start: Start,
    /// The topic that output events go to, if any.
    pub sink_topic: Option<String>,
    /// The topic of dead letters and of what is set aside.
    pub dead_letter_topic: String,
}

/// Where the source topic is read from when the application starts for the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// From its oldest record.
    Earliest,
    /// From what comes after the start.
    Latest,
}

impl KafkaSettings {
    /// The settings that a manifest which says no more comes to.
    pub fn new(application: &str, bootstrap_servers: &str, source_topic: &str) -> Self {
        Self {
            application: application.to_owned(),
            bootstrap_servers: bootstrap_servers.to_owned(),
            client: BTreeMap::new(),
            replication_factor: None,
            state_topic: BTreeMap::new(),
            lease_ms: LEASE_MS,
            connect_timeout_ms: CONNECT_TIMEOUT_MS,
            source_topic: source_topic.to_owned(),
            start: Start::Earliest,
            sink_topic: None,
            dead_letter_topic: dead_letter_topic(application),
        }
    }

    /// The consumer group.
    pub fn group(&self) -> &str {
        &self.application
    }

    /// The topic of action states.
    pub fn action_state_topic(&self) -> String {
        format!("{}.action-state", self.application)
    }

    /// The topic of keyed state: the changelog, whose checkpoint record is the truth [S31].
    pub fn keyed_state_topic(&self) -> String {
        format!("{}.keyed-state", self.application)
    }

    /// The topic through which a repair reaches the host that owns the key.
    pub fn control_topic(&self) -> String {
        format!("{}.control", self.application)
    }

    /// What an own transaction may last before the brokers abort it.
    pub fn transaction_timeout(&self) -> Duration {
        let set = self.client.get(TRANSACTION_TIMEOUT).and_then(|set| set.parse().ok());
        Duration::from_millis(set.unwrap_or(TRANSACTION_TIMEOUT_MS))
    }

    /// How long a start may take to find its brokers and be let in.
    pub fn connect_timeout(&self) -> Duration {
        Duration::from_millis(self.connect_timeout_ms)
    }
}

/// The topic of dead letters where none is named.
pub fn dead_letter_topic(application: &str) -> String {
    format!("{application}.dead-letter")
}

/// Everything but the values of secrets.
impl fmt::Debug for KafkaSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |(name, value): (&String, &String)| {
            (name.clone(), if is_secret(name) { "…".to_owned() } else { value.clone() })
        };
        let client: BTreeMap<String, String> = self.client.iter().map(shown).collect();
        f.debug_struct("KafkaSettings")
            .field("application", &self.application)
            .field("bootstrap_servers", &self.bootstrap_servers)
            .field("client", &client)
            .field("replication_factor", &self.replication_factor)
            .field("state_topic", &self.state_topic)
            .field("lease_ms", &self.lease_ms)
            .field("connect_timeout_ms", &self.connect_timeout_ms)
            .field("source_topic", &self.source_topic)
            .field("start", &self.start)
            .field("sink_topic", &self.sink_topic)
            .field("dead_letter_topic", &self.dead_letter_topic)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transaction_may_last_as_long_as_the_users_property_says() {
        let mut settings = KafkaSettings::new("quakes", "localhost:9092", "in");
        assert_eq!(settings.transaction_timeout(), Duration::from_secs(30));
        settings.client.insert("transaction.timeout.ms".to_owned(), "9000".to_owned());
        assert_eq!(settings.transaction_timeout(), Duration::from_secs(9));
    }

    #[test]
    fn topics_begin_with_the_applications_name() {
        let settings = KafkaSettings::new("quakes", "localhost:9092", "in");
        assert_eq!(settings.action_state_topic(), "quakes.action-state");
        assert_eq!(settings.keyed_state_topic(), "quakes.keyed-state");
        assert_eq!(settings.control_topic(), "quakes.control");
        assert_eq!(settings.dead_letter_topic, "quakes.dead-letter");
        assert_eq!(settings.group(), "quakes");
    }

    // [D20]
    #[test]
    fn a_password_does_not_show_itself() {
        let mut settings = KafkaSettings::new("a", "localhost:9092", "in");
        for name in ["sasl.password", "ssl.key.password", "ssl.key.pem", "sasl.oauthbearer.client.secret"] {
            settings.client.insert(name.to_owned(), "hunter2".to_owned());
        }
        settings.client.insert("sasl.username".to_owned(), "weir".to_owned());
        let shown = format!("{settings:?}");
        assert!(!shown.contains("hunter2") && shown.contains("\"sasl.username\": \"weir\""), "{shown}");
    }
}
