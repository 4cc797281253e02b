//! How a partition changes hands.

use super::{Epoch, PartitionRecord};
use crate::store::log::Position;

/// A takeover of one partition by one shard.
///
/// | state | fact | next | step |
/// |---|---|---|---|
/// | begun | - | looking | Look |
/// | looking | looked: the owner did not release | initialising | Initialise its producer |
/// | looking | looked: it did, or there is none | restoring | Restore |
/// | initialising | initialised | restoring | Restore |
/// | restoring | restored: another owner came between, unreleased | initialising | Initialise its producer |
/// | restoring | restored | committing | CommitEpoch |
/// | committing | committed | waiting, or fencing | WaitUntil the last lease is over, or WriteFence |
/// | waiting | it is time | fencing | WriteFence |
/// | fencing | fence acknowledged | rebuilding | Rebuild up to it |
/// | rebuilding | rebuilt | done | Act |
///
/// To initialise a producer of the owner's transactional id ends what it left open and fences it: nothing that it writes
/// to the changelog counts from then on, so the restore comes after. Times are milliseconds of one clock of this host that
/// counts suspension.
///
/// *Invariant:* nothing is made for the partition before `Act`; the fence is written when no effect of the last owner can
/// begin any more; what the owner had acknowledged then stands before the fence.
#[derive(Clone, Debug)]
pub struct Takeover {
    state: State,
    /// The checkpoint record as last read.
    last: Option<PartitionRecord>,
    /// When the owner named in `last` was fenced.
    fenced_at_ms: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Looking,
    Initialising,
    Restoring,
    Committing,
    Waiting,
    Fencing,
    Rebuilding,
    Done,
}

/// What is to be done next for a takeover.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TakeoverStep {
    /// Read the changelog as far as it is committed now; answer with its checkpoint record.
    Look,
    /// Initialise a producer of this transactional id, and close it; answer with the time.
    Initialise(String),
    /// Read the changelog to its present end, open transactions waited for; answer with its checkpoint record.
    Restore,
    /// Commit a checkpoint record with this epoch, with offsets and the group's metadata of this assignment.
    CommitEpoch(Epoch),
    /// Wait until this time.
    WaitUntil(u64),
    /// Write the fence of this epoch to the action-state log; answer with its position.
    WriteFence(Epoch),
    /// Rebuild the action states up to this position.
    Rebuild(Position),
    /// Go on: the partition is owned.
    Act,
}

impl Takeover {
    /// A takeover that begins, and its first step.
    pub fn begin() -> (Self, TakeoverStep) {
        (Self { state: State::Looking, last: None, fenced_at_ms: None }, TakeoverStep::Look)
    }

    /// The changelog was read as far as it was committed.
    pub fn on_looked(&mut self, record: Option<PartitionRecord>) -> TakeoverStep {
        self.expect(State::Looking);
        self.last = record;
        self.fence_or_restore()
    }

    /// The owner's producer is fenced, and what it left open is ended.
    pub fn on_initialised(&mut self, now_ms: u64) -> TakeoverStep {
        self.expect(State::Initialising);
        self.fenced_at_ms = Some(now_ms);
        self.state = State::Restoring;
        TakeoverStep::Restore
    }

    /// The changelog was read to its end.
    pub fn on_restored(&mut self, record: Option<PartitionRecord>) -> TakeoverStep {
        self.expect(State::Restoring);
        let owner = |record: &Option<PartitionRecord>| {
            record.as_ref().map(|record| (record.epoch, record.transactional_id.clone()))
        };
        let is_fenced = self.fenced_at_ms.is_some() && owner(&record) == owner(&self.last);
        self.last = record;
        if !is_fenced && self.last.as_ref().is_some_and(|record| !record.released) {
            return self.fence_or_restore();
        }
        self.state = State::Committing;
        TakeoverStep::CommitEpoch(self.epoch())
    }

    /// The checkpoint record with the new epoch is committed.
    pub fn on_epoch_committed(&mut self, now_ms: u64) -> TakeoverStep {
        self.expect(State::Committing);
        self.state = State::Waiting;
        self.on_time(now_ms)
    }

    /// It is so late.
    pub fn on_time(&mut self, now_ms: u64) -> TakeoverStep {
        self.expect(State::Waiting);
        let until_ms = self.lease_ends_at_ms();
        if now_ms < until_ms {
            return TakeoverStep::WaitUntil(until_ms);
        }
        self.state = State::Fencing;
        TakeoverStep::WriteFence(self.epoch())
    }

    /// The fence is durable, at this position.
    pub fn on_fence_acknowledged(&mut self, position: Position) -> TakeoverStep {
        self.expect(State::Fencing);
        self.state = State::Rebuilding;
        TakeoverStep::Rebuild(position)
    }

    /// The action states are there.
    pub fn on_rebuilt(&mut self) -> TakeoverStep {
        self.expect(State::Rebuilding);
        self.state = State::Done;
        TakeoverStep::Act
    }

