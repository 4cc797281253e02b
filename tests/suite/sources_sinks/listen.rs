//! Events by POST: what is answered, and what the answer is worth.

use super::says;
use serde_json::json;
use weir_tests::post::{encoded, post_path};
use weir_tests::{Manifest, Project, Weir, control, guests, post, wait_until};

fn manifest() -> Manifest {
    Manifest::new(&guests::probe()).listening()
}

fn say(origin: &str, key: &str, id: Option<&str>, text: &str) -> weir_tests::post::Answered {
    post(origin, key.as_bytes(), id, &says(key, text).to_string()).expect("the host answers")
}

fn finish(project: &Project, mut weir: Weir, runs: u64) {
    weir.origin();
    wait_until("all are run", || control::runs_finished(project) == runs);
    weir.stop().expect(0);
}

// [S1]
#[test]
fn what_was_answered_202_survives_a_kill_right_after_the_answer() {
    let project = Project::new(&manifest().checkpoints_every_ms(60_000));
    for n in 0..6 {
        let mut weir = project.start();
        let answered = say(&weir.origin(), "a", None, &n.to_string());
        weir.kill();
        assert_eq!((answered.status, answered.body), (202, json!({"number": n, "repeated": false})));
    }
    finish(&project, project.start(), 6);
    assert_eq!(project.output().payloads(), ["0", "1", "2", "3", "4", "5"]);
}

// [S1]
#[test]
fn an_event_with_an_idempotency_key_is_taken_once_even_after_a_restart() {
    let project = Project::new(&manifest());
    let mut weir = project.start();
    let first = say(&weir.origin(), "a", Some("order-1"), "one");
    assert_eq!((first.status, &first.body), (202, &json!({"number": 0, "repeated": false})));
    let again = say(&weir.origin(), "a", Some("order-1"), "one");
    assert_eq!((again.status, &again.body), (202, &json!({"number": 0, "repeated": true})));
    wait_until("it is run", || project.output().lines.len() == 1);
    assert_eq!(say(&weir.origin(), "a", Some("order-1"), "one").body["repeated"], true, "and when it is consumed");
    weir.kill();
    let mut weir = project.start();
    assert_eq!(say(&weir.origin(), "a", Some("order-1"), "one").body, json!({"number": 0, "repeated": true}));
    assert_eq!(say(&weir.origin(), "a", Some("order-2"), "two").body, json!({"number": 1, "repeated": false}));
    assert_eq!(say(&weir.origin(), "a", None, "two").body, json!({"number": 2, "repeated": false}));
    finish(&project, weir, 3);
    assert_eq!(project.output().payloads(), ["one", "two", "two"]);
}

// [S1] [S35]
#[test]
fn an_idempotency_key_with_another_payload_is_answered_422_even_after_a_restart() {
    let project = Project::new(&manifest());
    let mut weir = project.start();
    assert_eq!(say(&weir.origin(), "a", Some("order-1"), "one").status, 202);
    weir.kill();
    let mut weir = project.start();
    let refused = say(&weir.origin(), "a", Some("order-1"), "two");
    assert_eq!(refused.status, 422);
    let why = refused.body["error"].as_str().expect("a reason");
    assert!(why.contains("another payload, as inbox event 0"), "{why}");
    assert_eq!(say(&weir.origin(), "a", Some("order-1"), "one").body, json!({"number": 0, "repeated": true}));
    assert_eq!(say(&weir.origin(), "a", Some("order-2"), "two").body, json!({"number": 1, "repeated": false}));
    finish(&project, weir, 2);
    assert_eq!(project.output().payloads(), ["one", "two"]);
}

// [S1] [S35]
#[test]
fn an_empty_idempotency_key_is_refused_and_drops_no_event() {
    let project = Project::new(&manifest());
    let mut weir = project.start();
    let refused = say(&weir.origin(), "a", Some(""), "one");
    assert_eq!(refused.status, 400);
    assert!(refused.body["error"].as_str().expect("a reason").contains("the Idempotency-Key is empty"));
    assert_eq!(say(&weir.origin(), "a", None, "one").status, 202);
    finish(&project, weir, 1);
}

// [S1]
#[test]
fn an_idempotency_key_is_that_of_one_key() {
    let project = Project::new(&manifest());
    let mut weir = project.start();
    let origin = weir.origin();
    for key in ["a", "b"] {
        assert_eq!(say(&origin, key, Some("order-1"), key).body["repeated"], false, "{key}");
        assert_eq!(say(&origin, key, Some("order-1"), key).body["repeated"], true, "{key}");
    }
    finish(&project, weir, 2);
    assert_eq!(project.output().payloads_of("a"), ["a"]);
    assert_eq!(project.output().payloads_of("b"), ["b"]);
}

