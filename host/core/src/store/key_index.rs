//! Where the states of a key are: found by the key, or by a place that stays as long as the key is known.

use super::log::Ticket;
use super::states::States;
use crate::key::Key;
use hashbrown::HashMap;
use slab::Slab;

/// What is known of one key.
#[derive(Clone, Debug)]
pub(super) struct StatesOfKey {
    pub(super) key: Key,
    pub(super) states: States,
    /// The last append of this key.
    pub(super) last_ticket: Option<Ticket>,
}

impl StatesOfKey {
    /// Whether nothing is left to be known of the key.
    pub(super) fn is_done(&self, first_unacknowledged: Ticket) -> bool {
        self.states.is_empty() && self.last_ticket.is_none_or(|last| last < first_unacknowledged)
    }
}

/// The place of a key, from its first append until it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KeySlot(usize);

/// The keys of a store. What is asked for is most often the key that was asked for last.
#[derive(Clone, Debug, Default)]
pub(super) struct KeyIndex {
    slots: Slab<StatesOfKey>,
    by_key: HashMap<Key, usize>,
    recent: Option<usize>,
}

impl KeyIndex {
    pub(super) fn get(&self, key: &Key) -> Option<&StatesOfKey> {
        Some(&self.slots[self.find(key)?])
    }

    pub(super) fn get_mut(&mut self, key: &Key) -> Option<&mut StatesOfKey> {
        let slot = self.find(key)?;
        self.recent = Some(slot);
        Some(&mut self.slots[slot])
    }

    /// The key's place, and what is known of it: nothing, where it was not known.
    pub(super) fn get_or_insert(&mut self, key: &Key) -> (KeySlot, &mut StatesOfKey) {
        let slot = self.find(key).unwrap_or_else(|| {
            let slot =
                self.slots.insert(StatesOfKey { key: key.clone(), states: States::default(), last_ticket: None });
            self.by_key.insert(key.clone(), slot);
            slot
        });
        self.recent = Some(slot);
        (KeySlot(slot), &mut self.slots[slot])
    }

    pub(super) fn at(&mut self, slot: KeySlot) -> &mut StatesOfKey {
        &mut self.slots[slot.0]
    }

    pub(super) fn remove(&mut self, slot: KeySlot) {
        let removed = self.slots.remove(slot.0);
        self.by_key.remove(&removed.key);
        self.recent = None;
    }

    pub(super) fn slot_of(&self, key: &Key) -> Option<KeySlot> {
        self.find(key).map(KeySlot)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &StatesOfKey> {
        self.slots.iter().map(|(_, of_key)| of_key)
    }

    fn find(&self, key: &Key) -> Option<usize> {
        match self.recent {
            Some(slot) if self.slots[slot].key == *key => Some(slot),
            _ => self.by_key.get(key).copied(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_that_another_key_took_is_not_found_by_the_key_that_left_it() {
        let mut index = KeyIndex::default();
        let (a, b, c) = (Key::from("a"), Key::from("b"), Key::from("c"));
        let (place, _) = index.get_or_insert(&a);
        index.get_or_insert(&b).1.last_ticket = Some(Ticket(7));
        assert_eq!(index.get_or_insert(&a).0, place);
        index.remove(place);
        assert!(index.get(&a).is_none() && index.get_mut(&a).is_none());
        assert_eq!(index.get_or_insert(&c).0, place, "its room is used again");
        assert!(index.slot_of(&a).is_none() && index.at(place).key == c);
        assert_eq!(index.get(&b).unwrap().last_ticket, Some(Ticket(7)));
        assert_eq!(index.iter().count(), 2);
    }
}
