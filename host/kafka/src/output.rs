//! Output events as records: key = key, value = payload, the rest as headers `weir-…`.

use crate::put::Put;
use weir_core::event::OutputEvent;

/// Gives the record of an output event to a call.
pub(crate) fn with<T>(event: &OutputEvent, call: impl FnOnce(&Put<'_>) -> T) -> T {
    let (mut id, mut triggering) = ([0; 36], [0; 36]);
    let number = event.sequence_number.to_string();
    let timestamp = event.source_timestamp_ms.map(|timestamp_ms| timestamp_ms.to_string());
    let headers: [(&str, &[u8]); 5] = [
        ("weir-id", event.id.as_text(&mut id).as_bytes()),
        ("weir-sequence-number", number.as_bytes()),
        ("weir-action", event.action.as_str().as_bytes()),
        ("weir-triggering-event-id", event.triggering_event_id.as_text(&mut triggering).as_bytes()),
        ("weir-source-timestamp-ms", timestamp.as_deref().unwrap_or_default().as_bytes()),
    ];
    let headers = &headers[..if timestamp.is_some() { 5 } else { 4 }];
    call(&Put {
        partition: None,
        key: event.key.as_bytes(),
        value: Some(event.payload.as_str().as_bytes()),
        headers,
        tag: 0,
    })
}
