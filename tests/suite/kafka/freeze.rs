//! A host that is frozen past its session, and wakes up as a zombie.

use super::application::{Application, SESSION_MS};
use super::kill::{check_end, rough, round, with_policy};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;
use weir_tests::{Project, Random, guests, kafka, wait_until};

/// Freezes in one test.
const FREEZES: u64 = 3;

/// The group's offsets, by Kafka's own word.
fn offsets(application: &Application<'_>) -> BTreeMap<i32, i64> {
    use rdkafka::consumer::{BaseConsumer, Consumer};
    use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
    let mut config = application.cluster.client();
    config.set("group.id", &application.name);
    let consumer: BaseConsumer = config.create().expect("make a consumer");
    let mut list = TopicPartitionList::new();
    list.add_partition_range(&format!("{}-in", application.name), 0, 3);
    let committed = consumer.committed_offsets(list, Duration::from_secs(30)).expect("offsets");
    let offset = |offset| match offset {
        Offset::Offset(offset) => offset,
        _ => -1,
    };
    committed.elements().iter().map(|element| (element.partition(), offset(element.offset()))).collect()
}

// [S31] [S32] [S33] [D3] [D9] [D16]
#[test]
fn a_host_that_was_frozen_past_its_session_makes_no_effect_of_another_owner() {
    let Some(cluster) = kafka::shared() else { return };
    let mut random = Random::new("frozen");
    let application = Application::new(cluster, "frozen", 4);
    let scene = rough(random.number());
    let origin = scene.world.origin();
    let manifest = with_policy(application.manifest(&guests::probe()), &origin);
    let projects = [application.host(&manifest), application.host(&manifest)];
    let hosts = projects.each_ref().map(Project::start);
    let mut rounds = 0;
    let mut before = offsets(&application);
    for freeze in 0..FREEZES {
        for _ in 0..3 {
            application.produce_json(&round(&origin, rounds));
            rounds += 1;
        }
        std::thread::sleep(Duration::from_millis(random.below(1_500)));
        let frozen = &hosts[freeze as usize % 2];
        frozen.freeze();
        // What the frozen host had begun may be asked for again by the other.
        scene.world.note_kill();
        application.produce_json(&round(&origin, rounds));
        rounds += 1;
        let expected = rounds as usize * super::kill::KEYS.len() * 2;
        wait_until("the other does all of it", || {
            std::thread::sleep(Duration::from_millis(200));
            application.outputs() >= expected
        });
        std::thread::sleep(Duration::from_millis(random.below(SESSION_MS)));
        let asked = scene.ledger().requests.len();
        frozen.thaw();
        // It finds out, and joins anew.
        application.produce_json(&round(&origin, rounds));
        rounds += 1;
        std::thread::sleep(Duration::from_millis(SESSION_MS));
        let now = offsets(&application);
        for (partition, offset) in &now {
            assert!(
                offset >= &before[partition],
                "partition {partition} was rewound from {} to {offset}",
                before[partition]
            );
        }
        before = now;
        // What was done by the other is not asked for again by the zombie.
        let ledger = scene.ledger();
        let again = ledger.requests[asked..].iter().find(|request| {
            let n = serde_json::from_str::<Value>(&request.body).ok().and_then(|body| body["n"].as_u64());
            n.is_some_and(|n| n + 1 < rounds)
        });
        assert_eq!(again, None);
    }
    check_end(&application, hosts.into(), &scene, rounds);
}
