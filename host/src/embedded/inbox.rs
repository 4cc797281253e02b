//! The inbox: events that can't be read again at their source, kept until a checkpoint has consumed them [S1].
//!
//! Keyspace `inbox`: number (8 bytes, big endian) → event. Keyspace `inbox-ids`, so that a repeated idempotency key is
//! taken once: `0`, SHA-256 of the key → number, time of expiry, digest of the payload; and so that forgetting needs no
//! scan: `1`, time of expiry, number → that SHA-256. All numbers and times are 8 bytes, big endian.

use super::EmbeddedStore;
use super::checkpoint::CheckpointRecord;
use super::disk::{BEAT, Disk};
use super::error::StoreError;
use super::settings::StoreSettings;
use fjall::OwnedWriteBatch;
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard};
use weir_core::id::digest_of_bytes;
use weir_core::json;
use weir_core::key::Key;

/// Expired idempotency keys forgotten in one go.
const EXPIRED_MAX: usize = 1_000;

/// An event for the inbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InboxEvent {
    /// What it is partitioned by.
    pub key: Key,
    /// Its kind, where its sender names one.
    pub kind: Option<String>,
    /// Its payload, as it was sent.
    pub payload: Vec<u8>,
    /// Headers that go along.
    pub headers: Vec<(String, String)>,
    /// When it arrived, milliseconds since 1970 UTC.
    pub received_at_ms: u64,
    /// Names the sending: an event with a key that was used lately is not taken again.
    pub idempotency_key: Option<Vec<u8>>,
}

/// An event in the inbox, by its number. The idempotency key is not kept with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InboxEntry {
    /// Its place in the order of arrival.
    pub number: u64,
    /// The event.
    pub event: InboxEvent,
}

/// What becomes of an event. It may be told to the sender after the next sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InboxAnswer {
    /// Taken, with this number.
    Taken(u64),
    /// Taken earlier, with this number.
    Repeated(u64),
    /// Not taken: its idempotency key names the event with this number, whose payload is another.
    KeyUsed(u64),
    /// Not taken: too many events, or bytes of them, wait.
    Full,
}

impl InboxEvent {
    /// By what a repeated sending is known: two spellings of one JSON value are one payload.
    pub(super) fn payload_digest(&self) -> [u8; 32] {
        let mut canonical = String::new();
        match std::str::from_utf8(&self.payload).map(|text| json::canonical(text, &mut canonical)) {
            Ok(Ok(())) => digest_of_bytes(canonical.as_bytes()),
            _ => digest_of_bytes(&self.payload),
        }
    }
}

/// What an idempotency key names: an event, which may be consumed by now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sending {
    pub(super) number: u64,
    pub(super) payload: [u8; 32],
}

impl Sending {
    /// The answer to an event that comes with the same key.
    pub(super) fn answer_to(&self, event: &InboxEvent) -> InboxAnswer {
        match event.payload_digest() == self.payload {
            true => InboxAnswer::Repeated(self.number),
            false => InboxAnswer::KeyUsed(self.number),
        }
    }

    fn encode(&self, expires_ms: u64) -> Vec<u8> {
        [&self.number.to_be_bytes()[..], &expires_ms.to_be_bytes(), &self.payload].concat()
    }

    fn decode(disk: &Disk, bytes: &[u8]) -> Result<(Self, u64), StoreError> {
        let (numbers, payload) = bytes.split_at_checked(16).unwrap_or((bytes, &[]));
        let (number, expires_ms) = two_numbers(disk, numbers)?;
        let payload = payload.try_into();
        let payload = payload.map_err(|_| disk.poison.damaged("inbox has a malformed digest".to_owned()))?;
        Ok((Self { number, payload }, expires_ms))
    }
}

/// How far the inbox is written and how far it is durable: numbers of the events that come next.
#[derive(Debug, Default)]
pub(super) struct InboxEnd {
    appended: AtomicU64,
    durable: AtomicU64,
}

impl InboxEnd {
    pub(super) fn appended(&self) -> u64 {
        self.appended.load(SeqCst)
    }

    pub(super) fn set_durable(&self, number: u64) {
        self.durable.fetch_max(number, SeqCst);
    }
}

