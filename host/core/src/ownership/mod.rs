//! Who may act for a partition that moves between hosts [S32].
//!
//! Each takeover of a partition begins an owner epoch, one above the last. The epoch stands in the name of every record
//! that its owner writes to the action-state log; a fence there tells where it began. What an owner of a lower epoch
//! writes behind a fence is late, and never read.

mod fence;
mod lease;
mod record;
mod takeover;

pub use fence::{FENCE_VERSION, FenceKey, Fences};
pub use lease::Lease;
pub use record::{PartitionRecord, PartitionRecordError};
pub use takeover::{Takeover, TakeoverStep};

use std::fmt;

/// Numbers the owners of one partition; the first is 1. What stood before the first one has 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Epoch(pub u32);

impl Epoch {
    /// The epoch of the next owner.
    ///
    /// # Panics
    /// After 4,294,967,295 takeovers.
    pub fn next(self) -> Self {
        Self(self.0.checked_add(1).expect("an owner epoch is left"))
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
