//! People outside who repair quarantined keys, and whose requests may be delivered twice.

use crate::machine::{Host, Machine};
use crate::mistake::Mistake;
use crate::process::Process;
use crate::rng::mix;
use crate::scenario::Deploy;
use crate::world::{Fate, World};
use weir_core::action_state::StateKey;
use weir_core::operator::{QuarantineReport, Repair};

/// A request to repair.
#[derive(Clone, Debug)]
struct Request {
    state: StateKey,
    repairs: u32,
    repair: Repair,
    /// After how many writes each of its acceptances lasts.
    accepted: Vec<usize>,
}

/// All requests ever made.
#[derive(Clone, Debug, Default)]
pub struct Repairs {
    requests: Vec<Request>,
    redelivered: u32,
}

/// So many times a request is delivered again.
const REDELIVERED_MAX: u32 = 3;

impl Repairs {
    /// A crash left so many writes.
    pub fn on_crash(&mut self, writes: usize) {
        for request in &mut self.requests {
            request.accepted.retain(|after| *after <= writes);
        }
    }

    pub(crate) fn can_redeliver(&self) -> bool {
        !self.requests.is_empty() && self.redelivered < REDELIVERED_MAX
    }
}

/// What is to be done about a quarantined key; none where it is left alone. Goes by what stands, not by when.
fn plan(world: &World, seed: u64, report: &QuarantineReport) -> Option<Repair> {
    if let Some(reference) = &world.reference {
        let fate = reference.get(&report.state).map_or(Fate::Quarantined, |expected| expected.fate);
        return match fate {
            Fate::Quarantined => None,
            Fate::Discarded => Some(Repair::Discard),
            Fate::Skipped | Fate::Completed => Some(Repair::Skip),
        };
    }
    let name = u64::from_be_bytes(report.state.event.0[..8].try_into().expect("eight bytes"));
    let drawn = mix(seed ^ name ^ u64::from(report.repairs) << 20) % 100;
    match (report.repairs, drawn) {
        (0, 0..10) => None,
        (0, 10..40) => Some(Repair::Retry { failed_calls: false }),
        (0, 40..70) => Some(Repair::Retry { failed_calls: true }),
        (1, 0..30) => Some(Repair::Retry { failed_calls: drawn.is_multiple_of(2) }),
        (_, 0..85) => Some(Repair::Skip),
        (1.., 95..) => None,
        _ => Some(Repair::Discard),
    }
}

/// Looks whether someone wants to repair a key, if something changed since the last look.
pub(crate) fn look_for_repairs(process: &mut Process, world: &World, seed: u64) {
    let quarantined = process.operator.counters().keys_quarantined;
    if (quarantined, process.issued) == process.looked_at {
        return;
    }
    process.looked_at = (quarantined, process.issued);
    process.repair_wanted = quarantined > 0
        && process.operator.quarantine_reports().iter().any(|report| plan(world, seed, report).is_some());
}

/// The first repair that someone wants: of which state, after how many repairs of it.
pub(crate) fn wanted(process: &Process, world: &World, seed: u64) -> Option<(StateKey, u32, Repair)> {
    let reports = process.operator.quarantine_reports();
    reports.into_iter().find_map(|report| {
        let repair = plan(world, seed, &report)?;
        Some((report.state, report.repairs, repair))
    })
}

/// A repair was accepted.
pub(crate) fn on_accepted(state: &StateKey, repair: Repair, mends: bool, world: &mut World) {
    let Repair::Retry { failed_calls } = repair else { return };
    let task = world.ledger.task(state);
    world.ledger.on_retried(task, failed_calls);
    world.retry(task);
    if mends || world.rng.percent(70) {
        world.mend(task);
    }
}

impl Machine {
    /// Someone repairs a quarantined key.
    pub(crate) fn repair(&mut self) {
        let Host::Up(process) = &self.host else { return };
        let Some((state, repairs, repair)) = wanted(process, &self.world, self.scenario.seed) else { return };
        let known =
            self.repairs.requests.iter().position(|request| request.state == state && request.repairs == repairs);
        let at = known.unwrap_or_else(|| {
            self.repairs.requests.push(Request { state, repairs, repair, accepted: Vec::new() });
            self.repairs.requests.len() - 1
        });
        self.deliver_repair(at, false);
    }

    /// A request comes a second time.
    pub(crate) fn redeliver_repair(&mut self) {
        self.repairs.redelivered += 1;
        let at = self.rng.below(self.repairs.requests.len());
        self.deliver_repair(at, true);
    }

    fn deliver_repair(&mut self, at: usize, again: bool) {
        let deploy = self.scenario.deploy;
        self.with_process(|process, machine| {
            let request = machine.repairs.requests[at].clone();
            let (mut state, mut repairs) = (request.state, request.repairs);
            if again && machine.world.mistake == Some(Mistake::RepairTwice) {
                let reports = process.operator.quarantine_reports();
                if let Some(now) = reports.into_iter().find(|report| report.state.key == state.key) {
                    (state, repairs) = (now.state, now.repairs);
                }
            }
            let done = process.operator.on_repair(&state, repairs, request.repair, machine.world.now_ms);
            machine.world.tell(|| format!("    repair {state} {:?}: {done:?}", request.repair));
            if done.is_err() {
                return;
            }
            if !request.accepted.is_empty() {
                machine.world.ledger.violate(|| format!("a repair of {state} was delivered twice and accepted twice"));
            }
            on_accepted(&state, request.repair, deploy != Deploy::None, &mut machine.world);
            let releases = &machine.scenario.releases;
            process.pump(&mut machine.world, releases, machine.log.writes(), deploy);
            let lasts_after = machine.log.writes() + process.outbox.len();
            machine.repairs.requests[at].accepted.push(lasts_after);
        });
    }
}
