//! The states of one key, sorted by name.

use crate::action_state::{ActionState, RecordKind, Writer, decode_kind};
use crate::event::SequenceNumber;
use crate::id::{ActionId, EventId};
use crate::store::log::RecordPlace;
use smallvec::SmallVec;
use std::collections::VecDeque;
use std::collections::vec_deque::Iter;
use std::ops::Range;
use std::sync::Arc;

/// Names a state among those of its key.
pub(super) type Inner = (SequenceNumber, EventId, ActionId);

/// One record of a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) kind: RecordKind,
    pub(super) writer: Option<Writer>,
    pub(super) place: RecordPlace,
}

/// Records of one state. Most states have one, which lies in place.
pub(super) type Records = SmallVec<[Record; 1]>;

/// What is kept of a state.
#[derive(Clone, Debug)]
pub(super) enum Kept {
    /// All of it.
    Whole(Arc<ActionState>),
    /// Its own record, shared with the log: it completed, and is applied.
    Record(Arc<[u8]>),
}

/// A state with all its records, the oldest first.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) kept: Kept,
    pub(super) records: Records,
    /// Whether a task of this process asked for it.
    pub(super) asked: bool,
    /// Whether its pending calls hold times of the clock of another host.
    pub(super) has_foreign_times: bool,
}

impl Entry {
    /// A state without records.
    pub(super) fn new(kept: Kept, asked: bool) -> Self {
        Self { kept, records: Records::new(), asked, has_foreign_times: false }
    }

    /// The state, where all of it is kept.
    pub(super) fn whole(&self) -> Option<&Arc<ActionState>> {
        match &self.kept {
            Kept::Whole(state) => Some(state),
            Kept::Record(_) => None,
        }
    }

    /// The state.
    pub(super) fn state(&self) -> Arc<ActionState> {
        match &self.kept {
            Kept::Whole(state) => state.clone(),
            Kept::Record(value) => read(value),
        }
    }

    /// The state, from now on kept whole.
    pub(super) fn state_mut(&mut self) -> &mut Arc<ActionState> {
        if let Kept::Record(value) = &self.kept {
            self.kept = Kept::Whole(read(value));
        }
        match &mut self.kept {
            Kept::Whole(state) => state,
            Kept::Record(_) => unreachable!("it was just read"),
        }
    }

    /// Sorts states by the age of their first record, the oldest first: what is not acknowledged comes last.
    pub(super) fn age(&self) -> (bool, u64) {
        match self.records.first().map(|record| record.place) {
            Some(RecordPlace::At(position)) => (false, position.0),
            Some(RecordPlace::Unacknowledged(ticket)) => (true, ticket.0),
            None => (true, u64::MAX),
        }
    }
}

fn read(value: &[u8]) -> Arc<ActionState> {
    Arc::new(decode_kind(RecordKind::State, value).expect("this process wrote the record"))
}

impl From<ActionState> for Kept {
    fn from(state: ActionState) -> Self {
        Self::Whole(Arc::new(state))
    }
}

/// The states of one key. Most keys have one or two, so they lie in a row; new ones come at its end and pruned ones leave
/// at its front.
#[derive(Clone, Debug, Default)]
pub(super) struct States(VecDeque<(Inner, Box<Entry>)>);

impl States {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Inner, &Entry)> {
        self.0.iter().map(|(name, entry)| (name, &**entry))
    }

    pub(super) fn get(&self, name: &Inner) -> Option<&Entry> {
        let at = self.find(name).ok()?;
        Some(&self.0[at].1)
    }

    pub(super) fn get_mut(&mut self, name: &Inner) -> Option<&mut Entry> {
        let at = self.find(name).ok()?;
        Some(&mut self.0[at].1)
    }

    pub(super) fn get_or_insert_with(&mut self, name: Inner, entry: impl FnOnce() -> Entry) -> &mut Entry {
        let at = match self.find(&name) {
            Ok(at) => at,
            Err(at) => {
                if self.0.is_empty() {
                    self.0.reserve_exact(1);
                }
                self.0.insert(at, (name, Box::new(entry())));
                at
            }
        };
        &mut self.0[at].1
    }

    pub(super) fn remove(&mut self, name: &Inner) -> Option<Entry> {
        let at = self.find(name).ok()?;
        self.0.remove(at).map(|(_, entry)| *entry)
    }

    /// Takes the states below a sequence number away.
    pub(super) fn take_below(&mut self, below: SequenceNumber) -> Vec<(Inner, Box<Entry>)> {
        let end = self.0.partition_point(|(name, _)| name.0 < below);
        let taken = self.0.drain(..end).collect();
        if self.0.capacity() > 4 * self.0.len() + 16 {
            self.0.shrink_to_fit();
        }
        taken
    }

    /// The states of one run.
    pub(super) fn of_run(&self, run: SequenceNumber) -> Iter<'_, (Inner, Box<Entry>)> {
        self.0.range(self.range_of(run))
    }

    fn range_of(&self, run: SequenceNumber) -> Range<usize> {
        let from = self.0.partition_point(|(name, _)| name.0 < run);
        let to = self.0.partition_point(|(name, _)| name.0 <= run);
        from..to
    }

    fn find(&self, name: &Inner) -> Result<usize, usize> {
        // What is asked for is most often the newest.
        match self.0.back() {
            Some((last, _)) if last < name => Err(self.0.len()),
            Some((last, _)) if last == name => Ok(self.0.len() - 1),
            _ => self.0.binary_search_by(|(found, _)| found.cmp(name)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // [S24]
    #[test]
    fn the_room_of_pruned_states_is_given_back_when_less_than_a_quarter_is_in_use_and_not_before() {
        let mut states = States::default();
        for number in 0..1_000 {
            let name = (SequenceNumber(number), EventId([0; 16]), ActionId::of_name("a"));
            states.get_or_insert_with(name, || Entry::new(Kept::Record(Arc::from([])), true));
        }
        let room = states.0.capacity();
        assert_eq!(states.take_below(SequenceNumber(700)).len(), 700);
        assert_eq!(states.0.capacity(), room, "as long as much of it is in use, nothing is moved");
        for (below, room_max) in [(900, 500), (999, 50)] {
            states.take_below(SequenceNumber(below));
            let room = states.0.capacity();
            assert!(room <= room_max, "room for {room} states, and {} are left", states.len());
        }
        assert_eq!(states.iter().map(|(name, _)| name.0).collect::<Vec<_>>(), [SequenceNumber(999)]);
    }
}
