//! Several hosts, the brokers between them, the world outside, and the scheduler: one step at a time, chosen by the seed.

use super::broker::{Broker, Producer};
use super::changelog::TransactionIndex;
use super::host::{Host, OnWire, Tenure};
use super::mistake::ClusterMistake;
use super::scenario::ClusterScenario;
use crate::facts::Facts;
use crate::machine::Line;
use crate::repairs::look_for_repairs;
use crate::rng::Rng;
use crate::world::World;
use std::collections::VecDeque;
use weir_core::ownership::Epoch;

/// A history that takes more steps does not come to rest.
const STEPS_MAX: u32 = 40_000;
/// At rest so many last checkpoints are taken.
const LAST_CHECKPOINTS: u32 = 5;

/// Everything.
pub struct Cluster {
    /// What is decided from the start.
    pub scenario: ClusterScenario,
    /// What is planted.
    pub mistake: Option<ClusterMistake>,
    /// The world outside.
    pub world: World,
    /// Kafka.
    pub broker: Broker,
    /// The input topic, by partition.
    pub inputs: Vec<Vec<Line>>,
    /// The hosts.
    pub hosts: Vec<Host>,
    /// Everything that ever was done for a partition, by tenure.
    pub logs: Vec<TenureLog>,
    /// The tenure that acted last, by partition.
    pub actors: Vec<Option<usize>>,
    /// Records of hosts that are gone, or have nothing to do with the partition any more, still on their way.
    pub strays: Vec<Stray>,
    /// Ends of transactions on their way.
    pub ends: Vec<EndRequest>,
    pub(super) rng: Rng,
    pub(super) steps: u32,
    pub(super) steps_since_fault: u32,
    pub(super) faults_done: usize,
    /// The release that processes start with.
    pub(super) release: usize,
    pub(super) struck: Option<usize>,
    pub(super) next_life: u32,
    pub(super) aborts: u32,
    settled: u32,
}

/// What is known outside of one tenure.
#[derive(Debug)]
pub struct TenureLog {
    /// Its partition.
    pub partition: usize,
    /// Its epoch, once committed.
    pub epoch: Epoch,
    /// So many of its appends stand before the fence of a later owner, or before none.
    pub landed: usize,
    /// What it was told that holds; none before it acts.
    pub facts: Option<Facts>,
}

/// Records on their way whose sender is gone.
#[derive(Debug)]
pub struct Stray {
    /// The partition of the topic.
    pub partition: usize,
    /// The tenure.
    pub log: usize,
    /// It does not arrive earlier.
    pub from_ms: u64,
    /// In order, without gaps.
    pub wire: VecDeque<OnWire>,
}

/// The end of a transaction, on its way.
#[derive(Clone, Copy, Debug)]
pub struct EndRequest {
    /// Who sent it.
    pub host: usize,
    /// In which of its starts.
    pub life: u32,
    /// The producer.
    pub producer: Producer,
    /// The transaction.
    pub transaction: TransactionIndex,
}

impl Cluster {
    /// A cluster in which nothing has run.
    pub fn new(scenario: ClusterScenario, mistake: Option<ClusterMistake>) -> Self {
        let partitions = scenario.partitions;
        let seed = scenario.base.seed;
        let mut inputs: Vec<Vec<Line>> = vec![Vec::new(); partitions];
        for (number, key) in (0..).zip(&scenario.base.events) {
            let partition = usize::from(scenario.placement[*key as usize]) % partitions;
            let offset = inputs[partition].len() as u64;
            let position = (partition as u64) << 32 | offset;
            inputs[partition].push(Line { key: *key, number, position });
        }
        Self {
            mistake,
            world: World::new(seed, None, None),
            broker: Broker::new(partitions, scenario.transaction_ms),
            inputs,
            hosts: (0..scenario.hosts).map(|index| Host::new(index, partitions)).collect(),
            logs: Vec::new(),
            actors: vec![None; partitions],
            strays: Vec::new(),
            ends: Vec::new(),
            rng: Rng::new(seed, 5),
            steps: 0,
            steps_since_fault: 0,
            faults_done: 0,
            release: 0,
            struck: None,
            next_life: 1,
            aborts: 0,
            settled: 0,
            scenario,
        }
    }

