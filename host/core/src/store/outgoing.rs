//! What goes to the log and is not acknowledged yet.

use super::key_index::KeySlot;
use super::log::{Append, AppendKind, LogKey, RecordPlace, RecordPlaces, Ticket};
use super::states::{Inner, Record};
use crate::action_state::{RecordKey, RecordKind, StateKey, Writer};
use crate::event::PartitionId;
use crate::ownership::{Epoch, FenceKey};
use std::collections::VecDeque;
use std::sync::Arc;

/// The appends of one partition: those that wait to be handed to the log, and those that wait for their acknowledgement.
///
/// *Invariant:* tickets are given, and acknowledged, in their order and without gaps [S26].
#[derive(Clone, Debug)]
pub(super) struct Outgoing {
    partition: PartitionId,
    /// Of a partition that moves between hosts: the epoch that names its records.
    epoch: Option<Epoch>,
    pub(super) appends: Vec<Append>,
    unacknowledged: VecDeque<Unacknowledged>,
    next_ticket: u64,
}

/// An append whose acknowledgement is to come.
#[derive(Clone, Copy, Debug)]
pub(super) enum Unacknowledged {
    /// A record of a key's state.
    Record(KeySlot, Inner),
    /// A tombstone of a key's record.
    Tombstone(KeySlot),
    /// A tombstone of a fence.
    Fence,
}

impl Outgoing {
    pub(super) fn new(partition: PartitionId, epoch: Option<Epoch>) -> Self {
        Self { partition, epoch, appends: Vec::new(), unacknowledged: VecDeque::new(), next_ticket: 0 }
    }

    /// Appends a record. `slot` and `last_ticket` are those of its key.
    pub(super) fn append(
        &mut self,
        state: &StateKey,
        kind: RecordKind,
        value: impl Into<Arc<[u8]>>,
        slot: KeySlot,
        last_ticket: &mut Option<Ticket>,
    ) -> Record {
        let writer = self.epoch.map(|epoch| Writer { epoch, ordinal: self.next_ticket });
        let key = RecordKey { state: state.clone(), kind, writer };
        let waiting = Unacknowledged::Record(slot, super::inner(state));
        let ticket = self.push(waiting, LogKey::Record(key), AppendKind::Record(value.into()), last_ticket);
        Record { kind, writer, place: RecordPlace::Unacknowledged(ticket) }
    }

    /// Appends a tombstone for the records of this name, which stand at these places.
    pub(super) fn append_tombstone(
        &mut self,
        record: RecordKey,
        places: RecordPlaces,
        slot: KeySlot,
        last_ticket: &mut Option<Ticket>,
    ) {
        let what = AppendKind::Tombstone(places);
        self.push(Unacknowledged::Tombstone(slot), LogKey::Record(record), what, last_ticket);
    }

    /// Appends a tombstone for a fence.
    pub(super) fn append_fence_tombstone(&mut self, epoch: Epoch) {
        let fence = LogKey::Fence(FenceKey(epoch));
        self.push(Unacknowledged::Fence, fence, AppendKind::Tombstone(RecordPlaces::default()), &mut None);
    }

    fn push(
        &mut self,
        waiting: Unacknowledged,
        key: LogKey,
        what: AppendKind,
        last_ticket: &mut Option<Ticket>,
    ) -> Ticket {
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        self.unacknowledged.push_back(waiting);
        *last_ticket = Some(ticket);
        self.appends.push(Append { partition: self.partition, ticket, key, what });
        ticket
    }

    /// The next append is acknowledged.
    pub(super) fn on_acknowledged(&mut self, ticket: Ticket) -> Unacknowledged {
        let first = self.first_unacknowledged();
        assert_eq!(ticket, first, "a gap in the acknowledgements of partition {}", self.partition);
        self.unacknowledged.pop_front().expect("an append was acknowledged that was never made")
    }

    /// The first append that is not acknowledged, or will be made.
    pub(super) fn first_unacknowledged(&self) -> Ticket {
        Ticket(self.next_ticket - self.unacknowledged.len() as u64)
    }

    /// The last append that is not acknowledged.
    pub(super) fn last_unacknowledged(&self) -> Option<Ticket> {
        (!self.unacknowledged.is_empty()).then(|| Ticket(self.next_ticket - 1))
    }
}
