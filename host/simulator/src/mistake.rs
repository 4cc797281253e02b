//! Mistakes that can be planted, so that the simulator proves that it would find them.
//!
//! All are planted in the simulator's own driver, between core, log and store: the core holds no code for them.

use std::fmt;

/// A mistake that a host could make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mistake {
    /// The recovery marker is the end of the log.
    MarkerAtEnd,
    /// The recovery marker goes by the latest put of each state, not by its oldest record.
    MarkerByLatestPut,
    /// A request leaves before the earlier puts of its key are durable.
    NoDoor,
    /// A checkpoint is written before the puts of its partition are durable.
    NoCheckpointDoor,
    /// What a checkpoint completed is pruned before it is durable.
    PruneBeforeDurable,
    /// Tombstones that a crash left unwritten are not written by the rebuild.
    NoTombstonesOnRebuild,
    /// The rebuild takes the run in progress for a completed one.
    CompletedLineOffByOne,
    /// Pending input events are left out of the checkpoint.
    PendingNotInCheckpoint,
    /// A completed action that recovery finds is applied twice.
    ApplyTwice,
    /// Recorded calls are matched by their position only.
    MatchByPosition,
    /// A log that failed is used further, and its appends count as durable.
    PoisonedGoesOn,
    /// A key is evicted before its last change is durable.
    EvictChanged,
    /// A final failure is not put.
    FinalFailureNotPut,
    /// A retryable failure that the guest caught is not put when it goes on.
    CaughtFailureNotPut,
    /// A failed attempt is not put.
    AttemptNotPut,
    /// Emitted events are matched again when recovery applies their action.
    MatchAgain,
    /// The records that a divergence drops get no tombstones.
    DropNotPut,
    /// The failure that stands for an outcome over the limit is not put.
    OverLimitNotPut,
    /// Lines of stdin are run as they come, without the inbox.
    StdinWithoutInbox,
    /// A repair that is delivered again is taken for a new one.
    RepairTwice,
    /// What a rebuild read counts as durable, without a sync.
    RebuildTakenAsDurable,
    /// A reconciler is asked while its effect may be on its way.
    ReconcilerAskedEarly,
}

impl Mistake {
    /// All of them.
    pub const ALL: [Self; 22] = [
        Self::MarkerAtEnd,
        Self::MarkerByLatestPut,
        Self::NoDoor,
        Self::NoCheckpointDoor,
        Self::PruneBeforeDurable,
        Self::NoTombstonesOnRebuild,
        Self::CompletedLineOffByOne,
        Self::PendingNotInCheckpoint,
        Self::ApplyTwice,
        Self::MatchByPosition,
        Self::PoisonedGoesOn,
        Self::EvictChanged,
        Self::FinalFailureNotPut,
        Self::CaughtFailureNotPut,
        Self::AttemptNotPut,
        Self::MatchAgain,
        Self::DropNotPut,
        Self::OverLimitNotPut,
        Self::StdinWithoutInbox,
        Self::RepairTwice,
        Self::RebuildTakenAsDurable,
        Self::ReconcilerAskedEarly,
    ];
}

/// Its name on the command line: `no-door`.
impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&kebab(&format!("{self:?}")))
    }
}

/// `NoDoor` as `no-door`.
pub(crate) fn kebab(camel: &str) -> String {
    let mut name = String::new();
    for letter in camel.chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('-');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}
