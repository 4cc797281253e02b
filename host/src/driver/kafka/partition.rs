//! The partitions of a shard, from assignment to the end.

use super::takeover::Restoring;
use tokio::time::Instant;
use weir_core::ownership::{Epoch, PartitionRecord, Takeover};
use weir_core::store::log::Position;

/// One partition that the group gave to this shard.
pub(super) struct Partition {
    /// Tells it from what the shard had of the same partition before.
    pub(super) number: u64,
    pub(super) stage: Stage,
    /// The group wants it back.
    pub(super) revoked: bool,
}

/// How far a partition is.
///
/// | stage | fact | next |
/// |---|---|---|
/// | taking over | takeover acts | running |
/// | taking over | revoked, nothing committed | gone |
/// | taking over | revoked, epoch committed and the last lease over | releasing |
/// | running | revoked | draining |
/// | draining | nothing runs, or it took too long | releasing |
/// | releasing | a checkpoint that says released is committed | gone |
/// | any | lost | gone, with the whole shard |
pub(super) enum Stage {
    TakingOver(TakingOver),
    Running(Owned),
    /// It starts no new effect, until this time.
    Draining(Owned, Instant),
    /// Its last checkpoint is to be committed.
    Releasing(Owned),
}

/// A takeover, and what it has found so far.
pub(super) struct TakingOver {
    pub(super) takeover: Takeover,
    pub(super) restoring: Option<Box<Restoring>>,
    /// The epoch is to be committed.
    pub(super) epoch: Option<Epoch>,
    /// The last owner's lease ends then, by the clock of leases.
    pub(super) wait_until_ms: Option<u64>,
    /// The epoch is committed, or may be.
    pub(super) is_committed: bool,
}

/// What the shard knows of a partition whose owner it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Owned {
    pub(super) epoch: Epoch,
    /// The next source record to be taken.
    pub(super) next_offset: u64,
    /// What the last committed checkpoint says.
    pub(super) committed_offset: u64,
    pub(super) committed_marker: Position,
    pub(super) marker_epoch: Epoch,
    /// Reading is paused.
    pub(super) paused: bool,
}

impl Owned {
    /// What a checkpoint says of it that changes nothing.
    pub(super) fn record(&self, transactional_id: &str, lease_ms: u64, partitions: u32) -> PartitionRecord {
        PartitionRecord {
            epoch: self.epoch,
            transactional_id: transactional_id.to_owned(),
            lease_ms,
            released: false,
            source_offset: self.committed_offset,
            recovery_marker: self.committed_marker,
            marker_epoch: self.marker_epoch,
            partitions,
        }
    }
}

impl Partition {
    /// The partition's owner state, once it is past its takeover.
    pub(super) fn owned(&mut self) -> Option<&mut Owned> {
        match &mut self.stage {
            Stage::TakingOver(_) => None,
            Stage::Running(owned) | Stage::Draining(owned, _) | Stage::Releasing(owned) => Some(owned),
        }
    }
}
