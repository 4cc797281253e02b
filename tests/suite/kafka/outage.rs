//! Brokers that are away, and what a host does meanwhile.

use super::application::{Application, SESSION_MS};
use serde_json::json;
use std::time::{Duration, Instant};
use weir_tests::guests;
use weir_tests::kafka::Cluster;

const COUNTS: &[u8] = br#"{"do":[{"count":"n"}]}"#;

// [S6] [S32]
#[test]
fn a_host_that_is_told_to_stop_while_brokers_are_away_does_not_wait_for_them() {
    let Some(cluster) = Cluster::start(&[]) else { return };
    let application = Application::new(&cluster, "away", 1);
    let project = application.host(&application.manifest(&guests::probe()));
    let mut host = project.start();
    application.produce("murmur2", [(Some(&b"k"[..]), Some(COUNTS))]);
    application.wait_for_outputs(&mut host, 1);
    cluster.kill(None);
    // It was thrown out of its group, and what it needs to come back does not answer.
    host.wait_for_log("the shard joins its group anew");
    std::thread::sleep(Duration::from_millis(SESSION_MS));
    let told = Instant::now();
    host.stop().expect(0);
    assert!(told.elapsed() < Duration::from_secs(10), "it took {:?}", told.elapsed());
    // Brokers that come back find it where it was.
    cluster.restart(None);
    application.produce("murmur2", [(Some(&b"k"[..]), Some(COUNTS))]);
    let mut host = project.start();
    application.wait_for_outputs(&mut host, 2);
    // And where it has something to give up, until it is thrown out.
    cluster.kill(None);
    let told = Instant::now();
    let ended = host.stop().expect(0);
    assert!(told.elapsed() < Duration::from_secs(30), "it took {:?}", told.elapsed());
    assert!(ended.stderr.contains("without a last checkpoint"), "{}", ended.stderr);
    cluster.restart(None);
    application.produce("murmur2", [(Some(&b"k"[..]), Some(COUNTS))]);
    let mut host = project.start();
    application.wait_for_outputs(&mut host, 3);
    host.stop().expect(0);
    assert_eq!(application.output().payloads_of("k"), [1, 2, 3].map(|n| json!([n])));
}
