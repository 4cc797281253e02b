//! What hosts on Kafka tell machines.

use super::application::Application;
use serde_json::json;
use std::collections::BTreeMap;
use weir_tests::post::get;
use weir_tests::{guests, kafka, wait_until};

const LISTEN: [&str; 2] = ["--set", "host.listen=127.0.0.1:0"];

/// Where the partitions are that a host owns, as it says.
fn offsets(origin: &str, application: &str) -> BTreeMap<u32, u64> {
    let (status, page) = get(&format!("{origin}/metrics"), None).expect("it answers");
    assert_eq!(status, 200);
    let label = format!("weir_source_offset{{application=\"{application}\",partition=\"");
    let samples = page.lines().filter_map(|line| line.strip_prefix(&label)?.split_once("\"} "));
    samples.map(|(partition, offset)| (partition.parse().expect("a number"), offset.parse().expect("one"))).collect()
}

// [S31]
#[test]
fn a_host_tells_where_the_partitions_are_that_it_owns() {
    let Some(cluster) = kafka::shared() else { return };
    let application = Application::new(cluster, "offsets", 2);
    let project = application.host(&application.manifest(&guests::tally()));
    let events: Vec<_> = (0..20).map(|n| json!({"key": format!("k{n}")})).collect();
    application.produce_json(&events);
    let mut ends = BTreeMap::from([(0, 0), (1, 0)]);
    for record in application.records(&format!("{}-in", application.name)) {
        ends.insert(record.partition as u32, record.offset as u64 + 1);
    }
    let mut first = project.start_with(&LISTEN);
    let at = first.metrics_origin();
    wait_until("all is durable", || offsets(&at, &application.name) == ends);
    let elsewhere = application.host(&application.manifest(&guests::tally()));
    let mut second = elsewhere.start_with(&LISTEN);
    let also_at = second.metrics_origin();
    wait_until("each tells of its own", || {
        let [mut first, second] = [&at, &also_at].map(|at| offsets(at, &application.name));
        let is_shared = first.len() == 1 && second.len() == 1;
        first.extend(second);
        is_shared && first == ends
    });
    first.stop().expect(0);
    wait_until("the other has all", || offsets(&also_at, &application.name) == ends);
    second.stop().expect(0);
}
