//! Brokers that die.

use super::{Load, is_wanted, wait_long};
use crate::kafka::application::Application;
use std::time::Duration;
use weir_tests::kafka::Cluster;
use weir_tests::{Project, Random, wait_until};

/// How often brokers die in one test.
const DEATHS: u64 = 4;

// [S26] [S31] [S32] [S33] [D11]
#[test]
fn hosts_outlive_the_death_of_their_only_broker() {
    if !is_wanted("death of the broker") {
        return;
    }
    let Some(cluster) = Cluster::start(&[]) else { return };
    let mut random = Random::new("death of the broker");
    let application = Application::new(&cluster, "one-broker", 4);
    let load = Load::new(&application, random.number());
    let projects = [(); 2].map(|()| application.host(&load.manifest));
    let mut hosts = projects.each_ref().map(Project::start);
    for _ in 0..DEATHS {
        for _ in 0..1 + random.below(4) {
            load.produce();
        }
        std::thread::sleep(Duration::from_millis(random.below(2_000)));
        cluster.kill(None);
        load.scene.world.note_kill();
        std::thread::sleep(Duration::from_millis(random.below(6_000)));
        cluster.restart(None);
        load.scene.world.note_kill();
    }
    load.produce();
    for host in &mut hosts {
        assert!(!host.has_ended(), "it ended:\n{}", host.stderr());
    }
    load.check_end(hosts.into());
}

// [S26] [S31] [S32] [S33] [D11]
#[test]
fn hosts_go_on_without_one_of_three_brokers() {
    if !is_wanted("one of three brokers") {
        return;
    }
    let Some(cluster) = Cluster::start(&["--brokers", "3"]) else { return };
    let mut random = Random::new("one of three brokers");
    let application = Application::new(&cluster, "three-brokers", 4);
    let load = Load::new(&application, random.number());
    let projects = [(); 2].map(|()| application.host(&load.manifest));
    let hosts = load.during(|| {
        let mut hosts = projects.each_ref().map(Project::start);
        for _ in 0..DEATHS {
            let broker = 1 + random.below(3) as u32;
            std::thread::sleep(Duration::from_millis(1_000 + random.below(3_000)));
            cluster.kill(Some(broker));
            load.scene.world.note_kill();
            // For a while without it.
            std::thread::sleep(Duration::from_millis(5_000 + random.below(5_000)));
            cluster.restart(Some(broker));
            load.scene.world.note_kill();
        }
        for host in &mut hosts {
            assert!(!host.has_ended(), "it ended:\n{}", host.stderr());
        }
        hosts
    });
    load.check_end(hosts.into());
}

// [S26] [S31] [S32] [D11]
#[test]
fn a_host_that_reaches_no_broker_for_long_stops_and_the_next_start_is_clean() {
    if !is_wanted("no broker for long") {
        return;
    }
    let Some(cluster) = Cluster::start(&[]) else { return };
    let mut random = Random::new("no broker for long");
    let application = Application::new(&cluster, "unreachable", 4);
    let load = Load::new(&application, random.number());
    let projects = [(); 2].map(|()| application.host(&load.manifest));
    let mut hosts = projects.each_ref().map(Project::start);
    load.produce();
    wait_until("some outputs are there", || application.outputs() > 4);
    load.produce();
    std::thread::sleep(Duration::from_millis(random.below(1_000)));
    cluster.kill(None);
    load.scene.world.note_kill();
    wait_long("the hosts stop", Duration::from_secs(300), || hosts.iter_mut().all(|host| host.has_ended()));
    for host in hosts {
        let error = host.wait().expect_error(1, &[]);
        println!("{error}");
    }
    cluster.restart(None);
    load.scene.world.note_kill();
    let hosts = projects.each_ref().map(Project::start);
    load.produce();
    load.check_end(hosts.into());
}
