//! What goes wrong with hosts, and when.

use super::host::{Condition, Doing, Host, OnWire, Stage};
use super::run::Cluster;
use super::scenario::{Fault, FaultKind, Moment};
use crate::guest::Wait;
use crate::scenario::Deploy;
use weir_core::ownership::TakeoverStep;

impl Cluster {
    /// The next fault happens, if a host is in the midst of what it waits for, or nothing else will happen.
    pub(super) fn fault_if_due(&mut self, at_rest: bool) -> bool {
        let base = &self.scenario.base;
        if self.release == 0 && base.deploy != Deploy::None && (at_rest || self.steps >= base.deploy_at) {
            self.deploy();
            return true;
        }
        let Some(fault) = self.scenario.faults.get(self.faults_done).copied() else { return false };
        if !at_rest && self.steps_since_fault < fault.after {
            return false;
        }
        let count = self.hosts.len();
        let hosts = (0..count).map(|at| (fault.host + at) % count).filter(|host| self.hosts[*host].runs());
        let mut hosts: Vec<usize> = hosts.collect();
        if !at_rest {
            let may_be = |host: usize| !fault.another || self.struck != Some(host);
            hosts.retain(|host| may_be(*host) && is_amid(&self.hosts[*host], fault.moment));
        }
        let host = match hosts.first() {
            Some(host) => *host,
            None if at_rest => fault.host % count,
            None => return false,
        };
        self.faults_done += 1;
        self.steps_since_fault = 0;
        self.struck = Some(host);
        self.strike(host, fault);
        true
    }

    /// All hosts end, and start again with another release.
    fn deploy(&mut self) {
        self.world.tell(|| "---- a deploy".to_owned());
        self.release = 1;
        for host in 0..self.hosts.len() {
            let down_ms = *self.rng.pick(&[1, 20, 60]);
            self.end_process(host, down_ms);
        }
    }

    fn strike(&mut self, host: usize, fault: Fault) {
        self.world.tell(|| format!("---- {:?} of host {host}", fault.kind));
        self.world.digest.number(u64::from(self.steps));
        let now_ms = self.now_ms();
        match fault.kind {
            FaultKind::Kill { down_ms } => self.end_process(host, down_ms),
            FaultKind::Pause { for_ms } => {
                let of = &mut self.hosts[host];
                of.condition = Condition::Paused(now_ms + for_ms);
                of.unreachable_since_ms.get_or_insert(now_ms);
            }
            FaultKind::CutOff { for_ms } => {
                let of = &mut self.hosts[host];
                of.cut_off_until_ms = now_ms + for_ms;
                of.unreachable_since_ms.get_or_insert(now_ms);
                self.lose_end_or_answer(host);
            }
            FaultKind::Stop { down_ms } => self.ask_to_stop(host, down_ms),
            FaultKind::Evict => {
                if let Some(member) = self.hosts[host].client.member {
                    self.broker.group.remove(member);
                }
            }
            FaultKind::Move => self.broker.group.move_partitions(),
        }
    }

    /// The end of a transaction that is on its way, or its answer, may be lost with the connection.
    fn lose_end_or_answer(&mut self, host: usize) {
        let rng = &mut self.rng;
        self.ends.retain(|end| end.host != host || rng.percent(50));
        if let Some(transaction) = &mut self.hosts[host].transaction
            && matches!(transaction.stage, Stage::Answered(_))
            && self.rng.percent(50)
        {
            // Which one it was does not matter: nobody will ask.
            transaction.stage = Stage::Ending(usize::MAX);
        }
    }

    /// A host is asked to stop.
    pub(super) fn ask_to_stop(&mut self, host: usize, down_ms: u64) {
        let of = &mut self.hosts[host];
        if of.condition == Condition::Running {
            (of.stopping, of.down_ms) = (true, down_ms);
        }
    }

    /// The process of a host ends. What is on its way to the brokers may arrive yet.
    pub(super) fn end_process(&mut self, host: usize, down_ms: u64) {
        self.world.tell(|| format!("---- the process of host {host} ends"));
        let now_ms = self.now_ms();
        let rng = &mut self.rng;
        self.ends.retain(|end| end.host != host || rng.percent(60));
        for partition in 0..self.scenario.partitions {
            let Some(tenure) = &mut self.hosts[host].tenures[partition] else { continue };
            if let Some(process) = &mut tenure.process {
                process.outbox.clear();
            }
            self.drop_tenure(host, partition);
        }
        self.look_from(host);
        self.world.on_crash();
        let of = &mut self.hosts[host];
        of.condition = Condition::Down(now_ms + down_ms);
        of.unreachable_since_ms = Some(now_ms);
        (of.transaction, of.producer, of.metadata) = (None, None, None);
        of.client = super::host::Client::default();
        of.stopping = false;
    }
}

/// Whether a host is in the midst of something.
fn is_amid(host: &Host, moment: Moment) -> bool {
    let stage = host.transaction.as_ref().map(|transaction| transaction.stage);
    let mut tenures = host.tenures.iter().flatten();
    let guests = |wait: fn(Wait) -> bool| {
        let mut acting = host.acting().filter_map(|(_, tenure)| tenure.process.as_ref());
        acting.any(|process| process.guests.iter().any(|guest| wait(guest.wait)))
    };
    match moment {
        Moment::Any => true,
        Moment::Looking => tenures.any(|tenure| matches!(tenure.doing, Doing::Step(TakeoverStep::Look))),
        Moment::Initialising => tenures.any(|tenure| matches!(tenure.doing, Doing::Step(TakeoverStep::Initialise(_)))),
        Moment::Restored => tenures.any(|tenure| matches!(tenure.doing, Doing::Step(TakeoverStep::CommitEpoch(_)))),
        Moment::EpochCommitted => tenures.any(|tenure| {
            matches!(tenure.doing, Doing::Step(TakeoverStep::WaitUntil(_) | TakeoverStep::WriteFence(_)))
        }),
        Moment::Fencing => tenures.any(|tenure| matches!(tenure.doing, Doing::FenceOnWire | Doing::FenceStands(_))),
        Moment::Rebuilding => tenures.any(|tenure| matches!(tenure.doing, Doing::Reading { .. })),
        Moment::Written => matches!(stage, Some(Stage::Written(_))),
        Moment::OffsetsSent => matches!(stage, Some(Stage::OffsetsSent(_))),
        Moment::Ending => matches!(stage, Some(Stage::Ending(_) | Stage::Answered(_))),
        Moment::AtDoor => guests(|wait| matches!(wait, Wait::Door(_))),
        Moment::Answers => guests(|wait| wait == Wait::Answers),
        Moment::CompletionOnTheWire => tenures.any(|tenure| tenure.wire.iter().any(OnWire::is_completion)),
        Moment::Successor => host.acting().any(|(_, tenure)| {
            let took = tenure.takeover.record().is_some_and(|record| !record.released);
            let process = tenure.process.as_ref().filter(|process| took && process.issued > 2);
            process.is_some_and(|process| process.guests.iter().any(|guest| guest.wait != Wait::Nothing))
        }),
        Moment::OnTheWire => tenures.any(|tenure| !tenure.wire.is_empty()),
    }
}
