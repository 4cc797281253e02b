//! Requests that wait until what was put before them is durable [S33].

use std::collections::BTreeMap;
use tokio::sync::oneshot;
use weir_component::DoorClosed;
use weir_core::event::PartitionId;
use weir_core::store::log::Ticket;

/// Whoever waits at a door is told that it is open, or closed for good.
pub(super) type DoorReply = oneshot::Sender<Result<(), DoorClosed>>;

/// Who waits at the doors of one shard. At most one for each invocation that runs, and one for each repair.
#[derive(Debug, Default)]
pub(super) struct Doors {
    waiting: BTreeMap<(PartitionId, Ticket), Vec<DoorReply>>,
}

impl Doors {
    /// Someone waits for an append.
    pub(super) fn wait(&mut self, partition: PartitionId, ticket: Ticket, reply: DoorReply) {
        self.waiting.entry((partition, ticket)).or_default().push(reply);
    }

    /// Whether someone waits.
    pub(super) fn is_anyone_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// All appends of a partition before this one are durable: who waits for them may go.
    pub(super) fn open(&mut self, partition: PartitionId, first_unacknowledged: Ticket) {
        let from = (partition, Ticket(0));
        while let Some((&at, _)) = self.waiting.range(from..(partition, first_unacknowledged)).next() {
            for reply in self.waiting.remove(&at).unwrap_or_default() {
                let _ = reply.send(Ok(()));
            }
        }
    }

    /// No request of a partition may leave any more.
    pub(super) fn close(&mut self, partition: PartitionId) {
        let of_partition = (partition, Ticket(0))..=(partition, Ticket(u64::MAX));
        for (_, replies) in self.waiting.extract_if(of_partition, |_, _| true) {
            for reply in replies {
                let _ = reply.send(Err(DoorClosed));
            }
        }
    }
}
