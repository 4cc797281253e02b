//! What a shard is to do at a time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use weir_core::event::PartitionId;
use weir_core::key::Key;

/// Retries that are due at a time, milliseconds since 1970 UTC. At most one for each running key.
#[derive(Debug, Default)]
pub(super) struct Timers {
    heap: BinaryHeap<Reverse<(u64, PartitionId, Key)>>,
}

impl Timers {
    pub(super) fn set(&mut self, at_ms: u64, partition: PartitionId, key: Key) {
        self.heap.push(Reverse((at_ms, partition, key)));
    }

    /// A partition left: when it comes back, its retries may be due at other times.
    #[cfg(any(feature = "kafka", test))]
    pub(super) fn forget(&mut self, partition: PartitionId) {
        self.heap.retain(|Reverse((_, of, _))| *of != partition);
    }

    /// When the first is due.
    pub(super) fn next_ms(&self) -> Option<u64> {
        self.heap.peek().map(|Reverse((at_ms, ..))| *at_ms)
    }

    /// The first that is due.
    pub(super) fn pop_due(&mut self, now_ms: u64) -> Option<(PartitionId, Key)> {
        if self.next_ms()? > now_ms {
            return None;
        }
        self.heap.pop().map(|Reverse((_, partition, key))| (partition, key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // [S28] [S30]
    #[test]
    fn retries_of_a_partition_that_left_are_not_due_any_more() {
        let mut timers = Timers::default();
        timers.set(5, PartitionId(1), Key::from("a"));
        timers.set(9, PartitionId(2), Key::from("b"));
        timers.forget(PartitionId(1));
        assert_eq!((timers.next_ms(), timers.pop_due(8)), (Some(9), None));
        assert_eq!(timers.pop_due(9), Some((PartitionId(2), Key::from("b"))));
    }
}
