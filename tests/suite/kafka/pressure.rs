//! More events than a host has room for.

use super::application::Application;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc;
use std::time::Duration;
use weir_tests::post::get;
use weir_tests::wait::wait_for;
use weir_tests::{guests, kafka, wait_until};

/// Large events, one of which takes a good part of a megabyte.
const EVENTS: usize = 120;
const BYTES: usize = 900_000;
/// What a shard takes of those that wait for their turn, by `WAITING_BYTES_MAX`, and a few on the way.
const WAITING_MAX: f64 = 90.0;

fn pending(origin: &str) -> f64 {
    let (_, page) = wait_for("the metrics", || get(&format!("{origin}/metrics"), None).ok());
    let line = page.lines().find(|line| line.starts_with("weir_pending_input_events{")).expect("it is there");
    line.rsplit(' ').next().and_then(|value| value.parse().ok()).expect("a number")
}

// [S30]
#[test]
fn large_events_of_a_key_that_is_busy_wait_at_the_broker() {
    let Some(cluster) = kafka::shared() else { return };
    let application = Application::new(cluster, "pressure", 1);
    let slow = TcpListener::bind("127.0.0.1:0").expect("take a port");
    let origin = format!("http://{}", slow.local_addr().expect("it has one"));
    let (answer, told) = mpsc::channel::<()>();
    std::thread::spawn(move || {
        let (mut asked, _) = slow.accept().expect("somebody asks");
        let _ = asked.read(&mut [0; 4_096]);
        let _ = told.recv();
        let _ = asked.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}");
    });
    let asks = json!({"key": "hot", "do": [{"http": ["GET", format!("{origin}/"), null]}]});
    let large = json!({"key": "hot", "do": [{"count": "n"}], "fill": "x".repeat(BYTES)});
    application.produce_json(std::iter::once(&asks).chain(std::iter::repeat_n(&large, EVENTS)));
    let project = application.host(&application.manifest(&guests::probe()).granting(&origin));
    let mut host = project.start_with(&["--set", "host.listen=127.0.0.1:0"]);
    let at = host.metrics_origin();
    wait_until("many wait", || pending(&at) > 60.0);
    // Time enough for the rest.
    std::thread::sleep(Duration::from_secs(2));
    assert!(pending(&at) < WAITING_MAX, "{} wait in the host", pending(&at));
    answer.send(()).expect("it waits");
    application.wait_for_outputs(&mut host, 1 + EVENTS);
    host.stop().expect(0);
    let counts: Vec<Value> = (1..=EVENTS).map(|n| json!([n])).collect();
    assert_eq!(application.output().payloads_of("hot")[1..], counts);
}
