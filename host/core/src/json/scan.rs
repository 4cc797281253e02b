//! A checker and finder for JSON text that allocates nothing.

use super::canonical::decode_string;

/// How deep arrays and objects may nest.
const DEPTH_MAX: u32 = 256;

/// Text that is not JSON.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not JSON at byte {offset}: {what}")]
pub struct JsonError {
    /// Where, in bytes from the start of the text.
    pub offset: usize,
    /// What is wrong there.
    pub what: &'static str,
}

/// Checks that the text is exactly one JSON value.
pub fn validate(text: &str) -> Result<(), JsonError> {
    let mut scanner = Scanner::new(text);
    scanner.value(0)?;
    scanner.end()
}

/// The value at a path of object fields, as it is written; the last of fields with one name.
/// Checks the whole text on the way.
pub fn lookup<'a>(text: &'a str, path: &[String]) -> Result<Option<&'a str>, JsonError> {
    let mut scanner = Scanner::new(text);
    let found = scanner.find(path, 0)?;
    scanner.end()?;
    Ok(found)
}

/// A cursor over JSON text.
pub(super) struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    pub(super) fn error(&self, what: &'static str) -> JsonError {
        JsonError { offset: self.at, what }
    }

    pub(super) fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while let Some(&byte) = bytes.get(self.at) {
            if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return Some(byte);
            }
            self.at += 1;
        }
        None
    }

    pub(super) fn take(&mut self, expected: u8, what: &'static str) -> Result<(), JsonError> {
        if self.peek() != Some(expected) {
            return Err(self.error(what));
        }
        self.at += 1;
        Ok(())
    }

    pub(super) fn end(&mut self) -> Result<(), JsonError> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.error("more text after the value")),
        }
    }

    /// Skips one value and gives its text.
    pub(super) fn value(&mut self, depth: u32) -> Result<&'a str, JsonError> {
        let first = self.peek().ok_or_else(|| self.error("a value is missing"))?;
        let from = self.at;
        match first {
            b'{' => self.object(depth)?,
            b'[' => self.array(depth)?,
            b'"' => {
                self.string()?;
            }
            b't' => self.word("true")?,
            b'f' => self.word("false")?,
            b'n' => self.word("null")?,
            b'-' | b'0'..=b'9' => self.number()?,
            _ => return Err(self.error("no value starts so")),
        }
        Ok(&self.text[from..self.at])
    }

    pub(super) fn check_depth(&self, depth: u32) -> Result<(), JsonError> {
        if depth >= DEPTH_MAX { Err(self.error("nested deeper than 256 levels")) } else { Ok(()) }
    }

    /// Opens an array or object: whether it has a first member.
    pub(super) fn open(&mut self, close: u8) -> bool {
        self.at += 1;
        if self.peek() == Some(close) {
            self.at += 1;
            return false;
        }
        true
    }

    /// After a member: whether another follows.
    pub(super) fn more(&mut self, close: u8) -> Result<bool, JsonError> {
        match self.peek() {
            Some(b',') => {
                self.at += 1;
                Ok(true)
            }
            Some(byte) if byte == close => {
                self.at += 1;
                Ok(false)
            }
            _ => Err(self.error("a comma or closing bracket is missing")),
        }
    }

    fn object(&mut self, depth: u32) -> Result<(), JsonError> {
        self.check_depth(depth)?;
        if !self.open(b'}') {
            return Ok(());
        }
        loop {
            self.name()?;
            self.value(depth + 1)?;
            if !self.more(b'}')? {
                return Ok(());
            }
        }
    }

    fn array(&mut self, depth: u32) -> Result<(), JsonError> {
        self.check_depth(depth)?;
        if !self.open(b']') {
            return Ok(());
        }
        loop {
            self.value(depth + 1)?;
            if !self.more(b']')? {
                return Ok(());
            }
        }
    }

    /// A field's name with its colon: the raw text between the quotes.
    pub(super) fn name(&mut self) -> Result<&'a str, JsonError> {
        if self.peek() != Some(b'"') {
            return Err(self.error("a field name is missing"));
        }
        let name = self.string()?;
        self.take(b':', "a colon is missing")?;
        Ok(name)
    }

    /// A string: the raw text between the quotes, escapes checked but not decoded.
    pub(super) fn string(&mut self) -> Result<&'a str, JsonError> {
        let bytes = self.text.as_bytes();
        self.at += 1;
        let from = self.at;
        loop {
            match bytes.get(self.at) {
                None => return Err(self.error("a string does not end")),
                Some(b'"') => {
                    self.at += 1;
                    return Ok(&self.text[from..self.at - 1]);
                }
                Some(b'\\') => self.escape()?,
                Some(0..=0x1f) => return Err(self.error("a control character in a string")),
                Some(_) => self.at += 1,
            }
        }
    }

    fn escape(&mut self) -> Result<(), JsonError> {
        let bytes = self.text.as_bytes();
        match bytes.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') => {
                let digits = bytes.get(self.at + 2..self.at + 6);
                if !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
                    return Err(self.error("\\u wants four hexadecimal digits"));
                }
                self.at += 6;
            }
            _ => return Err(self.error("an unknown escape")),
        }
        Ok(())
    }

    fn word(&mut self, word: &'static str) -> Result<(), JsonError> {
        if !self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            return Err(self.error("no value starts so"));
        }
        self.at += word.len();
        Ok(())
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        let bytes = self.text.as_bytes();
        let from = self.at;
        while bytes.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        if self.at == from { Err(self.error("a digit is missing")) } else { Ok(()) }
    }

    fn number(&mut self) -> Result<(), JsonError> {
        let bytes = self.text.as_bytes();
        if bytes[self.at] == b'-' {
            self.at += 1;
        }
        if bytes.get(self.at) == Some(&b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(bytes.get(self.at), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(bytes.get(self.at), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn find(&mut self, path: &[String], depth: u32) -> Result<Option<&'a str>, JsonError> {
        let Some((wanted, rest)) = path.split_first() else {
            return self.value(depth).map(Some);
        };
        if self.peek() != Some(b'{') {
            self.value(depth)?;
            return Ok(None);
        }
        self.check_depth(depth)?;
        let mut found = None;
        if !self.open(b'}') {
            return Ok(None);
        }
        loop {
            let name = self.name()?;
            let same = name == wanted || (name.contains('\\') && decode_string(name) == *wanted);
            if same {
                found = self.find(rest, depth + 1)?;
            } else {
                self.value(depth + 1)?;
            }
            if !self.more(b'}')? {
                return Ok(found);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> Vec<String> {
        text.split('.').map(String::from).collect()
    }

    #[test]
    fn good_values_pass_and_bad_ones_say_where() {
        for good in ["0", "-0", "1e308", "\"\\ud800\"", "{}", "[1, {\"a\":[]}]", " null ", "1.5E-3", "\"\\u00e9\""] {
            assert_eq!(validate(good), Ok(()), "{good}");
        }
        for (bad, offset) in [
            ("", 0),
            ("{", 1),
            ("[1,]", 3),
            ("01", 1),
            ("nul", 0),
            ("{\"a\" 1}", 5),
            ("\"\\x\"", 1),
            ("1 2", 2),
            ("1.", 2),
            ("\"\u{1}\"", 1),
        ] {
            assert_eq!(validate(bad).unwrap_err().offset, offset, "{bad}");
        }
    }

    #[test]
    fn deep_nesting_is_an_error_and_not_a_crash() {
        let deep = "[".repeat(1_000_000);
        assert!(validate(&deep).unwrap_err().what.contains("deeper"));
    }

    #[test]
    fn lookup_follows_fields_and_takes_the_last_of_equal_names() {
        let text = r#"{"a":{"b":"x","c":[1]},"d":1,"a\u0062":true,"d":2}"#;
        assert_eq!(lookup(text, &path("a.b")).unwrap(), Some("\"x\""));
        assert_eq!(lookup(text, &path("d")).unwrap(), Some("2"));
        assert_eq!(lookup(text, &path("ab")).unwrap(), Some("true"));
        assert_eq!(lookup(text, &path("a.c.0")).unwrap(), None);
        assert!(lookup("{\"a\":1", &path("b")).is_err());
    }
}
