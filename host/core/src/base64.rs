//! Base64 with padding (RFC 4648, section 4): bytes that are not text, inside JSON.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The bytes as base64 text.
pub fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().enumerate().fold(0u32, |word, (at, &byte)| word | u32::from(byte) << (16 - 8 * at));
        for digit in 0..4 {
            if digit <= chunk.len() {
                text.push(ALPHABET[(word >> (18 - 6 * digit) & 63) as usize] as char);
            } else {
                text.push('=');
            }
        }
    }
    text
}

/// The bytes behind base64 text; none where it is malformed.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(4) {
        return None;
    }
    let stripped = text.trim_end_matches('=');
    if text.len() - stripped.len() > 2 {
        return None;
    }
    let mut bytes = Vec::with_capacity(stripped.len() * 3 / 4);
    for chunk in stripped.as_bytes().chunks(4) {
        let mut word = 0u32;
        for (at, digit) in chunk.iter().enumerate() {
            let value = ALPHABET.iter().position(|letter| letter == digit)? as u32;
            word |= value << (18 - 6 * at);
        }
        bytes.extend(&word.to_be_bytes()[1..chunk.len()]);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_of_the_standard_hold() {
        for (bytes, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(encode(bytes.as_bytes()), text);
            assert_eq!(decode(text).unwrap(), bytes.as_bytes());
        }
        assert_eq!(decode("Zg="), None);
        assert_eq!(decode("Z*=="), None);
    }
}
