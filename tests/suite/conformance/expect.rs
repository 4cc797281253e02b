//! What was seen, held against what a case expects.
//!
//! A value expected stands for itself: objects in any order, numbers by what they amount to. An object with one of these
//! as its only field is a pattern: `$any`; `$contains` (a text with these parts); `$place` (a text with a file and line);
//! `$exact` (numbers as written, fields in this order); `$is` and `$not` (the value that a name stood for when it was
//! first met, or another).

use std::collections::BTreeMap;
use weir_tests::exact::Exact;

/// What can be expected. What a case does not name has to be empty, but for `calls`, `actions` and `said`.
pub const FIELDS: [&str; 8] = ["outputs", "memory", "failures", "log", "requests", "calls", "actions", "said"];
const NOT_LOOKED_AT_UNLESS_NAMED: [&str; 3] = ["calls", "actions", "said"];

/// What is wrong.
pub fn compare(expected: &Exact, seen: &Exact) -> Vec<String> {
    let mut match_ = Match::default();
    for field in FIELDS {
        let seen = seen.get(field).expect("a world says all");
        match expected.get(field) {
            Some(expected) => match_.value(field, expected, seen),
            None if NOT_LOOKED_AT_UNLESS_NAMED.contains(&field) || is_empty(seen) => {}
            None => match_.wrong.push(format!("{field}: nothing was expected, and there was {}", short(seen))),
        }
    }
    match_.wrong
}

fn is_empty(value: &Exact) -> bool {
    match value {
        Exact::List(items) => items.is_empty(),
        Exact::Object(fields) => fields.is_empty(),
        _ => false,
    }
}

#[derive(Default)]
struct Match {
    names: BTreeMap<String, Exact>,
    wrong: Vec<String>,
}

impl Match {
    fn value(&mut self, place: &str, expected: &Exact, seen: &Exact) {
        if let Exact::Object(fields) = expected {
            if let [(name, pattern)] = &fields[..]
                && let Some(kind) = name.to_text().strip_prefix('$')
            {
                return self.pattern(place, kind, pattern, seen);
            }
            return self.object(place, fields, seen);
        }
        match (expected, seen) {
            (Exact::List(expected), Exact::List(seen)) => {
                for (index, (expected, seen)) in expected.iter().zip(seen).enumerate() {
                    self.value(&format!("{place}[{index}]"), expected, seen);
                }
                for (index, seen) in seen.iter().enumerate().skip(expected.len()) {
                    self.differs(&format!("{place}[{index}]"), &"nothing more", seen);
                }
                for (index, expected) in expected.iter().enumerate().skip(seen.len()) {
                    self.wrong.push(format!("{place}[{index}]: {} is missing", short(expected)));
                }
            }
            _ if expected.same_value(seen) => {}
            _ => self.differs(place, &short(expected), seen),
        }
    }

    fn object(&mut self, place: &str, fields: &[(weir_tests::exact::Text, Exact)], seen: &Exact) {
        let Exact::Object(seen_fields) = seen else {
            return self.differs(place, &short(&Exact::Object(fields.to_vec())), seen);
        };
        for (name, expected) in fields {
            let place = format!("{place}.{}", name.to_text());
            match seen_fields.iter().find(|(seen_name, _)| seen_name == name) {
                Some((_, seen)) => self.value(&place, expected, seen),
                // Of a request, a header that is not there.
                None if *expected == Exact::Null && place.contains(".headers.") => {}
                None => self.wrong.push(format!("{place}: {} is missing from {}", short(expected), short(seen))),
            }
        }
        // Requests carry more headers than matter.
        let only_some = |name: &str| place.ends_with(".headers") || place.starts_with("requests") && name == "headers";
        for (name, value) in seen_fields.iter().filter(|(name, _)| !only_some(&name.to_text())) {
            if !fields.iter().any(|(expected, _)| expected == name) {
                self.differs(&format!("{place}.{}", name.to_text()), &"nothing", value);
            }
        }
    }

