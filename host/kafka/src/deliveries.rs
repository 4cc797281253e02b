//! Deliveries of action states, until the log takes them.

use crate::client::{log, log_error};
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::message::{DeliveryResult, Message};
use rdkafka::producer::ProducerContext;
use std::sync::Mutex;

/// What became of records, as the producer tells.
#[derive(Debug, Default)]
pub(crate) struct Deliveries {
    done: Mutex<Vec<Delivery>>,
}

/// What became of one record.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) partition: u32,
    /// What it was put with.
    pub(crate) tag: u64,
    pub(crate) is_tombstone: bool,
    /// Its offset, or its name and what went wrong.
    pub(crate) outcome: Result<u64, Box<(String, String)>>,
}

impl Deliveries {
    /// Those since the last call, in exchange for an empty vector.
    pub(crate) fn take(&self, empty: Vec<Delivery>) -> Vec<Delivery> {
        std::mem::replace(&mut *self.done.lock().expect("nobody panics with it"), empty)
    }
}

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        log_error(&error, reason);
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, tag: usize) {
        let (message, outcome) = match result {
            Ok(message) => (message, Ok(message.offset() as u64)),
            Err((error, message)) => {
                let name = String::from_utf8_lossy(message.key().unwrap_or_default()).into_owned();
                (message, Err(Box::new((name, error.to_string()))))
            }
        };
        let delivery = Delivery {
            partition: message.partition() as u32,
            tag: tag as u64,
            is_tombstone: message.payload().is_none(),
            outcome,
        };
        self.done.lock().expect("nobody panics with it").push(delivery);
    }
}
