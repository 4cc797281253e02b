//! Keeps what guests log.

use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use tracing::field::{Field, Visit};
use tracing::{Event, Metadata, Subscriber, span};

/// Level and text of each line, in order.
pub type Lines = Arc<Mutex<Vec<(String, String)>>>;

/// A subscriber that keeps the lines of guests.
pub struct KeepLines(pub Lines);

#[derive(Default)]
struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}

impl Subscriber for KeepLines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "guest"
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        if event.metadata().target() != "guest" {
            return;
        }
        let mut message = Message::default();
        event.record(&mut message);
        let level = event.metadata().level().as_str().to_lowercase();
        self.0.lock().expect("no holder panics").push((level, message.0));
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}