/// The inbox of a store: who writes holds the lock, who reads does not.
pub(super) struct Inbox {
    state: Mutex<InboxState>,
    end: Arc<InboxEnd>,
    settings: StoreSettings,
}

/// *Invariant:* `consumed_to + sizes.len() == next`; `bytes` is the sum of `sizes`.
struct InboxState {
    consumed_to: u64,
    sizes: VecDeque<u64>,
    bytes: u64,
    next: u64,
    /// No idempotency key expires earlier.
    next_expiry_ms: u64,
}

impl Inbox {
    /// The inbox as it stands in a store.
    pub(super) fn open(
        disk: &Disk,
        settings: &StoreSettings,
        record: Option<&CheckpointRecord>,
    ) -> Result<Self, StoreError> {
        let consumed_to = record.map_or(0, |record| record.inbox_consumed_to);
        let mut state =
            InboxState { consumed_to, sizes: VecDeque::new(), bytes: 0, next: consumed_to, next_expiry_ms: 0 };
        for item in disk.inbox.range(consumed_to.to_be_bytes()..BEAT.try_into().expect("eight bytes")) {
            let (name, value) = item.into_inner().map_err(|error| disk.poison.read_failed(&error))?;
            if number_of(disk, &name)? != state.next {
                return Err(disk.poison.damaged(format!("inbox lacks event {}", state.next)));
            }
            state.push(value.len() as u64);
        }
        let end = InboxEnd { appended: AtomicU64::new(state.next), durable: AtomicU64::new(0) };
        Ok(Self { state: Mutex::new(state), end: Arc::new(end), settings: settings.clone() })
    }

    pub(super) fn end(&self) -> &Arc<InboxEnd> {
        &self.end
    }

    fn lock(&self) -> MutexGuard<'_, InboxState> {
        // Whoever panicked while it wrote left a store that may not be gone on with.
        self.state.lock().expect("no writer of the inbox panicked")
    }

    fn append(&self, events: Vec<InboxEvent>, disk: &Disk) -> Result<Vec<InboxAnswer>, StoreError> {
        let mut state = self.lock();
        if let Some(now_ms) = events.iter().map(|event| event.received_at_ms).max() {
            state.forget_expired(now_ms, disk)?;
        }
        let mut batch = disk.batch(events.len() * 3);
        let mut answers = Vec::with_capacity(events.len());
        let mut seen = HashMap::new();
        for event in events {
            let id = event.idempotency_key.as_deref().map(digest_of_bytes);
            if let Some(id) = &id {
                let known = seen.get(id).copied().map_or_else(|| known_sending(disk, id, &event), |s| Ok(Some(s)))?;
                if let Some(sending) = known {
                    answers.push(sending.answer_to(&event));
                    continue;
                }
            }
            let value = event.encode();
            let is_full = state.sizes.len() as u64 >= self.settings.inbox_events_max
                || state.bytes + value.len() as u64 > self.settings.inbox_bytes_max;
            if is_full {
                answers.push(InboxAnswer::Full);
                continue;
            }
            let number = state.next;
            state.push(value.len() as u64);
            batch.insert(&disk.inbox, number.to_be_bytes(), value);
            if let Some(id) = id {
                let expires_ms = event.received_at_ms.saturating_add(self.settings.inbox_idempotency_ms);
                state.next_expiry_ms = state.next_expiry_ms.min(expires_ms);
                let sending = Sending { number, payload: event.payload_digest() };
                batch.insert(&disk.inbox_ids, id_name(&id), sending.encode(expires_ms));
                batch.insert(&disk.inbox_ids, expiry_name(expires_ms, number), id);
                seen.insert(id, sending);
            }
            answers.push(InboxAnswer::Taken(number));
        }
        disk.commit(batch)?;
        self.end.appended.store(state.next, SeqCst);
        Ok(answers)
    }

    /// Commits a checkpoint's batch, and with it forgets the events before a number.
    pub(super) fn consume(&self, to: u64, mut batch: OwnedWriteBatch, disk: &Disk) -> Result<(), StoreError> {
        let mut state = self.lock();
        let to = to.clamp(state.consumed_to, state.next);
        for number in state.consumed_to..to {
            batch.remove(&disk.inbox, number.to_be_bytes());
        }
        disk.commit(batch)?;
        state.consume(to);
        Ok(())
    }
}

