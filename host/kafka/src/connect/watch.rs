//! What a client says of its connections while something is asked by it.

use super::cause::Cause;
use crate::client;
use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::KafkaError;
use std::collections::BTreeMap;
use std::sync::Mutex;

/// The facility of librdkafka's lines about failed connections.
const FAILED: &str = "FAIL";

/// A client's context that keeps, for each broker, why the latest connection failed. Its lines are logged for those who
/// look closely only: the one that counts becomes the error.
#[derive(Debug, Default)]
pub(super) struct Watch {
    failed: Mutex<BTreeMap<String, Cause>>,
}

impl Watch {
    /// The cause that is of no use to wait on: any that has to be changed, but names only if all of them are wrong.
    pub(super) fn final_cause(&self, servers: usize) -> Option<(String, Cause)> {
        let failed = self.failed.lock().expect("nobody panics under this lock");
        let is_name = |cause: &Cause| matches!(cause, Cause::Unresolved(_));
        let all_wrong = failed.len() >= servers && failed.values().all(|cause| is_name(cause) && cause.is_final());
        let mut causes = failed.iter().filter(|(_, cause)| cause.is_final() && (all_wrong || !is_name(cause)));
        causes.next().map(|(broker, cause)| (broker.clone(), cause.clone()))
    }

    /// Any cause.
    pub(super) fn cause(&self) -> Option<(String, Cause)> {
        let failed = self.failed.lock().expect("nobody panics under this lock");
        failed.iter().next().map(|(broker, cause)| (broker.clone(), cause.clone()))
    }

    fn note(&self, line: &str) {
        if let Some((broker, cause)) = Cause::of_line(line) {
            self.failed.lock().expect("nobody panics under this lock").insert(broker, cause);
        }
    }
}

impl ClientContext for Watch {
    fn log(&self, _: RDKafkaLogLevel, facility: &str, message: &str) {
        if facility == FAILED {
            self.note(message);
        }
        client::log(RDKafkaLogLevel::Debug, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.note(reason);
        client::log_error(&error, reason);
    }
}

impl ConsumerContext for Watch {}
