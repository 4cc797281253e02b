//! examples/tally: the same action in each language, on every event, in one host.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use weir_tests::Output;
use weir_tests::polyglot::Example;

/// What each language has to put out, by key in order: for each event one tally a language, in declared order.
fn expected(events: &str, languages: &[String]) -> BTreeMap<String, Vec<Value>> {
    let mut sums: BTreeMap<String, (u64, i64)> = BTreeMap::new();
    let mut tallies: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for line in events.lines() {
        let event: Value = serde_json::from_str(line).expect("an event is JSON");
        let key = event["key"].as_str().expect("an event has a key");
        let amount = event["amount"].as_i64().expect("an event has an amount");
        let (count, total) = sums.entry(key.to_owned()).or_default();
        (*count, *total) = (*count + 1, *total + amount);
        let all = tallies.entry(key.to_owned()).or_default();
        for language in languages {
            all.push(json!({"language": language, "count": *count, "total": *total, "doubled": 2 * amount}));
        }
    }
    tallies
}

// [S1] [S2] [S8] [S12] [P1]
#[test]
fn tallies_of_all_languages_agree() {
    let example = Example::read("tally");
    if example.languages.is_empty() {
        return;
    }
    let project = example.project("events.jsonl", &[]);
    project.run().expect(0);
    let output = Output::read(&project.path("tallies.jsonl"));
    let expected = expected(&example.file("events.jsonl"), &example.languages);
    for (key, tallies) in &expected {
        assert_eq!(output.payloads_of(key), *tallies, "key {key}");
    }
    let all: usize = expected.values().map(Vec::len).sum();
    assert_eq!(output.lines.len(), all);
}
