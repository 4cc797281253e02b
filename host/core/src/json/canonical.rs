//! Canonical JSON, for digests of arguments: two spellings of one value have one digest [S12].
//!
//! Fields sorted by their decoded UTF-8 bytes, duplicates kept in their order; strings decoded and minimally escaped,
//! lone surrogates as written; numbers as written; no white space.

use super::scan::{JsonError, Scanner};
use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

/// Appends the canonical form of JSON text.
pub fn canonical(text: &str, out: &mut String) -> Result<(), JsonError> {
    let mut scanner = Scanner::new(text);
    value(&mut scanner, 0, out)?;
    scanner.end()
}

fn value(scanner: &mut Scanner<'_>, depth: u32, out: &mut String) -> Result<(), JsonError> {
    match scanner.peek() {
        Some(b'{') => object(scanner, depth, out),
        Some(b'[') => array(scanner, depth, out),
        Some(b'"') => {
            let raw = scanner.string()?;
            string(raw, out);
            Ok(())
        }
        _ => {
            out.push_str(scanner.value(depth)?);
            Ok(())
        }
    }
}

fn array(scanner: &mut Scanner<'_>, depth: u32, out: &mut String) -> Result<(), JsonError> {
    scanner.check_depth(depth)?;
    out.push('[');
    if scanner.open(b']') {
        loop {
            value(scanner, depth + 1, out)?;
            if !scanner.more(b']')? {
                break;
            }
            out.push(',');
        }
    }
    out.push(']');
    Ok(())
}

fn object(scanner: &mut Scanner<'_>, depth: u32, out: &mut String) -> Result<(), JsonError> {
    scanner.check_depth(depth)?;
    out.push('{');
    let begin = out.len();
    // Where each field stands in `out`, by what it is sorted by.
    let mut fields: Vec<(Cow<'_, [u8]>, Range<usize>)> = Vec::new();
    let mut in_order = true;
    if scanner.open(b'}') {
        loop {
            let raw = scanner.name()?;
            let start = out.len();
            string(raw, out);
            out.push(':');
            value(scanner, depth + 1, out)?;
            let key = string_bytes(raw);
            in_order &= fields.last().is_none_or(|(last, _)| *last <= key);
            fields.push((key, start..out.len()));
            if !scanner.more(b'}')? {
                break;
            }
            out.push(',');
        }
    }
    if !in_order {
        fields.sort_by(|a, b| a.0.cmp(&b.0));
        let mut sorted = String::with_capacity(out.len() - begin);
        for (index, (_, range)) in fields.iter().enumerate() {
            if index > 0 {
                sorted.push(',');
            }
            sorted.push_str(&out[range.clone()]);
        }
        out.truncate(begin);
        out.push_str(&sorted);
    }
    out.push('}');
    Ok(())
}

/// A piece of a string between its quotes.
enum Piece<'a> {
    Plain(&'a str),
    Char(char),
    /// A surrogate without its other half, as written (`\ud800`), and its number.
    Lone(&'a str, u16),
}

/// The pieces of a string whose escapes have been checked.
fn pieces<'a>(raw: &'a str, mut each: impl FnMut(Piece<'a>)) {
    let mut rest = raw;
    while let Some(at) = rest.find('\\') {
        if at > 0 {
            each(Piece::Plain(&rest[..at]));
        }
        let escape = &rest[at..];
        let length = match escape.as_bytes()[1] {
            b'u' => unicode(escape, &mut each),
            letter => {
                each(Piece::Char(match letter {
                    b'b' => '\u{8}',
                    b'f' => '\u{c}',
                    b'n' => '\n',
                    b'r' => '\r',
                    b't' => '\t',
                    other => other as char,
                }));
                2
            }
        };
        rest = &escape[length..];
    }
    if !rest.is_empty() {
        each(Piece::Plain(rest));
    }
}

/// One `\uXXXX`, or a pair of them: how long it is.
fn unicode<'a>(escape: &'a str, each: &mut impl FnMut(Piece<'a>)) -> usize {
    let unit = |text: &str| u16::from_str_radix(&text[2..6], 16).expect("four digits were checked");
    let first = unit(escape);
    if let Some(plain) = char::from_u32(u32::from(first)) {
        each(Piece::Char(plain));
        return 6;
    }
    let tail = &escape[6..];
    if (0xd800..0xdc00).contains(&first) && tail.starts_with("\\u") {
        let pair = char::decode_utf16([first, unit(tail)]).next();
        if let Some(Ok(both)) = pair {
            each(Piece::Char(both));
            return 12;
        }
    }
    each(Piece::Lone(&escape[..6], first));
    6
}

/// Writes a string's canonical form, from the raw text between its quotes.
fn string(raw: &str, out: &mut String) {
    if !raw.contains('\\') {
        out.push('"');
        out.push_str(raw);
        out.push('"');
        return;
    }
    out.push('"');
    pieces(raw, |piece| match piece {
        Piece::Plain(text) => out.push_str(text),
        Piece::Char(letter) => write_char(letter, out),
        Piece::Lone(written, _) => out.push_str(written),
    });
    out.push('"');
}

/// The bytes of a JSON string from what stands between its quotes: UTF-8, a lone surrogate in the same scheme (WTF-8), so
/// that no two strings have the same. Fields are sorted by them.
pub fn string_bytes(raw: &str) -> Cow<'_, [u8]> {
    if !raw.contains('\\') {
        return raw.as_bytes().into();
    }
    let mut bytes = Vec::with_capacity(raw.len());
    pieces(raw, |piece| match piece {
        Piece::Plain(text) => bytes.extend(text.as_bytes()),
        Piece::Char(letter) => bytes.extend(letter.encode_utf8(&mut [0; 4]).as_bytes()),
        Piece::Lone(_, unit) => {
            bytes.extend([0xe0 | (unit >> 12) as u8, 0x80 | (unit >> 6 & 63) as u8, 0x80 | (unit & 63) as u8])
        }
    });
    bytes.into()
}

/// The text of a JSON string from what stands between its quotes; a lone surrogate becomes U+FFFD.
pub fn decode_string(raw: &str) -> String {
    let mut text = String::with_capacity(raw.len());
    pieces(raw, |piece| match piece {
        Piece::Plain(plain) => text.push_str(plain),
        Piece::Char(letter) => text.push(letter),
        Piece::Lone(..) => text.push('\u{fffd}'),
    });
    text
}

/// Appends text as a JSON string, minimally escaped.
pub fn write_string(text: &str, out: &mut String) {
    out.push('"');
    write_escaped(text, out);
    out.push('"');
}

/// Appends a number in decimal.
pub fn write_number(number: u64, out: &mut String) {
    let mut digits = [b'0'; 20];
    let (mut rest, mut from) = (number, digits.len());
    while rest > 0 || from == digits.len() {
        from -= 1;
        digits[from] += (rest % 10) as u8;
        rest /= 10;
    }
    out.push_str(std::str::from_utf8(&digits[from..]).expect("digits are text"));
}

/// Appends what something displays as a JSON string, minimally escaped.
pub fn write_displayed(what: &impl fmt::Display, out: &mut String) {
    use fmt::Write;
    struct Escaping<'a>(&'a mut String);
    impl Write for Escaping<'_> {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            write_escaped(text, self.0);
            Ok(())
        }
    }
    out.push('"');
    write!(Escaping(out), "{what}").expect("strings take all");
    out.push('"');
}

