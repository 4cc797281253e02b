//! JSON as it is written: numbers in all their digits, strings with lone surrogates. What a usual reader makes equal or
//! refuses is told apart here.

use std::fmt;

/// A JSON value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exact {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// As written.
    Number(String),
    /// A string.
    Text(Text),
    /// An array.
    List(Vec<Exact>),
    /// In the order of the text, duplicates kept.
    Object(Vec<(Text, Exact)>),
}

/// A JSON string: UTF-16, for it may hold lone surrogates.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Text(Vec<u16>);

impl Text {
    /// Its characters, a lone surrogate as the sign for one.
    pub fn to_text(&self) -> String {
        String::from_utf16_lossy(&self.0)
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(text.encode_utf16().collect())
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// As JSON.
impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for character in char::decode_utf16(self.0.iter().copied()) {
            match character {
                Ok(special @ ('"' | '\\')) => write!(f, "\\{special}")?,
                Ok(control) if control < ' ' => write!(f, "\\u{:04x}", u32::from(control))?,
                Ok(other) => write!(f, "{other}")?,
                Err(lone) => write!(f, "\\u{:04x}", lone.unpaired_surrogate())?,
            }
        }
        f.write_str("\"")
    }
}

/// As JSON without white space, numbers as they were written.
impl fmt::Display for Exact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Number(number) => f.write_str(number),
            Self::Text(text) => write!(f, "{text}"),
            Self::List(items) => {
                f.write_str("[")?;
                for (index, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", if index > 0 { "," } else { "" })?;
                }
                f.write_str("]")
            }
            Self::Object(fields) => {
                f.write_str("{")?;
                for (index, (name, value)) in fields.iter().enumerate() {
                    write!(f, "{}{name}:{value}", if index > 0 { "," } else { "" })?;
                }
                f.write_str("}")
            }
        }
    }
}

impl Exact {
    /// Reads a text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut reader = Reader { rest: text, length: text.len() };
        let value = reader.value()?;
        reader.skip_space();
        if reader.rest.is_empty() { Ok(value) } else { Err(reader.error("the end")) }
    }

    /// A text.
    pub fn text(text: &str) -> Self {
        Self::Text(text.into())
    }

    /// The value of a field.
    pub fn get(&self, name: &str) -> Option<&Self> {
        let Self::Object(fields) = self else { return None };
        let name = Text::from(name);
        fields.iter().find(|(found, _)| *found == name).map(|(_, value)| value)
    }

    /// The text, if it is one.
    pub fn as_text(&self) -> Option<String> {
        if let Self::Text(text) = self { Some(text.to_text()) } else { None }
    }

    /// The number, if it is a whole one.
    pub fn as_u64(&self) -> Option<u64> {
        if let Self::Number(number) = self { number.parse().ok() } else { None }
    }

    /// The items of a list; none of anything else.
    pub fn items(&self) -> &[Self] {
        if let Self::List(items) = self { items } else { &[] }
    }

    /// Whether both are the same value: objects without order, numbers by what they amount to in full (`1.0` is `1`,
    /// `1e2` is `100`, `-0` is not `0`).
    pub fn same_value(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => amount(a) == amount(b),
            (Self::List(a), Self::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.same_value(b)),
            (Self::Object(a), Self::Object(b)) => {
                let (mut a, mut b): (Vec<_>, Vec<_>) = (a.iter().collect(), b.iter().collect());
                a.sort_by_key(|(name, _)| name);
                b.sort_by_key(|(name, _)| name);
                a.len() == b.len() && a.iter().zip(&b).all(|(a, b)| a.0 == b.0 && a.1.same_value(&b.1))
            }
            (a, b) => a == b,
        }
    }
}

/// Whether it is negative, its digits without zeros at the ends, and the power of ten of the last of them.
fn amount(number: &str) -> (bool, String, i64) {
    let (negative, number) = number.strip_prefix('-').map_or((false, number), |rest| (true, rest));
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let significant = digits.trim_end_matches('0');
    let exponent: i64 = exponent.parse().expect("a reader has seen the exponent");
    let power = exponent - fraction.len() as i64 + (digits.len() - significant.len()) as i64;
    let significant = significant.trim_start_matches('0').to_owned();
    let power = if significant.is_empty() { 0 } else { power };
    (negative, significant, power)
}

struct Reader<'t> {
    rest: &'t str,
    length: usize,
}

impl<'t> Reader<'t> {
    fn error(&self, wanted: &str) -> String {
        let near: String = self.rest.chars().take(20).collect();
        format!("at byte {}: {wanted} should stand here, not {near:?}", self.length - self.rest.len())
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
    }

