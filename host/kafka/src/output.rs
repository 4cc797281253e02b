//! Output events as records: key = key, value = payload, the rest as headers `weir-…`.

use rdkafka::message::{Header, OwnedHeaders};
use weir_core::event::OutputEvent;

/// The headers of an output event.
pub(crate) fn headers(event: &OutputEvent) -> OwnedHeaders {
    let mut buffer = [0; 36];
    let number = event.sequence_number.to_string();
    let mut headers = OwnedHeaders::new_with_capacity(5)
        .insert(header("weir-id", event.id.as_text(&mut buffer)))
        .insert(header("weir-sequence-number", &number))
        .insert(header("weir-action", event.action.as_str()))
        .insert(header("weir-triggering-event-id", event.triggering_event_id.as_text(&mut buffer)));
    if let Some(timestamp_ms) = event.source_timestamp_ms {
        headers = headers.insert(header("weir-source-timestamp-ms", &timestamp_ms.to_string()));
    }
    headers
}

fn header<'a>(key: &'a str, value: &'a str) -> Header<'a, &'a str> {
    Header { key, value: Some(value) }
}
