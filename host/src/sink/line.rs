//! The lines that a sink writes.

use std::borrow::Cow;
use std::fmt::Write;
use weir_core::base64;
use weir_core::event::{DeadLetter, OutputEvent};
use weir_core::json::{write_number, write_string};
use weir_core::key::Key;

/// Appends an output event as a line:
/// `{"id","key","sequence_number","action","triggering_event_id","source_timestamp_ms","payload"}`.
pub fn output_line(event: &OutputEvent, lines: &mut String) {
    let mut buffer = [0; 36];
    lines.push_str("{\"id\":\"");
    lines.push_str(event.id.as_text(&mut buffer));
    lines.push('"');
    write_key(&event.key, lines);
    lines.push_str(",\"sequence_number\":");
    write_number(event.sequence_number.0, lines);
    lines.push_str(",\"action\":");
    write_string(event.action.as_str(), lines);
    lines.push_str(",\"triggering_event_id\":\"");
    lines.push_str(event.triggering_event_id.as_text(&mut buffer));
    lines.push('"');
    if let Some(timestamp_ms) = event.source_timestamp_ms {
        lines.push_str(",\"source_timestamp_ms\":");
        write_number(timestamp_ms, lines);
    }
    lines.push_str(",\"payload\":");
    write_payload(event.payload.as_str(), lines);
    lines.push_str("}\n");
}

/// Appends a dead letter as a line: the input event, and why it was given up.
pub fn dead_letter_line(letter: &DeadLetter, lines: &mut String) {
    let input = &letter.input;
    write!(lines, "{{\"id\":\"{}\"", input.event.id).expect("strings take all");
    write_key(&input.key, lines);
    if let Some(sequence_number) = letter.sequence_number {
        write!(lines, ",\"sequence_number\":{sequence_number}").expect("strings take all");
    }
    if let Some(action) = &letter.action {
        lines.push_str(",\"action\":");
        write_string(action.as_str(), lines);
    }
    lines.push_str(",\"kind\":");
    write_string(&input.event.kind, lines);
    if let Some(timestamp_ms) = input.timestamp_ms {
        write!(lines, ",\"source_timestamp_ms\":{timestamp_ms}").expect("strings take all");
    }
    write!(lines, ",\"source_position\":{}", input.position.0).expect("strings take all");
    lines.push_str(",\"failure\":{\"kind\":");
    write_string(&letter.failure.kind, lines);
    lines.push_str(",\"message\":");
    write_string(&letter.failure.message, lines);
    if let Some(details) = &letter.failure.details {
        lines.push_str(",\"details\":");
        write_payload(details.as_str(), lines);
    }
    lines.push_str("},\"payload\":");
    write_payload(input.event.payload.as_str(), lines);
    lines.push_str("}\n");
}

/// What was set aside because it is no event.
pub use crate::source::SetAside as SetAsideLine;

impl SetAsideLine {
    /// Appends it as a line: its bytes as text, or as base64 where they are none.
    pub fn write_line(&self, lines: &mut String) {
        write!(lines, "{{\"source_position\":{},\"failure\":{{\"kind\":\"bad-event\",\"message\":", self.position)
            .expect("strings take all");
        write_string(&self.why, lines);
        lines.push('}');
        match std::str::from_utf8(&self.bytes) {
            Ok(text) => {
                lines.push_str(",\"text\":");
                write_string(text, lines);
            }
            Err(_) => {
                lines.push_str(",\"base64\":");
                write_string(&base64::encode(&self.bytes), lines);
            }
        }
        lines.push_str("}\n");
    }
}

fn write_key(key: &Key, lines: &mut String) {
    lines.push_str(",\"key\":");
    let text = key.to_text();
    write_string(&text, lines);
    if matches!(text, Cow::Owned(_)) {
        lines.push_str(",\"key_is_text\":false");
    }
}

/// A line must stay one: line breaks can stand in JSON only between its values.
fn write_payload(payload: &str, lines: &mut String) {
    if payload.contains(['\n', '\r']) {
        lines.extend(payload.chars().filter(|letter| !matches!(letter, '\n' | '\r')));
    } else {
        lines.push_str(payload);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_core::event::{ActionName, SequenceNumber};
    use weir_core::id::EventId;
    use weir_core::json::Json;

    // [S5]
    #[test]
    fn a_line_is_one_line_with_its_lineage() {
        let event = OutputEvent {
            id: EventId([1; 16]),
            key: Key::from("a\"b"),
            sequence_number: SequenceNumber(4),
            action: ActionName::new("alert").unwrap(),
            triggering_event_id: EventId([2; 16]),
            source_timestamp_ms: Some(5),
            payload: Json::parse("{\n\"n\":1}").unwrap(),
        };
        let mut line = String::new();
        output_line(&event, &mut line);
        assert_eq!(
            line,
            "{\"id\":\"01010101-0101-0101-0101-010101010101\",\"key\":\"a\\\"b\",\"sequence_number\":4,\
             \"action\":\"alert\",\"triggering_event_id\":\"02020202-0202-0202-0202-020202020202\",\
             \"source_timestamp_ms\":5,\"payload\":{\"n\":1}}\n"
        );
    }
}
