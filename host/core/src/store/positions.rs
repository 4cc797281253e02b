//! The positions of all records that are still needed: where the recovery marker comes from.

use super::log::Position;
use std::collections::VecDeque;

/// Positions in their order, each live until it is forgotten. Operations take constant time where the log numbers its
/// records without gaps, logarithmic time otherwise.
#[derive(Clone, Debug, Default)]
pub(super) struct LivePositions {
    /// Position, and whether it is live. The front is live, unless all is empty.
    positions: VecDeque<(Position, bool)>,
}

impl LivePositions {
    /// A record was appended there; positions come in their order.
    pub(super) fn add(&mut self, position: Position) {
        if let Some((last, _)) = self.positions.back() {
            assert!(*last < position, "positions of a log grow: {last:?} before {position:?}");
        }
        self.positions.push_back((position, true));
    }

    /// The record there is no longer needed.
    pub(super) fn forget(&mut self, position: Position) {
        let at = self.find(position).expect("a position is forgotten once");
        self.positions[at].1 = false;
        while self.positions.front().is_some_and(|(_, live)| !live) {
            self.positions.pop_front();
        }
    }

    /// The oldest live position.
    pub(super) fn oldest(&self) -> Option<Position> {
        self.positions.front().map(|(position, _)| *position)
    }

    fn find(&self, position: Position) -> Option<usize> {
        let first = self.positions.front()?.0;
        let if_without_gaps = position.0.checked_sub(first.0)? as usize;
        match self.positions.get(if_without_gaps) {
            Some((found, _)) if *found == position => Some(if_without_gaps),
            _ => self.positions.binary_search_by_key(&position, |(position, _)| *position).ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // [S23]: a log of Kafka has gaps where transactions end.
    #[test]
    fn in_a_log_with_gaps_the_record_that_is_forgotten_is_the_one_named() {
        let mut live = LivePositions::default();
        for position in [0, 2, 3, 5] {
            live.add(Position(position));
        }
        live.forget(Position(2));
        assert_eq!(live.oldest(), Some(Position(0)));
        live.forget(Position(0));
        assert_eq!(live.oldest(), Some(Position(3)));
        live.forget(Position(5));
        live.forget(Position(3));
        assert_eq!(live.oldest(), None);
    }
}
