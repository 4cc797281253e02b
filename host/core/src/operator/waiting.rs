//! What waits for its turn.

use crate::event::InputEvent;
use std::iter::Sum;
use std::ops::{AddAssign, SubAssign};

/// Pending input events, and what they take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// How many.
    pub events: u64,
    /// About so much memory, bytes.
    pub bytes: u64,
}

impl Waiting {
    /// These.
    pub(super) fn of<'a>(events: impl IntoIterator<Item = &'a InputEvent>) -> Self {
        let one = |event: &InputEvent| Self { events: 1, bytes: event.size() as u64 };
        events.into_iter().map(one).sum()
    }
}

impl AddAssign for Waiting {
    fn add_assign(&mut self, more: Self) {
        *self = Self { events: self.events + more.events, bytes: self.bytes + more.bytes };
    }
}

impl SubAssign for Waiting {
    fn sub_assign(&mut self, less: Self) {
        *self = Self { events: self.events - less.events, bytes: self.bytes - less.bytes };
    }
}

impl Sum for Waiting {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        let mut sum = Self::default();
        all.for_each(|one| sum += one);
        sum
    }
}
