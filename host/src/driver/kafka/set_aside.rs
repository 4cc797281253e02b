//! Records of the source that are no events, as dead letters.

use crate::source::BadEvent;
use weir_core::event::PartitionId;
use weir_core::key::Key;

/// So much of a record's key stays the key of its dead letter.
const KEY_BYTES_MAX: usize = 32 << 10;

/// A record that is set aside, and why.
pub(super) struct SetAside<'a> {
    pub(super) topic: &'a str,
    pub(super) partition: PartitionId,
    pub(super) position: u64,
    pub(super) bad: &'a BadEvent,
    pub(super) key: Option<&'a [u8]>,
    pub(super) value: Option<&'a [u8]>,
}

impl SetAside<'_> {
    /// Key and text of the dead letter. A value that makes it larger than a record may be is left out: it stands in the
    /// source topic as long as that keeps it.
    pub(super) fn fitting_into(&self, bytes_max: usize) -> (Key, String) {
        let key = self.key.unwrap_or_default();
        let key = Key::new(&key[..key.len().min(KEY_BYTES_MAX)]);
        let whole = self.text(true);
        match key.as_bytes().len() + whole.len() <= bytes_max {
            true => (key, whole),
            false => (key, self.text(false)),
        }
    }

    fn text(&self, with_value: bool) -> String {
        let value = self.value.filter(|_| with_value).map(weir_core::base64::encode);
        serde_json::json!({
            "source_topic": self.topic,
            "partition": self.partition.0,
            "source_position": self.position,
            "failure": { "kind": "bad-event", "message": format!("record {}", self.bad) },
            "value": value,
            "value_bytes": self.value.map(<[u8]>::len),
        })
        .to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // [S26]
    #[test]
    fn a_value_that_makes_the_letter_too_large_is_left_out() {
        let value = vec![0xff; 10_000];
        let (topic, partition, position, bad) = ("in", PartitionId(1), 7, &BadEvent::Keyless);
        let letter = SetAside { topic, partition, position, bad, key: None, value: Some(&value) };
        let text = |bytes_max| {
            let (key, text) = letter.fitting_into(bytes_max);
            assert!(key.as_bytes().is_empty() && text.len() <= bytes_max);
            serde_json::from_str::<serde_json::Value>(&text).unwrap()
        };
        assert_eq!(text(20_000)["value"], weir_core::base64::encode(&value));
        let cut = text(13_000);
        assert_eq!((&cut["value"], &cut["value_bytes"]), (&serde_json::Value::Null, &10_000.into()));
    }
}
