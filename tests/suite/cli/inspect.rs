//! `weir inspect`: the same to be seen of a running host and of its store when it stopped.

use serde_json::json;
use weir_tests::{Manifest, Project, control, guests, post, wait_until};

#[test]
fn a_running_host_and_its_stopped_store_show_the_same_keys() {
    let project = Project::new(&Manifest::new(&guests::tally()).listening());
    let mut host = project.start();
    let url = host.origin();
    for (key, count) in [(&b"ann"[..], 3), (b"Hualian, Taiwan", 1), (b"\xff\x00", 2)] {
        for _ in 0..count {
            assert_eq!(post(&url, key, None, "{}").expect("it is posted").status, 202);
        }
    }
    wait_until("all runs are finished", || control::runs_finished(&project) == 6);
    // Until then the running host shows action states that its last checkpoint forgets.
    wait_until("a checkpoint forgets their states", || control::key(&project, "ann")["states"] == json!([]));
    let live = (control::keys(&project), control::key(&project, "ann"));
    host.stop().expect(0);
    let stopped = (control::keys(&project), control::key(&project, "ann"));
    assert_eq!(live, stopped);
    assert_eq!(live.0.len(), 3);
    assert_eq!(live.1["short_term_memory"], json!({"count": 3, "total": 6}));
    assert_eq!(live.1["last_completed"], 2);
}

// [S19]
#[test]
fn a_key_that_is_not_text_is_shown_percent_encoded_and_found_so() {
    let project = Project::new(&Manifest::new(&guests::tally()).listening());
    let mut host = project.start();
    let url = host.origin();
    assert_eq!(post(&url, b"\xff\x00", None, "{}").expect("it is posted").status, 202);
    wait_until("the run is finished", || control::runs_finished(&project) == 1);
    host.stop().expect(0);
    let keys = control::keys(&project);
    assert_eq!((&keys[0]["key"], &keys[0]["key_is_text"]), (&json!("%FF%00"), &json!(false)));
    let found = project.weir(&["inspect", "key", "%FF%00", "--encoded", "--json"]).expect(0).json();
    assert_eq!(found["short_term_memory"]["count"], 1);
    project.weir(&["inspect", "key", "%FF%00"]).expect_error(2, &["no event of key \"%FF%00\" was ever taken"]);
    project.weir(&["inspect", "key", "%F", "--encoded"]).expect_error(2, &["not percent-encoded"]);
    assert!(project.weir(&["inspect", "keys"]).expect(0).stdout.contains("%FF%00 (percent-encoded)"));
}

#[test]
fn lists_come_in_pages() {
    let events: Vec<_> = (0..5).map(|n| json!({"key": format!("k{n}")})).collect();
    let project = Project::with_events(&Manifest::new(&guests::tally()), &events);
    project.run().expect(0);
    let page =
        |arguments: &[&str]| project.weir(&[&["inspect", "keys", "--json"], arguments].concat()).expect(0).json();
    let first = page(&["--limit", "3"]);
    assert_eq!(first["more"], true);
    let last = first["keys"][2]["key"].as_str().expect("it is text").to_owned();
    let second = page(&["--limit", "3", "--after", &last]);
    assert_eq!(second["more"], false);
    let names: Vec<_> = [&first, &second].iter().flat_map(|page| page["keys"].as_array().unwrap().clone()).collect();
    let names: Vec<_> = names.iter().map(|key| key["key"].as_str().unwrap().to_owned()).collect();
    assert_eq!(names, ["k0", "k1", "k2", "k3", "k4"]);
    let text = project.weir(&["inspect", "keys", "--limit", "3"]).expect(0).stdout;
    assert!(text.contains("there are more: --after \"k2\""), "{text}");
}

#[test]
fn a_store_that_is_not_there_is_not_made() {
    let project = Project::with_events(&Manifest::new(&guests::tally()), []);
    for arguments in [&["inspect", "keys"][..], &["inspect", "states"], &["quarantine", "list"]] {
        project.weir(arguments).expect_error(2, &["no store at .weir", "has not run yet"]);
    }
    assert!(!project.path(".weir").exists());
}

// [S29]
#[test]
fn the_event_of_a_quarantined_key_is_shown_on_a_running_host_and_of_its_stopped_store() {
    let project = Project::new(&Manifest::new(&guests::probe()).listening());
    let mut host = project.start();
    let event = json!({"note": "é\u{1b}".repeat(200), "do": [{"fail": {"fatal": ["refused", "no funds"]}}]});
    assert_eq!(post(&host.origin(), b"bad", None, &event.to_string()).expect("it is posted").status, 202);
    wait_until("the key is quarantined", || control::quarantined(&project).len() == 1);
    let seen = || {
        let listed = control::quarantined(&project);
        assert!(listed[0].get("event").is_none(), "a list has no payloads: {listed:?}");
        let detail = control::key(&project, "bad")["quarantine"].clone();
        assert_eq!((&detail["event"]["kind"], &detail["event"]["payload"]), (&json!("input"), &event));
        let state = detail["state"].as_str().expect("it is text");
        assert!(state.contains(detail["event"]["id"].as_str().expect("it is text")), "{detail}");
        let text = project.weir(&["inspect", "key", "bad"]).expect(0).stdout;
        let line = text.lines().find(|line| line.starts_with("quarantined event")).expect("it is shown").to_owned();
        assert!(
            line.contains(" input {\"do\":[{\"fail\":{\"fatal\":[\"refused\",\"no funds\"]}}],\"note\":\""),
            "{line}"
        );
        assert!(line.ends_with("more bytes: --json)") && line.len() < 300, "{line}");
    };
    seen();
    host.stop().expect(0);
    seen();
}
