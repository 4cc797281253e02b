//! How fast what a checkpoint completed is pruned.

use std::time::Duration;
use tokio::time::Instant;

/// The share of the time between two checkpoints in which all is pruned that the first completed.
const SHARE: f64 = 0.5;

/// Spreads pruning over time: the tombstones of thousands of states at once would make the next puts wait behind them.
#[derive(Debug)]
pub(super) struct Pace {
    since: Instant,
    over: Duration,
    total: usize,
    done: usize,
}

impl Pace {
    /// Keys that a checkpoint completed, where one is taken in each interval.
    pub(super) fn new(total: usize, interval: Duration, since: Instant) -> Self {
        Self { since, over: interval.mul_f64(SHARE), total, done: 0 }
    }

    /// So many keys are to be pruned now.
    pub(super) fn due(&mut self, now: Instant) -> usize {
        let passed = now.duration_since(self.since);
        let target = match passed < self.over {
            true => (self.total as f64 * passed.div_duration_f64(self.over)) as usize,
            false => self.total,
        };
        let due = target - self.done;
        self.done = target;
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_checkpoint_completed_is_pruned_in_the_first_half_of_the_time_to_the_next() {
        let (since, interval) = (Instant::now(), Duration::from_millis(100));
        let mut pace = Pace::new(1000, interval, since);
        let due: Vec<usize> = [0, 10, 10, 35, 49, 60].map(|ms| pace.due(since + Duration::from_millis(ms))).to_vec();
        assert_eq!(due, [0, 200, 0, 500, 280, 20]);
        assert_eq!(Pace::new(7, Duration::ZERO, since).due(since), 7, "without a time all at once");
    }
}
