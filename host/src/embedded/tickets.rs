//! Which appends await their acknowledgement, and where they stand.

use std::collections::VecDeque;
use weir_core::event::PartitionId;
use weir_core::store::log::{Acknowledged, Position, RecordPlace, Ticket};

/// How far a log had been appended when a sync was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AppendMark(u64);

/// The appends of one log that are not acknowledged, in order.
///
/// *Invariant:* a ticket's position is known until the acknowledgements after its own are taken, so that a tombstone
/// decided just before its acknowledgement was seen still finds its record.
#[derive(Debug, Default)]
pub(super) struct Tickets {
    appended: u64,
    acknowledged: u64,
    waiting: VecDeque<Acknowledged>,
    just_acknowledged: Vec<Acknowledged>,
    partitions: Vec<TicketPositions>,
}

#[derive(Debug, Default)]
struct TicketPositions {
    first: u64,
    positions: VecDeque<Position>,
}

impl Tickets {
    /// Notes an append.
    pub(super) fn push(&mut self, partition: PartitionId, ticket: Ticket, position: Position) {
        let index = partition.0 as usize;
        if self.partitions.len() <= index {
            self.partitions.resize_with(index + 1, TicketPositions::default);
        }
        let of_partition = &mut self.partitions[index];
        if of_partition.positions.is_empty() {
            of_partition.first = ticket.0;
        }
        let expected = of_partition.first + of_partition.positions.len() as u64;
        assert_eq!(ticket.0, expected, "tickets of partition {partition} have no gaps");
        of_partition.positions.push_back(position);
        self.waiting.push_back(Acknowledged { partition, ticket, position });
        self.appended += 1;
    }

    /// Where a record stands that a tombstone names.
    pub(super) fn position_of(&self, partition: PartitionId, place: RecordPlace) -> Position {
        let ticket = match place {
            RecordPlace::At(position) => return position,
            RecordPlace::Unacknowledged(ticket) => ticket,
        };
        self.partitions
            .get(partition.0 as usize)
            .and_then(|of_partition| {
                let index = ticket.0.checked_sub(of_partition.first)?;
                of_partition.positions.get(index as usize).copied()
            })
            .unwrap_or_else(|| panic!("tombstone of partition {partition} names ticket {}, never given", ticket.0))
    }

    /// Up to here it is appended.
    pub(super) fn mark(&self) -> AppendMark {
        AppendMark(self.appended)
    }

    /// Takes as acknowledged what was appended up to the mark.
    pub(super) fn acknowledge(&mut self, mark: AppendMark) -> Vec<Acknowledged> {
        for acknowledged in self.just_acknowledged.drain(..) {
            let of_partition = &mut self.partitions[acknowledged.partition.0 as usize];
            of_partition.positions.pop_front();
            of_partition.first += 1;
        }
        let count = mark.0.saturating_sub(self.acknowledged) as usize;
        self.acknowledged = self.acknowledged.max(mark.0);
        let acknowledged: Vec<Acknowledged> = self.waiting.drain(..count).collect();
        self.just_acknowledged.extend_from_slice(&acknowledged);
        acknowledged
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acknowledgements_stop_at_the_mark_and_places_outlive_them() {
        let mut tickets = Tickets::default();
        let partition = PartitionId(3);
        for number in 5..8 {
            tickets.push(partition, Ticket(number), Position(number * 10));
        }
        let mark = tickets.mark();
        tickets.push(partition, Ticket(8), Position(80));
        let acknowledged = tickets.acknowledge(mark);
        assert_eq!(acknowledged.iter().map(|item| item.ticket.0).collect::<Vec<_>>(), [5, 6, 7]);
        assert_eq!(tickets.position_of(partition, RecordPlace::Unacknowledged(Ticket(6))), Position(60));
        assert_eq!(tickets.acknowledge(mark), []);
        assert_eq!(tickets.acknowledge(tickets.mark()).len(), 1);
        assert_eq!(tickets.position_of(partition, RecordPlace::Unacknowledged(Ticket(8))), Position(80));
    }
}
