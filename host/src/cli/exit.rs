//! Exit codes: a contract with scripts.

use crate::embedded::StoreError;
use crate::settings::SettingsError;
use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 0: done.
    Done,
    /// 1: stopped by an error at run time.
    Stopped,
    /// 2: wrong use, manifest or component.
    WrongUse,
    /// 3: the input is at its end, but keys are quarantined.
    Quarantined,
}

/// A mistake of the user: exit code 2.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct WrongUse(pub String);

impl Exit {
    /// What an error comes to: wrong use if anything in its chain says so.
    pub fn of_error(error: &anyhow::Error) -> Self {
        let wrong = error.chain().any(|cause| {
            cause.is::<WrongUse>()
                || cause.is::<SettingsError>()
                || cause.downcast_ref::<StoreError>().is_some_and(StoreError::is_refusal)
                || cause.is::<weir_component::LoadError>()
                || is_kafka_refusal(cause)
        });
        if wrong { Self::WrongUse } else { Self::Stopped }
    }

    /// The number of it.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Stopped => 1,
            Self::WrongUse => 2,
            Self::Quarantined => 3,
        }
    }
}

#[cfg(feature = "kafka")]
fn is_kafka_refusal(cause: &(dyn std::error::Error + 'static)) -> bool {
    cause.downcast_ref::<weir_kafka::SetupError>().is_some_and(weir_kafka::SetupError::is_refusal)
}

#[cfg(not(feature = "kafka"))]
fn is_kafka_refusal(_: &(dyn std::error::Error + 'static)) -> bool {
    false
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context;

    #[test]
    fn wrong_use_is_found_below_its_context() {
        let wrong = Err::<(), _>(WrongUse("no".into())).context("about").unwrap_err();
        assert_eq!(Exit::of_error(&wrong), Exit::WrongUse);
        assert_eq!(Exit::of_error(&anyhow::anyhow!("disk")), Exit::Stopped);
    }
}