    fn pattern(&mut self, place: &str, kind: &str, pattern: &Exact, seen: &Exact) {
        let name = pattern.as_text().unwrap_or_default();
        match kind {
            "any" => {}
            "contains" => {
                let text = seen.as_text().unwrap_or_else(|| seen.to_string());
                for part in pattern.items().iter().filter_map(Exact::as_text) {
                    if !text.contains(&part) {
                        self.differs(place, &format!("a text with {part:?}"), seen);
                    }
                }
            }
            "place" if names_a_place(&seen.as_text().unwrap_or_default()) => {}
            "place" => self.differs(place, &"a text that names file and line", seen),
            "exact" if pattern.to_string() == seen.to_string() => {}
            "exact" => self.differs(place, &format!("exactly {}", short(pattern)), seen),
            "is" => {
                let known = self.names.entry(name.clone()).or_insert_with(|| seen.clone()).clone();
                if !known.same_value(seen) {
                    self.differs(place, &format!("{} again ({name})", short(&known)), seen);
                }
            }
            "not" => {
                let known = self.names.get(&name).unwrap_or_else(|| panic!("{place}: nothing is named {name:?} yet"));
                if known.same_value(seen) {
                    self.differs(place, &format!("another value than before ({name})"), seen);
                }
            }
            other => panic!("{place}: there is no pattern ${other}"),
        }
    }

    fn differs(&mut self, place: &str, expected: &dyn std::fmt::Display, seen: &Exact) {
        self.wrong.push(format!("{place}: expected {expected}, seen {}", short(seen)));
    }
}

/// Whether a text has `file.ending:12` in it.
fn names_a_place(text: &str) -> bool {
    text.match_indices(':').any(|(at, _)| {
        let line = text[at + 1..].starts_with(|next: char| next.is_ascii_digit());
        let file = text[..at].rsplit(|c: char| !c.is_ascii_alphanumeric() && !"._-".contains(c)).next();
        let ending = file.and_then(|file| file.rsplit_once('.')).map(|(name, ending)| (name.len(), ending));
        line && ending
            .is_some_and(|(length, ending)| length > 0 && ending.starts_with(|c: char| c.is_ascii_alphabetic()))
    })
}

fn short(value: &Exact) -> String {
    let text = value.to_string();
    if text.len() <= 600 {
        return text;
    }
    format!("{}… ({} bytes)", &text[..text.floor_char_boundary(600)], text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outputs(expected: &str, seen: &str) -> Vec<String> {
        let empty = r#""memory":{},"failures":[],"log":[],"requests":[],"calls":[],"actions":[],"said":"""#;
        let seen = Exact::parse(&format!("{{\"outputs\":{seen},{empty}}}")).unwrap();
        compare(&Exact::parse(&format!("{{\"outputs\":{expected}}}")).unwrap(), &seen)
    }

    #[test]
    fn what_differs_is_told_with_its_place() {
        assert!(outputs(r#"[{"a":1,"b":[]}]"#, r#"[{"b":[],"a":1.0}]"#).is_empty());
        assert!(outputs(r#"[{"$place":true}]"#, r#"["boom at src/ends.rs:12:5"]"#).is_empty());
        for (expected, seen) in [
            ("[1]", "[2]"),
            ("[1]", "[1,1]"),
            ("[1,1]", "[1]"),
            (r#"[{"a":1}]"#, r#"[{"a":1,"b":2}]"#),
            (r#"[{"a":1,"b":2}]"#, r#"[{"a":1}]"#),
            (r#"[{"a":null}]"#, r#"[{}]"#),
            (r#"[{"$contains":["x"]}]"#, r#"["y"]"#),
            (r#"[{"$exact":1.0}]"#, "[1]"),
            (r#"[{"$place":true}]"#, r#"["http://127.0.0.1:80/ at 10:30, a.: 5"]"#),
            (r#"[{"$is":"n"},{"$is":"n"}]"#, "[1,2]"),
            (r#"[{"$is":"n"},{"$not":"n"}]"#, "[1,1]"),
        ] {
            let wrong = outputs(expected, seen);
            assert!(wrong.len() == 1 && wrong[0].starts_with("outputs["), "{expected} {seen}: {wrong:?}");
        }
    }

    #[test]
    fn what_was_not_expected_is_wrong() {
        let seen = r#"{"outputs":[],"memory":{"a":1},"failures":[],"log":[],"requests":[],"calls":[1],"actions":[],"said":"x"}"#;
        let wrong = compare(&Exact::parse("{}").unwrap(), &Exact::parse(seen).unwrap());
        assert!(wrong.len() == 1 && wrong[0].starts_with("memory: nothing was expected"), "{wrong:?}");
    }
}
