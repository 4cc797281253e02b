//! How runs end.

/// How a run ended, when it did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunEnd {
    /// The input is at its end, and all of it took effect.
    Done,
    /// It was told to stop, and drained.
    Stopped,
    /// The input is at its end, but so many keys are quarantined.
    Quarantined(u64),
}

/// Why a run failed.
#[derive(Debug)]
pub enum RunError {
    /// By the way it was used: manifest, component, files that belong to another run. Exit code 2.
    Use(anyhow::Error),
    /// At run time. Exit code 1.
    Run(anyhow::Error),
}

impl RunError {
    pub(super) fn of_use(error: impl Into<anyhow::Error>) -> Self {
        Self::Use(error.into())
    }
}

impl<E: Into<anyhow::Error>> From<E> for RunError {
    fn from(error: E) -> Self {
        Self::Run(error.into())
    }
}
