//! More hosts and fewer, under load, and none of them killed.

use super::{Load, is_wanted};
use crate::kafka::application::Application;
use std::time::Duration;
use weir_tests::process::Weir;
use weir_tests::{Project, Random, kafka};

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
        let first = projects[0].start();
        some_time(&mut random);
        let others = [projects[1].start(), projects[2].start()];
        some_time(&mut random);
        some_time(&mut random);
        let mut hosts: Vec<Weir> = [first].into_iter().chain(others).collect();
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
        let mut hosts = projects.each_ref().map(Project::start);
        for _ in 0..3 {
            for (at, project) in projects.iter().enumerate() {
                some_time(&mut random);
                // The new one is there before the old one has gone, or after.
                if random.below(2) == 0 {
                    std::mem::replace(&mut hosts[at], project.start()).stop().expect(0);
                } else {
                    hosts[at].terminate();
                    weir_tests::wait_until("the host ends", || hosts[at].has_ended());
                    std::mem::replace(&mut hosts[at], project.start()).wait().expect(0);
                }
            }
        }
        hosts
    });
    load.check_end(hosts.into());
}
