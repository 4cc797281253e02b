//! Mistakes of a cluster that can be planted.
//!
//! All are planted in the simulator's own driver, between core and brokers: the core holds no code for them.

use crate::mistake::kebab;
use std::fmt;

/// A mistake that hosts which share partitions out could make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClusterMistake {
    /// Effects are made without a look at the lease.
    NoLease,
    /// A takeover does not wait until the last owner's lease is over.
    LeaseWithoutWait,
    /// No fence is written, and none is looked for.
    NoFence,
    /// The cleaner goes by names that do not hold the owner's epoch.
    EpochNotInKey,
    /// Offsets are committed with the group's metadata as the client has it just then.
    RefreshedMetadata,
    /// A takeover restores what stands before the last stable offset.
    RestoreToLastStableOffset,
    /// What an older owner recorded gets no tombstones when its state is pruned.
    PruneForgetsOlderEpoch,
    /// A completed state that came behind the fence of a later owner is taken.
    LateCompletedTaken,
    /// All fences have one name.
    OneFenceKey,
    /// A takeover restores before it initialises the last owner's producer.
    RestoreBeforeInitialise,
    /// States go to the partition that murmur2 says, whichever their event was read from.
    StatesByMurmur2,
}

impl ClusterMistake {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::NoLease,
        Self::LeaseWithoutWait,
        Self::NoFence,
        Self::EpochNotInKey,
        Self::RefreshedMetadata,
        Self::RestoreToLastStableOffset,
        Self::PruneForgetsOlderEpoch,
        Self::LateCompletedTaken,
        Self::OneFenceKey,
        Self::RestoreBeforeInitialise,
        Self::StatesByMurmur2,
    ];
}

/// Its name on the command line: `no-lease`.
impl fmt::Display for ClusterMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&kebab(&format!("{self:?}")))
    }
}
