//! Calls to brokers that are made again, because what keeps them from an answer passes by itself.

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use std::time::{Duration, Instant};

/// How long one call may take.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// How long it is made again: a broker that died is back by then, or its partitions have another leader. Nothing is in
/// doubt meanwhile.
const AGAIN_MAX: Duration = Duration::from_secs(120);
/// From one call to the next.
const PAUSE: Duration = Duration::from_millis(100);

/// What librdkafka, or the brokers among themselves, mend without anybody's help: a broker that can't be reached, a
/// partition that has no leader, or none that its asker knows of yet.
pub(crate) fn passes(code: Code) -> bool {
    let passing = [
        Code::BrokerTransportFailure,
        Code::AllBrokersDown,
        Code::OperationTimedOut,
        Code::RequestTimedOut,
        Code::MessageTimedOut,
        Code::Resolve,
        Code::UnknownPartition,
        Code::UnknownTopicOrPartition,
        Code::LeaderNotAvailable,
        Code::NotLeaderForPartition,
        Code::WaitingForCoordinator,
        Code::CoordinatorNotAvailable,
        Code::CoordinatorLoadInProgress,
        Code::NotCoordinator,
    ];
    passing.contains(&code)
}

/// Makes a call with its timeout until it is answered, or fails with what does not pass.
pub(crate) fn until_answered<T>(call: impl Fn(Duration) -> Result<T, KafkaError>) -> Result<T, KafkaError> {
    let since = Instant::now();
    loop {
        match call(ANSWER_MAX) {
            Err(error) if error.rdkafka_error_code().is_some_and(passes) && since.elapsed() < AGAIN_MAX => {
                std::thread::sleep(PAUSE);
            }
            answer => return answer,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[test]
    fn a_call_is_made_again_only_where_that_may_help() {
        let calls = Cell::new(0);
        let answered = until_answered(|_| {
            calls.set(calls.get() + 1);
            if calls.get() < 3 { Err(KafkaError::MetadataFetch(Code::NotLeaderForPartition)) } else { Ok(7) }
        });
        assert_eq!((answered, calls.get()), (Ok(7), 3));
        let refused = until_answered(|_| Err::<(), _>(KafkaError::MetadataFetch(Code::TopicAuthorizationFailed)));
        assert_eq!(refused, Err(KafkaError::MetadataFetch(Code::TopicAuthorizationFailed)));
    }
}
