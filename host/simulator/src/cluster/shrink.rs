//! Scenarios of a cluster a little smaller than one that fails.

use super::scenario::{ClusterScenario, HOSTS_MAX};
use crate::history::History;

/// Those that take away most first.
pub fn smaller(of: &ClusterScenario) -> Vec<ClusterScenario> {
    let mut found: Vec<_> = of.base.smaller().into_iter().map(|base| ClusterScenario { base, ..of.clone() }).collect();
    let mut with = |change: &dyn Fn(&mut ClusterScenario)| {
        let mut scenario = of.clone();
        change(&mut scenario);
        found.push(scenario);
    };
    for at in 0..of.faults.len() {
        with(&|scenario| {
            scenario.faults.remove(at);
        });
    }
    if of.hosts > 2 {
        with(&|scenario| scenario.hosts -= 1);
    }
    if of.partitions > 1 {
        with(&|scenario| scenario.partitions -= 1);
    }
    if of.ahead_ms != [0; HOSTS_MAX] {
        with(&|scenario| scenario.ahead_ms = [0; HOSTS_MAX]);
    }
    for at in 0..of.faults.len() {
        for (part, of) in [(0, 1), (1, 2), (3, 4), (9, 10)] {
            with(&|scenario| scenario.faults[at].after = scenario.faults[at].after * part / of);
        }
        with(&|scenario| scenario.faults[at].after = scenario.faults[at].after.saturating_sub(1));
    }
    found
}
