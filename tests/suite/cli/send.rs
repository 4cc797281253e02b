//! `weir send`: exit code 0 says that the event is durable.

use serde_json::json;
use weir_tests::{Manifest, Project, guests, wait_until};

#[test]
fn an_event_that_is_sent_is_taken_and_one_sent_again_is_taken_once() {
    let project = Project::new(&Manifest::new(&guests::tally()).listening());
    let mut host = project.start();
    let url = host.origin();
    let send = |arguments: &[&str]| {
        project.weir(&[&["send", "Hualian, Taiwan", "{\"n\": 1}", "--url", &url], arguments].concat())
    };
    assert_eq!(send(&[]).expect(0).stdout, "durable as inbox event 0\n");
    let id = ["--idempotency-key", "one"];
    assert_eq!(send(&id).expect(0).stdout, "durable as inbox event 1\n");
    assert_eq!(send(&id).expect(0).stdout, "taken before, as inbox event 1\n");
    let again = send(&[&id[..], &["--json"]].concat()).expect(0).json();
    assert_eq!(again, json!({"number": 1, "repeated": true}));
    let other = project.weir(&[&["send", "Hualian, Taiwan", "{\"n\": 2}", "--url", &url], &id[..]].concat());
    other.expect_error(2, &["422", "another payload, as inbox event 1", "a key of its own"]);
    wait_until("both events took effect", || project.output().lines.len() == 2);
    host.stop().expect(0);
    let payloads: Vec<_> = project.output().lines.iter().map(|line| line["payload"]["n"].clone()).collect();
    assert_eq!(payloads, [json!(1), json!(2)]);
}

#[test]
fn an_event_can_come_from_standard_input() {
    let project = Project::new(&Manifest::new(&guests::tally()).listening());
    let mut host = project.start();
    let url = host.origin();
    let mut sender = weir_tests::Weir::start(project.folder(), &["send", "k", "-", "--url", &url]);
    sender.write("{\"n\": 1}\n");
    sender.wait().expect(0);
    host.stop().expect(0);
}

#[test]
fn what_is_no_event_is_refused_before_it_leaves() {
    let project = Project::new(&Manifest::new(&guests::tally()).listening());
    let send = |arguments: &[&str]| project.weir(&[&["send", "k"], arguments].concat());
    send(&["{n: 1}", "--url", "http://127.0.0.1:1"]).expect_error(2, &["the event is"]);
    send(&["{}", "--url", "127.0.0.1:1"]).expect_error(2, &["--url 127.0.0.1:1", "http://"]);
    send(&["{}", "--header", "nonsense", "--url", "http://127.0.0.1:1"]).expect_error(2, &["--header nonsense"]);
    send(&["{}"]).expect_error(2, &["port 0", "--url"]);
    project.weir(&["send", "", "{}", "--url", "http://127.0.0.1:1"]).expect_error(2, &["KEY is empty: name the key"]);
    let of_file = Project::new(&Manifest::new(&guests::tally()));
    of_file.weir(&["send", "k", "{}"]).expect_error(2, &["no source.listen"]);
}

#[test]
fn a_host_that_is_not_there_is_an_error_at_run_time() {
    let project = Project::new(&Manifest::new(&guests::tally()).source("listen = \"127.0.0.1:1\""));
    project.weir(&["send", "k", "{}"]).expect_error(1, &["http://127.0.0.1:1/k", "is the host running?"]);
}