    /// So many steps were made.
    pub fn steps(&self) -> u32 {
        self.steps
    }

    /// The time on the world's clock.
    pub fn now_ms(&self) -> u64 {
        self.world.true_ms()
    }

    /// The world is seen with the clock of this host.
    pub(super) fn look_from(&mut self, host: usize) {
        self.world.look_from(host, self.scenario.ahead_ms[host]);
    }

    /// Runs until everything rests, all faults and the last checkpoints included.
    pub fn run(&mut self) {
        let mut choices = Vec::with_capacity(64);
        while self.world.ledger.violation.is_none() {
            if self.fault_if_due(false) {
                continue;
            }
            choices.clear();
            self.choices(&mut choices);
            if choices.is_empty() {
                match self.next_time_ms() {
                    Some(at_ms) => self.pass(at_ms),
                    None if self.fault_if_due(true) => {}
                    None if self.settled < LAST_CHECKPOINTS => self.settle(),
                    None => return,
                }
                continue;
            }
            self.idle_choices(&mut choices);
            let step = self.choose(&choices);
            self.steps += 1;
            self.steps_since_fault += 1;
            if self.steps > STEPS_MAX {
                return self.world.ledger.violate(|| "the cluster does not come to rest".to_owned());
            }
            self.pass(self.now_ms() + 1);
            self.take(step);
            if let Some(violation) = self.broker.violation.take() {
                self.world.ledger.violate(|| violation);
            }
        }
    }

    fn pass(&mut self, until_ms: u64) {
        let ahead_ms = self.world.now_ms - self.world.true_ms();
        self.world.pass(until_ms + ahead_ms);
    }

    /// All is at rest: first all hosts stop and start again, so that a rebuild has seen everything; then the last
    /// checkpoints, until the topics hold nothing that is not needed.
    fn settle(&mut self) {
        self.world.tell(|| "---- at rest".to_owned());
        if self.settled == 0 {
            (0..self.hosts.len()).for_each(|host| self.ask_to_stop(host, 1));
        } else {
            for host in 0..self.hosts.len() {
                if self.may_take_checkpoint(host) {
                    self.take_checkpoint(host);
                }
            }
        }
        self.settled += 1;
        self.aborts = u32::MAX;
    }

    /// Does something with a tenure and the facts that its host knows, then takes what the core wants.
    pub(super) fn with_tenure(&mut self, host: usize, partition: usize, act: impl FnOnce(&mut Tenure, &mut Self)) {
        let Some(mut tenure) = self.hosts[host].tenures[partition].take() else { return };
        self.look_from(host);
        let facts = self.logs[tenure.log].facts.take();
        let had_facts = facts.is_some();
        self.world.ledger.facts = facts.unwrap_or_default();
        self.world.ledger.muted = self.is_superseded(tenure.log);
        act(&mut tenure, self);
        if let Some(process) = &mut tenure.process {
            let releases = &self.scenario.base.releases;
            let deploy = self.scenario.base.deploy;
            process.pump(&mut self.world, releases, tenure.sent, deploy);
            if process.stopping && !process.guests.is_empty() {
                process.interrupt_guests(&mut self.world, deploy);
                process.pump(&mut self.world, releases, tenure.sent, deploy);
            }
            look_for_repairs(process, &self.world, self.scenario.base.seed);
            if process.stopping && !tenure.revoked && !self.hosts[host].stopping {
                (self.hosts[host].stopping, self.hosts[host].down_ms) = (true, 5);
            }
        }
        self.world.ledger.muted = false;
        if had_facts || tenure.process.is_some() {
            self.logs[tenure.log].facts = Some(std::mem::take(&mut self.world.ledger.facts));
        }
        self.hosts[host].tenures[partition] = Some(tenure);
    }

    /// Whether a later owner of its partition has written its fence, or acts.
    pub(super) fn is_superseded(&self, log: usize) -> bool {
        let TenureLog { partition, epoch, .. } = self.logs[log];
        let acts = self.actors[partition].is_some_and(|actor| actor != log && self.logs[actor].epoch >= epoch);
        epoch < self.broker.states[partition].fenced() || acts
    }
}
