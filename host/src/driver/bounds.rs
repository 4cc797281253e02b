//! What one shard holds in memory at most, before it takes no more events.

use std::ops::AddAssign;
use weir_core::operator::Waiting;
use weir_core::store::log::{Append, AppendKind};

/// Input events of one shard that wait for their turn, from which on no more are taken.
const WAITING_EVENTS_MAX: u64 = 20_000;
/// The same, bytes.
const WAITING_BYTES_MAX: u64 = 64 << 20;

/// Whether what waits for its turn leaves room for more.
pub(super) fn has_room(waiting: Waiting) -> bool {
    waiting.events < WAITING_EVENTS_MAX && waiting.bytes < WAITING_BYTES_MAX
}

/// Appends of one shard that no durable checkpoint makes an end of: they stay in memory until then.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Uncheckpointed {
    pub(super) appends: usize,
    pub(super) bytes: usize,
}

impl Uncheckpointed {
    /// Bytes that are reason enough for a checkpoint before its time.
    const BYTES: usize = 64 << 20;
    /// Bytes from which on no more events are taken.
    const BYTES_MAX: usize = 256 << 20;

    pub(super) fn of(appends: &[Append]) -> Self {
        let size = |append: &Append| match &append.what {
            AppendKind::Record(value) => value.len(),
            AppendKind::Tombstone(_) => 0,
        };
        Self { appends: appends.len(), bytes: appends.iter().map(size).sum() }
    }

    /// Whether a checkpoint is wanted for them.
    pub(super) fn are_many(self, appends: usize) -> bool {
        self.appends >= appends || self.bytes >= Self::BYTES
    }

    /// Whether no more may come.
    pub(super) fn are_too_many(self, appends_max: usize) -> bool {
        self.appends >= appends_max || self.bytes >= Self::BYTES_MAX
    }
}

impl AddAssign for Uncheckpointed {
    fn add_assign(&mut self, more: Self) {
        *self = Self { appends: self.appends + more.appends, bytes: self.bytes + more.bytes };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // [S26]
    #[test]
    fn few_large_appends_are_as_many_as_many_small_ones() {
        let of = |appends, bytes| Uncheckpointed { appends, bytes };
        assert!(!of(9, 1 << 20).are_many(10) && of(10, 0).are_many(10) && of(1, 64 << 20).are_many(10));
        assert!(!of(9, 64 << 20).are_too_many(10) && of(10, 0).are_too_many(10) && of(1, 256 << 20).are_too_many(10));
    }
}
