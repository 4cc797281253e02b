//! The rule of the example, without its surroundings: when is a region in a swarm?

use serde::{Deserialize, Serialize};

/// How long a quake counts, and how long a region that was paged is left in peace.
pub const WINDOW_MS: u64 = 24 * 3_600_000;
/// So many quakes within the window are a swarm.
pub const SWARM_QUAKES: usize = 3;
/// Weaker quakes are always there and do not count.
pub const MAGNITUDE_MIN: f64 = 1.0;

/// What is remembered of a region.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Region {
    /// Times of its last quakes, `SWARM_QUAKES` at most, in milliseconds since 1970.
    pub times: Vec<u64>,
    /// When it was last found in a swarm.
    pub swarm_at: Option<u64>,
}

impl Region {
    /// Counts a quake; whether it makes a swarm of which nobody has been told.
    pub fn on_quake(&mut self, time: u64, magnitude: Option<f64>) -> bool {
        if magnitude.is_none_or(|magnitude| magnitude < MAGNITUDE_MIN) {
            return false;
        }
        self.times.retain(|earlier| time - earlier.min(&time) < WINDOW_MS);
        self.times.push(time);
        // More than the last few say nothing more: what is remembered stays small, however long a swarm lasts.
        self.times.drain(..self.times.len().saturating_sub(SWARM_QUAKES));
        let is_told = self.swarm_at.is_some_and(|swarm_at| time - swarm_at.min(time) < WINDOW_MS);
        let is_swarm = self.times.len() >= SWARM_QUAKES && !is_told;
        if is_swarm {
            self.swarm_at = Some(time);
        }
        is_swarm
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_MS: u64 = 3_600_000;

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