fn write_escaped(text: &str, out: &mut String) {
    let mut from = 0;
    for (at, byte) in text.bytes().enumerate() {
        if byte < 0x20 || byte == b'"' || byte == b'\\' {
            out.push_str(&text[from..at]);
            write_char(byte as char, out);
            from = at + 1;
        }
    }
    out.push_str(&text[from..]);
}

fn write_char(letter: char, out: &mut String) {
    use std::fmt::Write;
    match letter {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\u{8}' => out.push_str("\\b"),
        '\u{c}' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        control if control < ' ' => {
            write!(out, "\\u{:04x}", control as u32).expect("writing to a string does not fail")
        }
        plain => out.push(plain),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(text: &str) -> String {
        let mut out = String::new();
        canonical(text, &mut out).unwrap();
        out
    }

    // [S12]
    #[test]
    fn spellings_of_one_value_have_one_form() {
        assert_eq!(of(r#" { "b" : 1 , "a" : [ 1 , 2 ] } "#), r#"{"a":[1,2],"b":1}"#);
        assert_eq!(of(r#""\u0041\/\u000a\ud83d\ude00""#), "\"A/\\n😀\"");
        assert_eq!(of(r#"{"a":1,"a":0}"#), r#"{"a":1,"a":0}"#, "duplicates are kept in their order");
        assert_eq!(of(r#""\uD800x""#), r#""\uD800x""#, "a lone surrogate stays as written");
        assert_eq!(of("[1.0,1e0,-0]"), "[1.0,1e0,-0]", "numbers stay as written");
        assert_eq!(of(r#"{"\u00e9":1,"z":2}"#), "{\"z\":2,\"é\":1}", "sorted by decoded bytes");
    }

    #[test]
    fn numbers_are_written_in_decimal() {
        for number in [0, 1, 9, 10, 1_234, u64::MAX] {
            let mut text = String::new();
            write_number(number, &mut text);
            assert_eq!(text, number.to_string());
        }
    }

    proptest! {
        #[test]
        fn canonical_form_is_a_fixed_point(text in "[a-z\"\\\\\u{1}-\u{20}é😀]{0,12}") {
            let mut json = String::new();
            write_string(&text, &mut json);
            let once = of(&format!("{{{json}:[{json},1]}}"));
            prop_assert_eq!(of(&once), once);
            prop_assert_eq!(decode_string(&json[1..json.len() - 1]), text);
        }
    }
}
