//! Fences in the action-state log: where each owner epoch began.

use super::Epoch;
use crate::store::log::Position;
use std::collections::VecDeque;

/// The version of a fence's value.
pub const FENCE_VERSION: u32 = 1;

const PREFIX: &[u8] = b"fence@";

/// Names the fence of an epoch: `fence@7`. Each has a name of its own, so that a late one takes no other's place; no
/// record of a state is named so, for it would end with a UUID before the `@`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FenceKey(pub Epoch);

impl FenceKey {
    /// The name as bytes.
    pub fn to_bytes(self) -> Vec<u8> {
        [PREFIX, self.0.to_string().as_bytes()].concat()
    }

    /// The fence that these bytes name; none where they name something else.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let digits = std::str::from_utf8(bytes.strip_prefix(PREFIX)?).ok()?;
        let epoch: u32 = digits.parse().ok()?;
        (digits == epoch.to_string()).then_some(Self(Epoch(epoch)))
    }

    /// The value of its record.
    pub fn value(self) -> Vec<u8> {
        format!("{{\"version\":{FENCE_VERSION},\"epoch\":{}}}", self.0).into_bytes()
    }
}

/// The fences of one partition as far as they matter: the highest one before the recovery marker, and those behind it.
///
/// *Invariant:* positions and epochs grow together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fences {
    /// The epoch of what stands before the first fence below.
    floor: Epoch,
    standing: VecDeque<(Position, Epoch)>,
}

impl Fences {
    /// What a checkpoint says: the epoch of the last fence before its marker.
    pub fn from_floor(floor: Epoch) -> Self {
        Self { floor, standing: VecDeque::new() }
    }

    /// The highest epoch that has begun: what a lower one writes behind here is late.
    pub fn epoch(&self) -> Epoch {
        self.standing.back().map_or(self.floor, |(_, epoch)| *epoch)
    }

    /// A fence stands there; whether it counts. One of an epoch that is not the highest is late itself.
    pub fn on_fence(&mut self, position: Position, epoch: Epoch) -> bool {
        if epoch <= self.epoch() {
            return false;
        }
        assert!(self.standing.back().is_none_or(|(last, _)| *last < position), "fences are met in their order");
        self.standing.push_back((position, epoch));
        true
    }

    /// The epoch of the last fence before a position: what a checkpoint with that marker says.
    pub fn floor_at(&self, marker: Position) -> Epoch {
        let before = self.standing.iter().rev().find(|(position, _)| *position < marker);
        before.map_or(self.floor, |(_, epoch)| *epoch)
    }

    /// The first fence that has no tombstone: a rebuild starts there at the latest, so that it writes the tombstone if a
    /// crash has left it unwritten.
    pub fn first_standing(&self) -> Option<Position> {
        self.standing.front().map(|(position, _)| *position)
    }

    /// A durable checkpoint says the epoch of a fence behind these, or of the last of them: they get tombstones.
    pub fn take_passed(&mut self, marker: Position) -> Vec<Epoch> {
        let mut passed = Vec::new();
        while let Some((position, epoch)) = self.standing.front().copied()
            && position < marker
        {
            self.standing.pop_front();
            self.floor = epoch;
            passed.push(epoch);
        }
        passed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // [S32]
    #[test]
    fn name_of_a_fence_parses_back_and_is_no_record() {
        let key = FenceKey(Epoch(7));
        assert_eq!(key.to_bytes(), b"fence@7");
        assert_eq!(FenceKey::parse(b"fence@7"), Some(key));
        for other in [&b"fence@"[..], b"fence@07", b"fence@x", b"fence", b"fence@4294967296"] {
            assert_eq!(FenceKey::parse(other), None);
        }
        assert!(crate::action_state::RecordKey::parse(&key.to_bytes()).is_err());
        assert_eq!(key.value(), br#"{"version":1,"epoch":7}"#);
    }

    // [S32]
    #[test]
    fn fence_of_a_lower_epoch_is_late() {
        let mut fences = Fences::from_floor(Epoch(2));
        assert!(!fences.on_fence(Position(5), Epoch(2)));
        assert!(fences.on_fence(Position(6), Epoch(4)));
        assert!(!fences.on_fence(Position(7), Epoch(3)));
        assert_eq!(fences.epoch(), Epoch(4));
    }

    // [S32]
    #[test]
    fn floor_is_that_of_the_last_fence_before_the_marker() {
        let mut fences = Fences::from_floor(Epoch(2));
        fences.on_fence(Position(6), Epoch(4));
        fences.on_fence(Position(9), Epoch(5));
        assert_eq!(fences.floor_at(Position(6)), Epoch(2), "a fence at the marker is read again");
        assert_eq!(fences.floor_at(Position(7)), Epoch(4));
        assert_eq!(fences.floor_at(Position(20)), Epoch(5));
        assert_eq!(fences.take_passed(Position(6)), []);
        assert_eq!(fences.first_standing(), Some(Position(6)));
        assert_eq!(fences.take_passed(Position(9)), [Epoch(4)]);
        assert_eq!(fences.first_standing(), Some(Position(9)));
        assert_eq!(fences.floor_at(Position(9)), Epoch(4));
        assert_eq!(fences.epoch(), Epoch(5));
    }
}