    /// The epoch that this takeover begins.
    pub fn epoch(&self) -> Epoch {
        self.last.as_ref().map_or(Epoch::default(), |record| record.epoch).next()
    }

    /// The checkpoint record that it goes on from.
    pub fn record(&self) -> Option<&PartitionRecord> {
        self.last.as_ref()
    }

    /// Until when an effect of the last owner may begin.
    fn lease_ends_at_ms(&self) -> u64 {
        match (&self.last, self.fenced_at_ms) {
            (Some(record), Some(fenced_at_ms)) if !record.released => fenced_at_ms.saturating_add(record.lease_ms),
            _ => 0,
        }
    }

    fn fence_or_restore(&mut self) -> TakeoverStep {
        match &self.last {
            Some(record) if !record.released => {
                self.state = State::Initialising;
                TakeoverStep::Initialise(record.transactional_id.clone())
            }
            _ => {
                self.state = State::Restoring;
                TakeoverStep::Restore
            }
        }
    }

    fn expect(&self, state: State) {
        assert_eq!(self.state, state, "a takeover is told what it waits for");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(epoch: u32, released: bool) -> PartitionRecord {
        PartitionRecord {
            epoch: Epoch(epoch),
            transactional_id: format!("id-{epoch}"),
            lease_ms: 1_000,
            released,
            source_offset: 5,
            recovery_marker: Position(3),
            marker_epoch: Epoch(1),
            partitions: 4,
        }
    }

    // [S32]
    #[test]
    fn first_owner_waits_for_nobody() {
        let (mut takeover, step) = Takeover::begin();
        assert_eq!(step, TakeoverStep::Look);
        assert_eq!(takeover.on_looked(None), TakeoverStep::Restore);
        assert_eq!(takeover.on_restored(None), TakeoverStep::CommitEpoch(Epoch(1)));
        assert_eq!(takeover.on_epoch_committed(10), TakeoverStep::WriteFence(Epoch(1)));
        assert_eq!(takeover.on_fence_acknowledged(Position(0)), TakeoverStep::Rebuild(Position(0)));
        assert_eq!(takeover.on_rebuilt(), TakeoverStep::Act);
    }

    // [S32]
    #[test]
    fn owner_that_did_not_release_is_fenced_and_its_lease_waited_out() {
        let (mut takeover, _) = Takeover::begin();
        assert_eq!(takeover.on_looked(Some(record(6, false))), TakeoverStep::Initialise("id-6".into()));
        assert_eq!(takeover.on_initialised(20_000), TakeoverStep::Restore);
        assert_eq!(takeover.on_restored(Some(record(6, false))), TakeoverStep::CommitEpoch(Epoch(7)));
        assert_eq!(takeover.on_epoch_committed(20_400), TakeoverStep::WaitUntil(21_000));
        assert_eq!(takeover.on_time(20_999), TakeoverStep::WaitUntil(21_000), "from the end of the initialisation");
        assert_eq!(takeover.on_time(21_000), TakeoverStep::WriteFence(Epoch(7)));
        assert_eq!(takeover.on_fence_acknowledged(Position(9)), TakeoverStep::Rebuild(Position(9)));
        assert_eq!(takeover.on_rebuilt(), TakeoverStep::Act);
    }

    // [S32]
    #[test]
    fn released_partition_is_taken_at_once() {
        let (mut takeover, _) = Takeover::begin();
        assert_eq!(takeover.on_looked(Some(record(6, true))), TakeoverStep::Restore);
        assert_eq!(takeover.on_restored(Some(record(6, true))), TakeoverStep::CommitEpoch(Epoch(7)));
        assert_eq!(takeover.on_epoch_committed(1), TakeoverStep::WriteFence(Epoch(7)));
    }

    // [S32]
    #[test]
    fn owner_that_released_with_its_last_transaction_is_not_waited_for() {
        let (mut takeover, _) = Takeover::begin();
        takeover.on_looked(Some(record(6, false)));
        takeover.on_initialised(20_000);
        assert_eq!(takeover.on_restored(Some(record(6, true))), TakeoverStep::CommitEpoch(Epoch(7)));
        assert_eq!(takeover.on_epoch_committed(20_001), TakeoverStep::WriteFence(Epoch(7)));
    }

    // [S32]
    #[test]
    fn owner_that_came_between_is_fenced_too() {
        let (mut takeover, _) = Takeover::begin();
        takeover.on_looked(Some(record(6, true)));
        assert_eq!(takeover.on_restored(Some(record(7, false))), TakeoverStep::Initialise("id-7".into()));
        assert_eq!(takeover.on_initialised(30_000), TakeoverStep::Restore);
        assert_eq!(takeover.on_restored(Some(record(7, false))), TakeoverStep::CommitEpoch(Epoch(8)));
        assert_eq!(takeover.on_epoch_committed(30_500), TakeoverStep::WaitUntil(31_000));
    }

    #[test]
    #[should_panic(expected = "a takeover is told what it waits for")]
    fn fact_out_of_order_is_a_broken_invariant() {
        let (mut takeover, _) = Takeover::begin();
        takeover.on_rebuilt();
    }
}
