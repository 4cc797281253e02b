//! Input that is no event.

use serde_json::{Value, json};
use weir_tests::{Manifest, Project, guests};

fn manifest() -> Manifest {
    Manifest::new(&guests::tally())
        .source("file = \"in.jsonl\"\nkey = \"user.id\"\nkind = \"kind\"\ntimestamp = \"at\"")
        .with("[limits]\ninput_event_bytes_max = 200")
}

fn good(id: &str, n: u64) -> String {
    json!({"user": {"id": id}, "n": n}).to_string()
}

/// A bad line, and what is said of it.
fn cases() -> Vec<(Vec<u8>, &'static str)> {
    let long = json!({"user": {"id": "a"}, "text": "x".repeat(300)}).to_string();
    vec![
        (b"{\"user\":{\"id\":\"a\"}".to_vec(), "not JSON"),
        (b"quake!".to_vec(), "not JSON"),
        (b"{\"user\":{\"id\":\"a\"}} {}".to_vec(), "not JSON"),
        (b"{\"user\":{}}".to_vec(), "has no \"user.id\", the key that source.key names"),
        (b"{\"user\":{\"id\":null}}".to_vec(), "has no \"user.id\""),
        (b"[1,2]".to_vec(), "has no \"user.id\""),
        (b"{\"user\":{\"id\":[1]}}".to_vec(), "neither a string nor a number"),
        (b"{\"user\":{\"id\":\"\xff\"}}".to_vec(), "not UTF-8"),
        (b"{\"user\":{\"id\":\"a\"},\"kind\":7}".to_vec(), "has a kind at \"kind\" that is not a string"),
        (b"{\"user\":{\"id\":\"a\"},\"kind\":\"\"}".to_vec(), "that is not a string of 1 to 128 bytes"),
        (b"{\"user\":{\"id\":\"a\"},\"at\":\"noon\"}".to_vec(), "has a timestamp at \"at\""),
        (long.into_bytes(), "is longer than limits.input_event_bytes_max (200 bytes)"),
    ]
}

/// Two good lines around a bad one.
fn input(bad: &[u8]) -> Vec<u8> {
    [good("a", 1).as_bytes(), bad, good("a", 2).as_bytes(), b""].join(&b'\n')
}

fn totals(project: &Project) -> Vec<Value> {
    project.output().payloads_of("a").iter().map(|payload| payload["n"].clone()).collect()
}

// [S1] [S35]
#[test]
fn a_line_that_is_no_event_stops_the_host_and_names_its_place_and_once_mended_nothing_is_lost() {
    for (bad, why) in cases() {
        let project = Project::new(&manifest());
        project.write("in.jsonl", input(&bad));
        let byte = format!("in.jsonl:2 (byte {})", good("a", 1).len() + 1);
        for _ in 0..2 {
            let why_first = format!("{byte} is no event: ");
            let error = project.run().expect_error(1, &[&why_first, why.trim_start_matches("is ")]);
            assert!(error.ends_with("; mend it, or set source.on_bad_event = \"set-aside\""), "{error}");
            assert!(totals(&project).len() <= 1, "what came before took effect once at most");
        }
        project.write("in.jsonl", input(good("a", 7).as_bytes()));
        project.run().expect(0);
        assert_eq!(totals(&project), [1, 2, 3]);
    }
}

// [S1]
#[test]
fn keys_that_are_not_unicode_stay_apart() {
    let project = Project::new(&manifest());
    let ids = ["\\ud800", "\\udfff", "\u{fffd}", "\\ud83d\\ude00", "😀"];
    let lines = ids.map(|id| format!("{{\"user\":{{\"id\":\"{id}\"}},\"n\":0}}\n"));
    project.write("in.jsonl", lines.concat());
    project.run().expect(0);
    let lines = project.output().lines;
    let mut keys: Vec<String> = lines.iter().map(|line| line["key"].to_string()).collect();
    assert_eq!(keys.len(), 5);
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), 4, "the last two are one: {keys:?}");
}

// [S1] [S35]
#[test]
fn lines_that_are_no_events_are_set_aside_once_and_the_others_go_on() {
    let setting_aside = manifest().source(
        "file = \"in.jsonl\"\nkey = \"user.id\"\nkind = \"kind\"\ntimestamp = \"at\"\non_bad_event = \"set-aside\"",
    );
    let project = Project::new(&setting_aside);
    let (mut text, mut positions) = (Vec::new(), Vec::new());
    for (number, (bad, _)) in cases().into_iter().enumerate() {
        text.extend([good("a", number as u64).as_bytes(), b"\n"].concat());
        positions.push(json!(text.len()));
        text.extend([&bad[..], b"\n"].concat());
    }
    project.write("in.jsonl", &text);
    for _ in 0..2 {
        let ended = project.run().expect(0);
        assert!(!ended.stderr.contains("error:"), "{}", ended.stderr);
        let expected: Vec<Value> = (1..=cases().len()).map(|n| json!(n)).collect();
        assert_eq!(totals(&project), expected);
        let letters = project.dead_letters().lines;
        let found: Vec<&Value> = letters.iter().map(|letter| &letter["source_position"]).collect();
        assert_eq!(found, positions.iter().collect::<Vec<_>>());
        for (letter, (bad, why)) in letters.iter().zip(cases()) {
            assert_eq!(letter["failure"]["kind"], "bad-event");
            let message = letter["failure"]["message"].as_str().expect("it says why");
            assert!(message.contains(why), "{why}: {message}");
            match std::str::from_utf8(&bad) {
                Ok(text) if text.len() <= 200 => assert_eq!(letter["text"], text),
                // Of a line that is too long its beginning is kept.
                Ok(text) => assert!(text.starts_with(letter["text"].as_str().expect("text"))),
                Err(_) => assert!(letter["base64"].is_string()),
            }
        }
    }
}

// [S19]
#[test]
fn a_number_is_a_key_as_it_is_written() {
    let project = Project::new(&manifest());
    project.write("in.jsonl", "{\"user\":{\"id\":10}}\n{\"user\":{\"id\":1e1}}\n{\"user\":{\"id\":\"10\"}}\n");
    project.run().expect(0);
    let keys: Vec<(String, usize)> =
        project.output().by_key().into_iter().map(|(key, lines)| (key, lines.len())).collect();
    assert_eq!(keys, [("10".to_owned(), 2), ("1e1".to_owned(), 1)]);
}
