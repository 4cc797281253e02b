//! Why an application can't begin on Kafka: each in one line, with what to change.

use crate::connect::Cause;
use rdkafka::error::KafkaError;

/// What keeps an application from Kafka.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SetupError {
    /// librdkafka takes the properties for no client.
    #[error("make a client of Kafka: {0}: change kafka.client")]
    Client(String),
    /// No broker could be reached, or none let it in.
    #[error("connect to Kafka at {servers}: {cause}")]
    Connect {
        /// The brokers to begin with, or the one that the cause is of.
        servers: String,
        /// Why.
        cause: Cause,
    },
    /// The user lacks a right.
    #[error("{0}")]
    Denied(String),
    /// A topic is not as the application needs it, or can't be made.
    #[error("{0}")]
    Topic(String),
    /// The brokers answer something that nobody has foreseen.
    #[error("{what}: {source}")]
    Broker {
        /// What was asked of them, as a verb and its object.
        what: String,
        /// Their answer.
        source: KafkaError,
    },
}

impl SetupError {
    /// Whether something has to be changed before it can go well, so that it is of no use to try again.
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::Client(_) | Self::Denied(_) | Self::Topic(_) => true,
            Self::Connect { cause, .. } => cause.is_final(),
            Self::Broker { .. } => false,
        }
    }

    /// What librdkafka says of a client that it does not make.
    pub(crate) fn of_client(error: KafkaError) -> Self {
        match error {
            // Without the value, which may be a secret.
            KafkaError::ClientConfig(_, why, name, _) if why.starts_with("No such") => {
                Self::Client(format!("there is no property \"{name}\""))
            }
            KafkaError::ClientConfig(_, why, name, _) if why.starts_with("Invalid value") => {
                Self::Client(format!("\"{name}\" can't have this value"))
            }
            KafkaError::ClientConfig(_, why, name, _) => {
                Self::Client(format!("\"{name}\" can't have this value ({why})"))
            }
            KafkaError::ClientCreation(why) if why.contains("mechanism GSSAPI") => Self::Client(
                "no sasl.mechanism is set, and Kerberos is not built in: name PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512"
                    .to_owned(),
            ),
            KafkaError::ClientCreation(why) if why.starts_with("ssl.ca.location failed") => {
                Self::Client("the certificates of ssl.ca.location can't be read".to_owned())
            }
            KafkaError::ClientCreation(why) => Self::Client(why),
            other => Self::Client(other.to_string()),
        }
    }
}
