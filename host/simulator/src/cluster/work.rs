//! The work of a host that owns a partition: input, guests, loads, as on one machine; effects behind the lease.

use super::mistake::ClusterMistake;
use super::run::Cluster;
use crate::guest::{Progress, Wait};
use crate::machine::input_of;
use crate::process::Process;
use crate::repairs::{on_accepted, wanted};
use crate::scenario::Deploy;

impl Cluster {
    fn with_process(&mut self, host: usize, partition: usize, act: impl FnOnce(&mut Process, &mut Self)) {
        self.with_tenure(host, partition, |tenure, cluster| {
            if let Some(process) = &mut tenure.process {
                act(process, cluster);
            }
        });
    }

    pub(super) fn deliver(&mut self, host: usize, partition: usize) {
        self.with_process(host, partition, |process, cluster| {
            let line = cluster.inputs[partition][process.source_next];
            process.source_next += 1;
            let input = input_of(line, &cluster.scenario.base);
            cluster.world.tell(|| format!("    input {} of {:?}", input.event.id, input.key));
            process.operator.on_input_event(input, cluster.world.now_ms);
        });
    }

    pub(super) fn step_guest(&mut self, host: usize, partition: usize, at: usize) {
        let deploy = self.scenario.base.deploy;
        self.with_process(host, partition, |process, cluster| {
            let progress = process.guests[at].step(&mut cluster.world);
            let at_door = matches!(progress, Progress::AtDoor);
            let waits = at_door || process.guests[at].wait != Wait::Nothing;
            process.put_calls(at, waits, &mut cluster.world, deploy);
            if at_door {
                let guest = &mut process.guests[at];
                guest.wait = Wait::Door(process.operator.undurable(&guest.key));
            }
            if let Progress::Ended(end) = progress {
                process.end_guest(at, end, &mut cluster.world, deploy);
            }
        });
    }

    pub(super) fn answer_guest(&mut self, host: usize, partition: usize, at: usize) {
        let deploy = self.scenario.base.deploy;
        self.with_process(host, partition, |process, cluster| {
            let progress = process.guests[at].on_answer(&mut cluster.world);
            process.put_calls(at, false, &mut cluster.world, deploy);
            if let Progress::Ended(end) = progress {
                process.end_guest(at, end, &mut cluster.world, deploy);
            }
        });
    }

    /// Whether the lease lets effects begin now.
    pub(super) fn lease_is_held(&self, host: usize, partition: usize) -> bool {
        let tenure = self.hosts[host].tenures[partition].as_ref().expect("a tenure is asked about");
        let own_ms = self.now_ms() + self.scenario.ahead_ms[host];
        self.mistake == Some(ClusterMistake::NoLease) || tenure.lease.is_held(own_ms)
    }

    /// A guest's requests leave: the lease was looked at in this step.
    pub(super) fn send_of_guest(&mut self, host: usize, partition: usize, at: usize) {
        self.with_tenure(host, partition, |tenure, cluster| {
            let process = tenure.process.as_mut().expect("it acts");
            process.guests[at].send(&mut cluster.world);
            if cluster.is_superseded(tenure.log) {
                let log = tenure.log;
                cluster.world.ledger.muted = false;
                cluster
                    .world
                    .ledger
                    .violate(|| format!("tenure {log} makes an effect for partition {partition}, which is another's"));
            }
        });
    }

    pub(super) fn load(&mut self, host: usize, partition: usize, at: usize) {
        self.with_tenure(host, partition, |tenure, cluster| {
            let process = tenure.process.as_mut().expect("it acts");
            let key = process.loads.swap_remove(at);
            let entries = tenure.keyed.load(&key);
            if let Err(error) = process.operator.on_key_loaded(&key, entries, cluster.world.now_ms) {
                cluster.world.ledger.violate(|| error.to_string());
            }
        });
    }

    /// The states of a key that a durable checkpoint completed go.
    pub(super) fn prune(&mut self, host: usize, partition: usize) {
        self.with_process(host, partition, |process, _| process.operator.prune(1));
    }

    pub(super) fn retry_due(&mut self, host: usize, partition: usize, at: usize) {
        self.with_process(host, partition, |process, cluster| {
            let (_, key) = process.timers.remove(at);
            process.operator.on_retry_due(&key, cluster.world.now_ms);
        });
    }

    /// Someone repairs a quarantined key.
    pub(super) fn repair(&mut self, host: usize, partition: usize) {
        let seed = self.scenario.base.seed;
        let deploys = self.scenario.base.deploy != Deploy::None;
        self.with_process(host, partition, |process, cluster| {
            let world = &mut cluster.world;
            let Some((state, repairs, repair)) = wanted(process, world, seed) else { return };
            let done = process.operator.on_repair(&state, repairs, repair, world.now_ms);
            world.tell(|| format!("    repair {state} {repair:?}: {done:?}"));
            if done.is_ok() {
                on_accepted(&state, repair, deploys, world);
            }
        });
    }

    pub(super) fn wait_over(&mut self, host: usize, partition: usize, at: usize) {
        self.with_process(host, partition, |process, _| process.guests[at].wait = Wait::Nothing);
    }
}