    /// Whether this stood next, and is now behind.
    fn take(&mut self, token: &str) -> bool {
        self.skip_space();
        let rest = self.rest.strip_prefix(token);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn expect(&mut self, token: &str) -> Result<(), String> {
        if self.take(token) { Ok(()) } else { Err(self.error(token)) }
    }

    fn value(&mut self) -> Result<Exact, String> {
        self.skip_space();
        match self.rest.bytes().next() {
            Some(b'{') => self.object(),
            Some(b'[') => self.list(),
            Some(b'"') => self.text().map(Exact::Text),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ if self.take("null") => Ok(Exact::Null),
            _ if self.take("true") => Ok(Exact::Bool(true)),
            _ if self.take("false") => Ok(Exact::Bool(false)),
            _ => Err(self.error("a value")),
        }
    }

    fn list(&mut self) -> Result<Exact, String> {
        self.expect("[")?;
        let mut items = Vec::new();
        if self.take("]") {
            return Ok(Exact::List(items));
        }
        loop {
            items.push(self.value()?);
            if self.take("]") {
                return Ok(Exact::List(items));
            }
            self.expect(",")?;
        }
    }

    fn object(&mut self) -> Result<Exact, String> {
        self.expect("{")?;
        let mut fields = Vec::new();
        if self.take("}") {
            return Ok(Exact::Object(fields));
        }
        loop {
            self.skip_space();
            let name = self.text()?;
            self.expect(":")?;
            fields.push((name, self.value()?));
            if self.take("}") {
                return Ok(Exact::Object(fields));
            }
            self.expect(",")?;
        }
    }

    fn number(&mut self) -> Result<Exact, String> {
        let end = self.rest.find(|c: char| !"+-.eE0123456789".contains(c)).unwrap_or(self.rest.len());
        let (number, rest) = self.rest.split_at(end);
        weir_core::json::Json::parse(number).map_err(|_| self.error("a number"))?;
        self.rest = rest;
        Ok(Exact::Number(number.to_owned()))
    }

    fn text(&mut self) -> Result<Text, String> {
        if !self.rest.starts_with('"') {
            return Err(self.error("a string"));
        }
        let mut units = Vec::new();
        let mut characters = self.rest.char_indices().skip(1);
        while let Some((at, character)) = characters.next() {
            let wrong = || format!("in the string {:?}", &self.rest[..at]);
            match character {
                '"' => {
                    self.rest = &self.rest[at + 1..];
                    return Ok(Text(units));
                }
                '\\' => {
                    let (at, escaped) = characters.next().ok_or_else(wrong)?;
                    units.push(match escaped {
                        '"' | '\\' | '/' => escaped as u16,
                        'b' => 8,
                        'f' => 12,
                        'n' => 10,
                        'r' => 13,
                        't' => 9,
                        'u' => {
                            characters.nth(3).ok_or_else(wrong)?;
                            let digits = self.rest.get(at + 1..at + 5).ok_or_else(wrong)?;
                            u16::from_str_radix(digits, 16).map_err(|_| wrong())?
                        }
                        _ => return Err(wrong()),
                    });
                }
                control if control < ' ' => return Err(wrong()),
                other => units.extend(other.encode_utf16(&mut [0; 2]).iter()),
            }
        }
        Err(self.error("a string that ends"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(a: &str, b: &str) -> bool {
        Exact::parse(a).unwrap().same_value(&Exact::parse(b).unwrap())
    }

    #[test]
    fn numbers_are_the_same_when_they_amount_to_the_same() {
        for (a, b) in [("1.0", "1"), ("1e2", "100"), ("1.50E+1", "15"), ("0.001", "1e-3"), ("0e9", "0.0")] {
            assert!(same(a, b), "{a} {b}");
        }
        for (a, b) in [("-0", "0"), ("9007199254740993", "9007199254740992"), ("1e400", "1e401"), ("10", "1")] {
            assert!(!same(a, b), "{a} {b}");
        }
    }

    #[test]
    fn strings_keep_what_is_no_unicode() {
        assert!(same(r#""\ud83d\ude00""#, "\"\u{1f600}\""));
        assert!(!same(r#""\ud800""#, r#""\ufffd""#));
        for text in [r#""\ud800x\u0000\"""#, r#"{"a":[1,-0,{"b":null}],"a":true}"#, "[]", "{}"] {
            assert_eq!(Exact::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_json_is_refused() {
        for text in ["", "{", "[1,]", "01", "\"\\x\"", "nul", "1 2", "{1:2}", "\"a"] {
            assert!(Exact::parse(text).is_err(), "{text}");
        }
    }
}
