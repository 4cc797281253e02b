//! The rule of the example, without its surroundings: when is a region in a swarm?

use serde::{Deserialize, Serialize};

/// How long a quake counts, and how long a region that was paged is left in peace.
pub const WINDOW_MS: u64 = 24 * 3_600_000;
/// So many quakes within the window are a swarm.
pub const SWARM_QUAKES: usize = 3;
/// Weaker quakes are always there and do not count.
pub const MAGNITUDE_MIN: f64 = 1.0;

/// Times of a region's last quakes, `SWARM_QUAKES` at most, in milliseconds since 1970.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recent(pub Vec<u64>);

impl Recent {
    /// Counts a quake: how many there were within the window, `SWARM_QUAKES` at most; none if it is too weak to count.
    pub fn on_quake(&mut self, time: u64, magnitude: Option<f64>) -> Option<usize> {
        if magnitude.is_none_or(|magnitude| magnitude < MAGNITUDE_MIN) {
            return None;
        }
        self.0.retain(|earlier| time - earlier.min(&time) < WINDOW_MS);
        self.0.push(time);
        // More than the last few say nothing more: what is remembered stays small, however long a swarm lasts.
        self.0.drain(..self.0.len().saturating_sub(SWARM_QUAKES));
        Some(self.0.len())
    }
}

/// When somebody was last told of a region's swarm.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told(pub Option<u64>);

impl Told {
    /// The rate of a region is known: whether it makes a swarm of which nobody has been told.
    pub fn on_count(&mut self, time: u64, quakes: usize) -> bool {
        let is_told = self.0.is_some_and(|told_at| time - told_at.min(time) < WINDOW_MS);
        let is_swarm = quakes >= SWARM_QUAKES && !is_told;
        if is_swarm {
            self.0 = Some(time);
        }
        is_swarm
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_MS: u64 = 3_600_000;

    #[derive(Default)]
    struct Region(Recent, Told);

    impl Region {
        fn on_quake(&mut self, time: u64, magnitude: Option<f64>) -> bool {
            self.0.on_quake(time, magnitude).is_some_and(|quakes| self.1.on_count(time, quakes))
        }
    }

    #[test]
    fn third_quake_of_a_day_makes_a_swarm_and_the_fourth_is_no_news() {
        let mut region = Region::default();
        let told: Vec<bool> = (0..5).map(|hour| region.on_quake(hour * HOUR_MS, Some(2.0))).collect();
        assert_eq!(told, [false, false, true, false, false]);
    }

    #[test]
    fn swarm_that_goes_on_is_told_again_after_a_day() {
        let mut region = Region::default();
        let told = (0..72).filter(|hour| region.on_quake(hour * HOUR_MS, Some(2.0))).collect::<Vec<_>>();
        assert_eq!(told, [2, 26, 50]);
    }

    #[test]
    fn quakes_far_apart_or_weak_make_no_swarm() {
        let mut region = Region::default();
        assert!((0..20).all(|number| !region.on_quake(number * 13 * HOUR_MS, Some(5.0))));
        assert!((0..20).all(|number| !region.on_quake(number, Some(0.9))));
        assert!((0..20).all(|number| !region.on_quake(number, None)));
    }

    #[test]
    fn quake_that_comes_late_does_no_harm() {
        let mut region = Region::default();
        region.on_quake(50 * HOUR_MS, Some(2.0));
        assert!(!region.on_quake(HOUR_MS, Some(2.0)));
    }
}