impl InboxState {
    fn push(&mut self, size: u64) {
        self.sizes.push_back(size);
        self.bytes += size;
        self.next += 1;
    }

    fn consume(&mut self, to: u64) {
        let count = (to - self.consumed_to) as usize;
        self.bytes -= self.sizes.drain(..count).sum::<u64>();
        self.consumed_to = to;
    }

    fn forget_expired(&mut self, now_ms: u64, disk: &Disk) -> Result<(), StoreError> {
        if now_ms < self.next_expiry_ms {
            return Ok(());
        }
        let mut batch = disk.batch(16);
        // What expired before was removed: not to pass its traces again, the search starts where the last one ended.
        let mut items = disk.inbox_ids.range(expiry_name(self.next_expiry_ms, 0)..vec![2]);
        self.next_expiry_ms = loop {
            let Some(item) = items.next() else {
                break u64::MAX;
            };
            let (name, id) = item.into_inner().map_err(|error| disk.poison.read_failed(&error))?;
            let (expires_ms, number) = two_numbers(disk, &name[1..])?;
            if expires_ms > now_ms || batch.len() >= EXPIRED_MAX {
                break expires_ms;
            }
            let of_id = disk.inbox_ids.get(id_name(&id)).map_err(|error| disk.poison.read_failed(&error))?;
            let of_id = of_id.map(|seen| Sending::decode(disk, &seen)).transpose()?;
            // A key used again after its time names the later event: that stays.
            if of_id.is_some_and(|(sending, _)| sending.number == number) {
                batch.remove(&disk.inbox_ids, id_name(&id));
            }
            batch.remove(&disk.inbox_ids, name);
        };
        disk.commit(batch)
    }
}

impl EmbeddedStore {
    /// Takes events, in order, each in full or not at all. They may be answered and run once a sync asked for
    /// afterwards has ended.
    pub fn inbox_append(&self, events: Vec<InboxEvent>) -> Result<Vec<InboxAnswer>, StoreError> {
        self.shared.inbox.append(events, self.disk())
    }

    /// Some durable events from a number on, in order.
    pub fn inbox_scan(&self, from: u64, limit: usize) -> Result<Vec<InboxEntry>, StoreError> {
        let disk = self.disk();
        let end = self.shared.inbox.end.durable.load(SeqCst);
        if from >= end {
            return Ok(Vec::new());
        }
        let items = disk.inbox.range(from.to_be_bytes()..end.to_be_bytes()).take(limit);
        items
            .map(|item| {
                let (name, value) = item.into_inner().map_err(|error| disk.poison.read_failed(&error))?;
                let number = number_of(disk, &name)?;
                let event = InboxEvent::decode(&value)
                    .map_err(|what| disk.poison.damaged(format!("event {number} of the inbox is malformed: {what}")))?;
                Ok(InboxEntry { number, event })
            })
            .collect()
    }
}

/// What came with this idempotency key, where that is not too long ago.
fn known_sending(disk: &Disk, id: &[u8; 32], event: &InboxEvent) -> Result<Option<Sending>, StoreError> {
    let seen = disk.inbox_ids.get(id_name(id)).map_err(|error| disk.poison.read_failed(&error))?;
    let Some(seen) = seen else {
        return Ok(None);
    };
    let (sending, expires_ms) = Sending::decode(disk, &seen)?;
    Ok((expires_ms > event.received_at_ms).then_some(sending))
}

fn id_name(id: &[u8]) -> Vec<u8> {
    [&[0], id].concat()
}

fn expiry_name(expires_ms: u64, number: u64) -> Vec<u8> {
    [&[1], &expires_ms.to_be_bytes()[..], &number.to_be_bytes()].concat()
}

fn number_of(disk: &Disk, name: &[u8]) -> Result<u64, StoreError> {
    let bytes = name.try_into().map_err(|_| disk.poison.damaged("inbox has a malformed number".to_owned()))?;
    Ok(u64::from_be_bytes(bytes))
}

fn two_numbers(disk: &Disk, bytes: &[u8]) -> Result<(u64, u64), StoreError> {
    let (one, two) = bytes.split_at_checked(8).unwrap_or((bytes, &[]));
    Ok((number_of(disk, one)?, number_of(disk, two)?))
}
