//! The inbox in memory.

use crate::embedded::inbox::{InboxAnswer, InboxEntry, InboxEvent, Sending};
use crate::embedded::settings::StoreSettings;
use std::collections::{BTreeMap, HashMap, VecDeque};

/// Events that no checkpoint has consumed, and the idempotency keys used lately.
pub(super) struct MemoryInbox {
    settings: StoreSettings,
    consumed_to: u64,
    bytes: u64,
    events: VecDeque<InboxEvent>,
    sendings: HashMap<Vec<u8>, Sending>,
    expiries: BTreeMap<(u64, u64), Vec<u8>>,
}

impl MemoryInbox {
    pub(super) fn new(settings: StoreSettings) -> Self {
        Self {
            settings,
            consumed_to: 0,
            bytes: 0,
            events: VecDeque::new(),
            sendings: HashMap::new(),
            expiries: BTreeMap::new(),
        }
    }

    pub(super) fn append(&mut self, mut event: InboxEvent) -> InboxAnswer {
        self.forget_expired(event.received_at_ms);
        let id = event.idempotency_key.take();
        if let Some(sending) = id.as_ref().and_then(|id| self.sendings.get(id)) {
            return sending.answer_to(&event);
        }
        let is_full = self.events.len() as u64 >= self.settings.inbox_events_max
            || self.bytes + size_of(&event) > self.settings.inbox_bytes_max;
        if is_full {
            return InboxAnswer::Full;
        }
        let number = self.consumed_to + self.events.len() as u64;
        if let Some(id) = id {
            let expires_ms = event.received_at_ms.saturating_add(self.settings.inbox_idempotency_ms);
            self.sendings.insert(id.clone(), Sending { number, payload: event.payload_digest() });
            self.expiries.insert((expires_ms, number), id);
        }
        self.bytes += size_of(&event);
        self.events.push_back(event);
        InboxAnswer::Taken(number)
    }

    pub(super) fn scan(&self, from: u64, limit: usize) -> Vec<InboxEntry> {
        let skipped = from.saturating_sub(self.consumed_to) as usize;
        let numbered = (self.consumed_to..).zip(&self.events).skip(skipped).take(limit);
        numbered.map(|(number, event)| InboxEntry { number, event: event.clone() }).collect()
    }

    pub(super) fn consume(&mut self, to: u64) {
        while self.consumed_to < to
            && let Some(event) = self.events.pop_front()
        {
            self.bytes -= size_of(&event);
            self.consumed_to += 1;
        }
    }

    fn forget_expired(&mut self, now_ms: u64) {
        while let Some(first) = self.expiries.first_entry()
            && first.key().0 <= now_ms
        {
            let id = first.remove();
            self.sendings.remove(&id);
        }
    }
}

fn size_of(event: &InboxEvent) -> u64 {
    (event.payload.len() + event.key.as_bytes().len()) as u64
}