// [S1] [D11]
#[test]
fn a_full_inbox_answers_429_and_takes_events_again_later() {
    let limits = "[limits]\ninbox_events_max = 4";
    let project = Project::new(&manifest().checkpoints_every_ms(600_000).with(limits));
    let mut weir = project.start();
    let origin = weir.origin();
    let statuses: Vec<u16> = (0..6).map(|n| say(&origin, "a", None, &n.to_string()).status).collect();
    assert_eq!(statuses, [202, 202, 202, 202, 429, 429]);
    let refused = say(&origin, "a", None, "no");
    assert!(refused.body["error"].as_str().expect("a reason").contains("limits.inbox_events_max"));
    weir.stop().expect(0);
    let mut weir = project.start();
    assert_eq!(say(&weir.origin(), "a", None, "later").status, 202);
    finish(&project, weir, 5);
    assert_eq!(project.output().payloads(), ["0", "1", "2", "3", "later"]);
}

// [S1]
#[test]
fn what_is_no_event_is_answered_400_or_413_and_not_taken() {
    let project = Project::new(&manifest().with("[limits]\ninput_event_bytes_max = 100"));
    let mut weir = project.start();
    let origin = weir.origin();
    for (path, payload, status) in [
        ("a", "", 400),
        ("a", "{", 400),
        ("a", "{} {}", 400),
        ("a%4", "{}", 400),
        ("a%zz", "{}", 400),
        ("", "{}", 400),
        ("a", &format!("\"{}\"", "x".repeat(100)), 413),
    ] {
        let answered = post_path(&origin, path, None, payload).expect("it answers");
        assert_eq!(answered.status, status, "{path} {payload}: {}", answered.body);
        assert!(answered.body["error"].is_string(), "it says why: {}", answered.body);
    }
    let keyless = post_path(&origin, "", None, "{}").expect("it answers");
    assert_eq!(keyless.body["error"], "the URL names no key: post to /KEY");
    let long = format!("/{}", "k".repeat(40_000));
    let answered = post_path(&origin, &long, None, "{}").expect("it answers");
    assert!([400, 414, 431].contains(&answered.status), "{answered:?}");
    let (status, body) = weir_tests::post::get(&format!("{origin}/a"), None).expect("it answers");
    assert_eq!(status, 405);
    assert!(body.contains("POST /KEY"), "{body}");
    finish(&project, weir, 0);
    assert!(project.output().lines.is_empty());
}

// [S19] [S20] [P18] [D1]
#[test]
fn keys_are_bytes_and_hold_anything() {
    let project = Project::new(&manifest());
    let mut weir = project.start();
    let origin = weir.origin();
    let long = "long/".repeat(400);
    let keys: [&[u8]; 10] = [
        b"a",
        b"a_1",
        b"a/b//c",
        b"%41",
        b"?x=1&y#z",
        "Гуалянь".as_bytes(),
        b" ",
        b"\xff\x00",
        b"\xff",
        long.as_bytes(),
    ];
    for key in keys {
        let event = r#"{"do":["key","key-is-text",{"count":"n"}]}"#;
        for _ in 0..2 {
            assert_eq!(post(&origin, key, None, event).expect("it answers").status, 202, "{key:?}");
        }
    }
    finish(&project, weir, 2 * keys.len() as u64);
    for key in keys {
        let text = std::str::from_utf8(key);
        let name = text.map_or_else(|_| encoded(key), str::to_owned);
        let lines: Vec<_> = project.output().lines;
        let of_key: Vec<_> = lines.iter().filter(|line| line["key"] == name.as_str()).collect();
        assert_eq!(of_key.len(), 2, "{name}");
        for (n, line) in of_key.iter().enumerate() {
            assert_eq!(line["payload"], json!([name, text.is_ok(), n + 1]));
            assert_eq!(line.get("key_is_text").is_none(), text.is_ok(), "{line}");
        }
    }
}

// [S1] [S2]
#[test]
fn an_event_has_its_kind_time_and_headers() {
    let manifest = manifest().source("listen = \"127.0.0.1:0\"\nkind = \"kind\"\ntimestamp = \"at\"");
    let project = Project::new(&manifest);
    let mut weir = project.start();
    let origin = weir.origin();
    let event = r#"{"kind":"again","at":12345,"do":["event-kind","source-timestamp"]}"#;
    assert_eq!(post(&origin, b"a", None, event).expect("it answers").status, 202);
    let bad = r#"{"kind":7,"do":[]}"#;
    assert_eq!(post(&origin, b"a", None, bad).expect("it answers").status, 400, "found before it is taken");
    finish(&project, weir, 1);
    assert_eq!(project.output().payloads(), [json!(["again", 12345])]);
    assert_eq!(project.output().lines[0]["source_timestamp_ms"], 12345);
}
