//! What waits for its turn.

use crate::event::InputEvent;
use std::collections::VecDeque;
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

/// The pending input events of one key, and what they take.
#[derive(Debug, Default)]
pub(super) struct PendingEvents {
    events: VecDeque<InputEvent>,
    size: Waiting,
}

impl PendingEvents {
    pub(super) fn push(&mut self, input: InputEvent) {
        self.size += Waiting::of([&input]);
        self.events.push_back(input);
    }

    pub(super) fn pop(&mut self) -> Option<InputEvent> {
        let input = self.events.pop_front()?;
        self.size -= Waiting::of([&input]);
        Some(input)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &InputEvent> {
        self.events.iter()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.events.len()
    }

    /// How many they are, and what they take.
    pub(super) fn size(&self) -> Waiting {
        self.size
    }
}

impl FromIterator<InputEvent> for PendingEvents {
    fn from_iter<T: IntoIterator<Item = InputEvent>>(events: T) -> Self {
        let events: VecDeque<InputEvent> = events.into_iter().collect();
        Self { size: Waiting::of(&events), events }
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
