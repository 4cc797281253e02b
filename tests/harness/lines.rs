//! What a sink wrote.

use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// The lines of a sink, parsed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Output {
    /// In the order of the file.
    pub lines: Vec<Value>,
}

impl Output {
    /// Reads a file; one that is not there has no lines.
    pub fn read(path: &Path) -> Self {
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(&text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Self::default(),
            Err(error) => panic!("read {}: {error}", path.display()),
        }
    }

    /// Parses lines, each of which must be whole.
    pub fn parse(text: &str) -> Self {
        assert!(text.is_empty() || text.ends_with('\n'), "the last line is torn: {text:?}");
        let parse = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in line {line}"));
        Self { lines: text.lines().map(parse).collect() }
    }

    /// Lines by key: the order across keys means nothing [S5].
    pub fn by_key(&self) -> BTreeMap<String, Vec<Value>> {
        let mut keys: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for line in &self.lines {
            let key = line["key"].as_str().expect("each line has a key");
            keys.entry(key.to_owned()).or_default().push(line.clone());
        }
        keys
    }

    /// As `by_key`, without what derives from the place of the input event in its source.
    pub fn by_key_without_ids(&self) -> BTreeMap<String, Vec<Value>> {
        let mut keys = self.by_key();
        for line in keys.values_mut().flatten() {
            let line = line.as_object_mut().expect("a line is an object");
            line.remove("id");
            line.remove("triggering_event_id");
            line.remove("source_timestamp_ms");
        }
        keys
    }

    /// The payloads of one key, in order.
    pub fn payloads_of(&self, key: &str) -> Vec<Value> {
        let lines = self.lines.iter().filter(|line| line["key"] == key);
        lines.map(|line| line["payload"].clone()).collect()
    }

    /// All payloads, in the order of the file.
    pub fn payloads(&self) -> Vec<Value> {
        self.lines.iter().map(|line| line["payload"].clone()).collect()
    }
}

/// Checks that each key's lines are what they should be; shows the first that is not.
#[track_caller]
pub fn assert_same_by_key(found: &BTreeMap<String, Vec<Value>>, expected: &BTreeMap<String, Vec<Value>>) {
    for key in found.keys().chain(expected.keys()) {
        let (found, expected) = (found.get(key), expected.get(key));
        let (found, expected) = (found.map_or(&[][..], Vec::as_slice), expected.map_or(&[][..], Vec::as_slice));
        let differ = (0..found.len().max(expected.len())).find(|at| found.get(*at) != expected.get(*at));
        if let Some(at) = differ {
            let show = |line: Option<&Value>| line.map_or("nothing".to_owned(), Value::to_string);
            let counts = format!("{} lines instead of {}", found.len(), expected.len());
            panic!(
                "key {key:?} ({counts}), line {at}:\n{}\ninstead of\n{}",
                show(found.get(at)),
                show(expected.get(at))
            );
        }
    }
}
