//! More hosts and fewer, under load, and none of them killed.

use super::{Load, is_wanted};
use crate::kafka::application::Application;
use std::time::Duration;
use weir_tests::{Random, kafka, wait_until};

const PARTITIONS: u32 = 6;

fn some_time(random: &mut Random) {
    std::thread::sleep(Duration::from_millis(500 + random.below(4_000)));
}

// [S6] [S30] [S31] [S32]
#[test]
fn one_host_three_and_one_again_do_everything_once() {
    if !is_wanted("scaling") {
        return;
    }
    let Some(cluster) = kafka::shared() else { return };
    let mut random = Random::new("scaling");
    let application = Application::new(cluster, "scale", PARTITIONS);
    let load = Load::new(&application, random.number());
    let projects = [(); 3].map(|()| application.host(&load.manifest));
    let last = load.during(|| {
        let mut hosts = load.start(&projects[..1]);
        some_time(&mut random);
        hosts.extend(load.start(&projects[1..]));
        some_time(&mut random);
        while hosts.len() > 1 {
            let leaves = hosts.swap_remove(random.below(hosts.len() as u64) as usize);
            leaves.stop().expect(0);
            some_time(&mut random);
        }
        hosts.remove(0)
    });
    load.check_end(vec![last]);
}

// [S6] [S30] [S31] [S32]
#[test]
fn a_rolling_restart_does_everything_once() {
    if !is_wanted("rolling restart") {
        return;
    }
    let Some(cluster) = kafka::shared() else { return };
    let mut random = Random::new("rolling restart");
    let application = Application::new(cluster, "rolling", PARTITIONS);
    let load = Load::new(&application, random.number());
    let projects = [(); 3].map(|()| application.host(&load.manifest));
    let hosts = load.during(|| {
        let mut hosts = load.start(&projects);
        for _ in 0..3 {
            for (at, project) in projects.iter().enumerate() {
                some_time(&mut random);
                // The new one is there before the old one has gone, or after.
                if random.below(2) == 0 {
                    let old = std::mem::replace(&mut hosts[at], project.start());
                    old.stop().expect(0);
                } else {
                    hosts[at].terminate();
                    wait_until("the host ends", || hosts[at].has_ended());
                    let old = std::mem::replace(&mut hosts[at], project.start());
                    old.wait().expect(0);
                }
                hosts[at].wait_for_log("is taken over");
            }
        }
        hosts
    });
    load.check_end(hosts);
}
