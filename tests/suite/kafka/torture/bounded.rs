//! Topics hold what is live, and no more.

use super::{is_wanted, wait_long};
use crate::kafka::application::Application;
use serde_json::json;
use std::time::Duration;
use weir_tests::kafka::Cluster;
use weir_tests::{Random, guests};

const EVENTS: usize = 200_000;
const KEYS: usize = 1_000;
const KILLS: usize = 5;
/// Entries of a key: its header, and two leaves of its memory.
const ENTRIES: usize = 3;
/// What stands in segments that are still open when one looks.
const SLACK: usize = 500;

fn produce(application: &Application<'_>, from: usize, count: usize) {
    let key = |n: usize| format!("key-{}", n % KEYS).into_bytes();
    let keys: Vec<Vec<u8>> = (from..from + count).map(key).collect();
    for keys in keys.chunks(20_000) {
        application.produce("murmur2", keys.iter().map(|key| (Some(&key[..]), Some(&b"{}"[..]))));
    }
}

// [S23] [S24] [S25] [S32] [D5]
#[test]
fn topics_are_bounded_by_what_is_live_however_many_events_there_were() {
    if !is_wanted("bounded topics") {
        return;
    }
    let Some(cluster) = Cluster::start(&["--set", "log.cleaner.backoff.ms=500"]) else { return };
    let mut random = Random::new("bounded topics");
    let application = Application::new(&cluster, "bounded", 4);
    let state_topic = "state_topic = { \"segment.ms\" = 1000, \"min.cleanable.dirty.ratio\" = \"0.01\", \
        \"delete.retention.ms\" = 1000, \"max.compaction.lag.ms\" = 1000 }\nclient =";
    let mut manifest = application.manifest(&guests::tally());
    manifest.more = manifest.more.replacen("client =", state_topic, 1);
    let projects = [(); 2].map(|()| application.host(&manifest));
    let mut hosts = projects.each_ref().map(weir_tests::Project::start);
    for kill in 0..KILLS {
        produce(&application, kill * EVENTS / KILLS, EVENTS / KILLS);
        std::thread::sleep(Duration::from_millis(random.below(5_000)));
        let victim = random.below(2) as usize;
        hosts[victim].kill_in_place();
        hosts[victim] = projects[victim].start();
    }
    let long = Duration::from_secs(300);
    wait_long("all is done", long, || {
        std::thread::sleep(Duration::from_secs(2));
        application.outputs() >= EVENTS
    });
    assert_eq!(application.outputs(), EVENTS);
    // A segment is closed, and then cleaned, when something comes after it.
    let mut produced = EVENTS;
    let mut found = (0, 0);
    wait_long("the topics are as small as what is live", long, || {
        produce(&application, produced, 8);
        produced += 8;
        std::thread::sleep(Duration::from_secs(2));
        let records = |topic: &str| application.records(&format!("{}{topic}", application.name)).len();
        found = (records(".action-state"), records(".keyed-state"));
        println!("action states, keyed state: {found:?}");
        found.0 <= SLACK && found.1 <= KEYS * ENTRIES + SLACK
    });
    for host in hosts {
        host.stop().expect(0);
    }
    assert_eq!(application.live_action_states(), [""; 0]);
    let counts = application.output();
    let last = counts.lines.iter().rfind(|line| line["key"] == "key-7").expect("an output");
    let n = (0..produced).filter(|n| n % KEYS == 7).count();
    assert_eq!(last["payload"], json!({"n": n, "total": 2 * n}));
}
