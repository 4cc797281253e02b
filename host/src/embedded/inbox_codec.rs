//! An event of the inbox as bytes.
//!
//! Version (1 byte), time of arrival in milliseconds (8 bytes), key, `0` or `1` and the kind, number of headers, each
//! with name and value, payload up to the end. Numbers are big endian; lengths and counts have 4 bytes.

use super::inbox::InboxEvent;
use weir_core::key::Key;

const VERSION: u8 = 1;

impl InboxEvent {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.payload.len() + self.key.as_bytes().len() + 32);
        bytes.push(VERSION);
        bytes.extend_from_slice(&self.received_at_ms.to_be_bytes());
        put(&mut bytes, self.key.as_bytes());
        match &self.kind {
            None => bytes.push(0),
            Some(kind) => {
                bytes.push(1);
                put(&mut bytes, kind.as_bytes());
            }
        }
        bytes.extend_from_slice(&(self.headers.len() as u32).to_be_bytes());
        for (name, value) in &self.headers {
            put(&mut bytes, name.as_bytes());
            put(&mut bytes, value.as_bytes());
        }
        bytes.extend_from_slice(&self.payload);
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, String> {
        match bytes.first() {
            Some(&VERSION) => Self::decode_body(&bytes[1..]).ok_or_else(|| "it ends too early".to_owned()),
            Some(version) if *version > VERSION => Err(format!("version {version} is newer than {VERSION}")),
            _ => Err("it has no version".to_owned()),
        }
    }

    fn decode_body(mut rest: &[u8]) -> Option<Self> {
        let received_at_ms = u64::from_be_bytes(*take::<8>(&mut rest)?);
        let key = Key::new(take_bytes(&mut rest)?);
        let kind = match take::<1>(&mut rest)? {
            [0] => None,
            _ => Some(take_text(&mut rest)?),
        };
        let count = u32::from_be_bytes(*take::<4>(&mut rest)?);
        let mut headers = Vec::new();
        for _ in 0..count {
            headers.push((take_text(&mut rest)?, take_text(&mut rest)?));
        }
        Some(Self { key, kind, payload: rest.to_vec(), headers, received_at_ms, idempotency_key: None })
    }
}

fn put(bytes: &mut Vec<u8>, field: &[u8]) {
    bytes.extend_from_slice(&(field.len() as u32).to_be_bytes());
    bytes.extend_from_slice(field);
}

fn take<'a, const N: usize>(rest: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (taken, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(taken)
}

fn take_bytes<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = u32::from_be_bytes(*take::<4>(rest)?);
    let (taken, after) = rest.split_at_checked(length as usize)?;
    *rest = after;
    Some(taken)
}

fn take_text(rest: &mut &[u8]) -> Option<String> {
    take_bytes(rest).and_then(|bytes| String::from_utf8(bytes.to_vec()).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn inbox_event_is_as_the_fixture_shows() {
        let event = InboxEvent {
            key: Key::new([0xff, b'k']),
            kind: Some("alarm".to_owned()),
            payload: b"{\"a\":1}".to_vec(),
            headers: vec![("name".to_owned(), "value".to_owned())],
            received_at_ms: 1_517_788_800_000,
            idempotency_key: None,
        };
        let fixture = include_bytes!("../../../tests/fixtures/store-inbox-event.bin");
        assert_eq!(event.encode(), fixture);
        assert_eq!(InboxEvent::decode(fixture), Ok(event));
    }

    proptest! {
        #[test]
        fn inbox_event_reads_back(
            key: Vec<u8>, kind: Option<String>, payload: Vec<u8>, headers: Vec<(String, String)>, received_at_ms: u64,
        ) {
            let key = Key::new(key);
            let event = InboxEvent { key, kind, payload, headers, received_at_ms, idempotency_key: None };
            prop_assert_eq!(InboxEvent::decode(&event.encode()), Ok(event));
        }

        #[test]
        fn no_bytes_make_decoding_panic(bytes: Vec<u8>) {
            let _ = InboxEvent::decode(&[&[VERSION], &bytes[..]].concat());
        }
    }
}
