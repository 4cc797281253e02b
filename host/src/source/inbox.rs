//! The inbox as the source: events that can't be read again at their origin, durable before they are run [S1].

use super::{EventParser, Progress, Taken};
use crate::embedded::{InboxEntry, Store, StoreError};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// How many events are read from the store at once.
const SCAN_MAX: usize = 256;
/// How long a wait for events lasts before the order to stop is looked at again.
const WAIT: Duration = Duration::from_millis(50);

/// What the two sides of an inbox share: whether something came, and whether anything more can come.
#[derive(Debug, Default)]
pub struct InboxSignal {
    state: Mutex<Signalled>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Signalled {
    came: bool,
    closed: bool,
}

impl InboxSignal {
    /// Events became durable.
    pub fn came(&self) {
        self.state.lock().expect("nothing panics under this lock").came = true;
        self.changed.notify_one();
    }

    /// Nothing more will come.
    pub fn close(&self) {
        self.state.lock().expect("nothing panics under this lock").closed = true;
        self.changed.notify_one();
    }

    /// Waits a little for events; whether nothing more can come.
    fn wait(&self) -> bool {
        let state = self.state.lock().expect("nothing panics under this lock");
        let waited = self.changed.wait_timeout_while(state, WAIT, |state| !state.came && !state.closed);
        let (mut state, _) = waited.expect("nothing panics under this lock");
        state.came = false;
        state.closed
    }
}

/// How events stand in the inbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InboxContent {
    /// Lines, with their key in the payload.
    Lines,
    /// Payloads, with their key beside them.
    Posted,
}

/// Events of the inbox, in the order of their numbers.
pub struct InboxSource {
    store: Store,
    content: InboxContent,
    next: u64,
    buffer: VecDeque<InboxEntry>,
    signal: Arc<InboxSignal>,
    at_end: bool,
}

impl std::fmt::Debug for InboxSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "InboxSource at {}", self.next)
    }
}

impl InboxSource {
    /// The events from this number on.
    pub fn new(store: Store, content: InboxContent, from: u64, signal: Arc<InboxSignal>) -> Self {
        Self { store, content, next: from, buffer: VecDeque::new(), signal, at_end: false }
    }

    /// Whether all is read and nothing more will come.
    pub fn is_at_end(&self) -> bool {
        self.at_end
    }

    /// The event that was taken last does not count as consumed; nothing may be taken after this.
    pub fn give_back(&mut self) {
        self.next -= 1;
    }

    /// How far it is read.
    pub fn progress(&self) -> Progress {
        Progress { offset: self.next, digest: None }
    }

    /// The next event; none if nothing is there. `wait`: then wait for one, until told to stop or nothing can come.
    pub fn next(&mut self, parser: &EventParser, wait: bool, stop: &AtomicBool) -> Result<Option<Taken>, StoreError> {
        loop {
            if let Some(entry) = self.buffer.pop_front() {
                self.next = entry.number + 1;
                return Ok(Some(self.take(entry, parser)));
            }
            let closed = self.closed();
            self.buffer = self.store.inbox_scan(self.next, SCAN_MAX)?.into();
            if !self.buffer.is_empty() {
                continue;
            }
            // Closed was looked at before the scan, so what came before the closing is seen.
            self.at_end = closed;
            if closed || !wait || stop.load(Ordering::Acquire) {
                return Ok(None);
            }
            self.signal.wait();
        }
    }

    fn closed(&self) -> bool {
        self.signal.state.lock().expect("nothing panics under this lock").closed
    }

    fn take(&self, entry: InboxEntry, parser: &EventParser) -> Taken {
        let InboxEntry { number, event } = entry;
        let received_at_ms = event.received_at_ms;
        let parsed = match self.content {
            InboxContent::Lines => parser.parse_line(number, &event.payload),
            InboxContent::Posted => parser.parse_posted(number, event.key, &event.payload, event.headers),
        };
        let parsed = parsed.map(|mut input| {
            input.timestamp_ms.get_or_insert(received_at_ms);
            input
        });
        let place = if parsed.is_err() { format!("inbox event {number}") } else { String::new() };
        Taken { position: number, next: number + 1, place, bytes: event.payload, event: parsed }
    }
}
