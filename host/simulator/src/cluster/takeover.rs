//! A partition is taken over: each step that the core's machine asks for, against the brokers.

use super::host::{Doing, OnWire, Part, Stage, Tenure, Transaction};
use super::mistake::ClusterMistake;
use super::run::{Cluster, TenureLog};
use super::scenario::ClusterScenario;
use super::tamper;
use crate::facts::Facts;
use crate::keyed::{Batch, Checkpointed};
use crate::process::Process;
use std::collections::VecDeque;
use std::sync::Arc;
use weir_core::event::PartitionId;
use weir_core::limits::OperatorLimits;
use weir_core::operator::{Operator, OperatorStart};
use weir_core::ownership::{Epoch, Lease, PartitionRecord, Takeover, TakeoverStep};
use weir_core::store::log::Position;
use weir_core::store::{ActionStateStore, Rebuild};

/// Records that a reader gets at once.
const POLL_MAX: usize = 6;

impl Cluster {
    /// A partition is assigned.
    pub(super) fn begin_takeover(&mut self, host: usize, partition: usize) {
        let (takeover, step) = Takeover::begin();
        let log = self.logs.len();
        self.logs.push(TenureLog { partition, epoch: Epoch::default(), landed: 0, facts: None });
        self.hosts[host].tenures[partition] = Some(Box::new(Tenure {
            log,
            takeover,
            doing: Doing::Step(step),
            lease: Lease::new(self.scenario.lease_ms),
            keyed: Checkpointed::default(),
            early: None,
            process: None,
            wire: VecDeque::new(),
            sent: 0,
            rebuilt_to: 0,
            revoked: false,
        }));
    }

    /// Whether a takeover can go on now. `connected`: the host reaches the brokers.
    pub(super) fn may_take_over(&self, host: usize, partition: usize, connected: bool) -> bool {
        let tenure = self.hosts[host].tenures[partition].as_ref().expect("a tenure is asked about");
        match &tenure.doing {
            Doing::Step(TakeoverStep::WaitUntil(at_ms)) => {
                *at_ms <= self.now_ms() + self.scenario.ahead_ms[host]
                    || self.mistake == Some(ClusterMistake::LeaseWithoutWait)
            }
            Doing::Step(TakeoverStep::CommitEpoch(_)) => connected && self.may_begin_transaction(host),
            Doing::Step(TakeoverStep::Act) => true,
            Doing::Step(_) | Doing::Reading { .. } | Doing::FenceStands(_) => connected,
            Doing::Restoring(to) => connected && self.broker.changelogs[partition].last_stable() >= *to,
            Doing::Committing | Doing::FenceOnWire | Doing::Acting => false,
        }
    }

    /// A takeover makes its next step.
    pub(super) fn step_takeover(&mut self, host: usize, partition: usize) {
        self.with_tenure(host, partition, |tenure, cluster| {
            let doing = std::mem::replace(&mut tenure.doing, Doing::Acting);
            tenure.doing = match doing {
                Doing::Step(step) => cluster.step(host, partition, tenure, step),
                Doing::Restoring(to) => {
                    let early = tenure.early.take();
                    let (record, keyed) = early.unwrap_or_else(|| cluster.broker.changelogs[partition].read(to));
                    cluster.world.tell(|| format!("    restored {record:?}"));
                    tenure.keyed = keyed;
                    Doing::Step(tenure.takeover.on_restored(record))
                }
                Doing::FenceStands(position) => Doing::Step(tenure.takeover.on_fence_acknowledged(position)),
                Doing::Reading { rebuild, next, to, reader } => {
                    cluster.read_on((host, partition), tenure, rebuild, (next, to, reader))
                }
                Doing::Committing | Doing::FenceOnWire | Doing::Acting => unreachable!("nothing is to be done"),
            };
        });
    }

    fn step(&mut self, host: usize, partition: usize, tenure: &mut Tenure, step: TakeoverStep) -> Doing {
        let now_ms = self.world.now_ms;
        let mistake = self.mistake;
        match step {
            TakeoverStep::Look => {
                let changelog = &self.broker.changelogs[partition];
                let (record, keyed) = changelog.read(changelog.last_stable());
                self.world.tell(|| format!("    looked at {record:?}"));
                if mistake == Some(ClusterMistake::RestoreBeforeInitialise) {
                    tenure.early = Some((record.clone(), keyed));
                }
                Doing::Step(tenure.takeover.on_looked(record))
            }
            TakeoverStep::Initialise(name) => match self.broker.initialise(&name) {
                Some(_) => Doing::Step(tenure.takeover.on_initialised(now_ms)),
                None => Doing::Step(TakeoverStep::Initialise(name)),
            },
            TakeoverStep::Restore => {
                let changelog = &self.broker.changelogs[partition];
                Doing::Restoring(match mistake {
                    Some(ClusterMistake::RestoreToLastStableOffset) => changelog.last_stable(),
                    _ => changelog.end(),
                })
            }
            TakeoverStep::CommitEpoch(epoch) => {
                self.commit_epoch(host, partition, tenure, epoch);
                Doing::Committing
            }
            TakeoverStep::WaitUntil(at_ms) => Doing::Step(tenure.takeover.on_time(now_ms.max(at_ms))),
            TakeoverStep::WriteFence(_) if mistake == Some(ClusterMistake::NoFence) => {
                Doing::FenceStands(Position(self.broker.states[partition].end()))
            }
            TakeoverStep::WriteFence(epoch) => {
                tenure.wire.push_back(OnWire { sent: tamper::fence(epoch, mistake), is_record: false });
                Doing::FenceOnWire
            }
            TakeoverStep::Rebuild(fence) => self.begin_rebuild(partition, tenure, fence),
            TakeoverStep::Act => {
                self.act(host, partition, tenure);
                Doing::Acting
            }
        }
    }

    fn commit_epoch(&mut self, host: usize, partition: usize, tenure: &mut Tenure, epoch: Epoch) {
        let host = &mut self.hosts[host];
        let record = self.scenario.record_of(tenure.takeover.record(), epoch, host.transactional_id());
        self.logs[tenure.log].epoch = epoch;
        host.transaction = Some(Transaction {
            is_takeover: true,
            metadata: host.metadata.expect("it has partitions"),
            parts: vec![Part { partition, checkpoint: 0, waits_for: None, batch: Batch::default(), record }],
            stage: Stage::Taken,
        });
    }

    fn begin_rebuild(&mut self, partition: usize, tenure: &mut Tenure, fence: Position) -> Doing {
        let (marker, floor) = tenure
            .takeover
            .record()
            .map_or((0, Epoch::default()), |record| (record.recovery_marker.0, record.marker_epoch));
        let epoch = tenure.takeover.epoch();
        let to = fence.0 + 1;
        let floor = if self.mistake == Some(ClusterMistake::NoFence) { epoch } else { floor };
        let rebuild = Rebuild::of_owner(epoch, floor, PartitionId(partition as u32), Position(to), 1 << 20);
        let reader = self.broker.states[partition].begin_read();
        Doing::Reading { rebuild: Box::new(rebuild), next: marker, to, reader }
    }

    fn read_on(
        &mut self,
        (host, partition): (usize, usize),
        tenure: &mut Tenure,
        mut rebuild: Box<Rebuild>,
        (next, to, reader): (u64, u64, u32),
    ) -> Doing {
        let count = 1 + self.rng.below(POLL_MAX);
        let (epoch, keyed) = (tenure.takeover.epoch(), &tenure.keyed);
        let topic = &self.broker.states[partition];
        let records = topic.read(next, to, count);
        let next = match records.last() {
            Some(last) if records.len() == count => last.offset + 1,
            _ => to,
        };
        for record in records {
            let value = record.value.as_deref();
            let changed = tamper::read(record, epoch, self.mistake);
            let name = changed.as_deref().unwrap_or(&record.name);
            let completed_below = |key: &_| keyed.completed_below(key);
            if let Err(error) = rebuild.on_scanned(Position(record.offset), name, value, completed_below) {
                self.world.ledger.violate(|| format!("rebuild of partition {partition}: {error}"));
            }
        }
        if next < to {
            return Doing::Reading { rebuild, next, to, reader };
        }
        self.broker.states[partition].end_read(reader);
        tenure.rebuilt_to = to;
        let step = tenure.takeover.on_rebuilt();
        assert_eq!(step, TakeoverStep::Act, "a rebuild ends a takeover");
        self.world.tell(|| "    rebuilt".to_owned());
        self.take_facts_over(tenure.log);
        self.start(host, partition, tenure, rebuild.finish());
        Doing::Step(step)
    }

    /// What holds from now on is what of the last owner's facts stands before the fence.
    fn take_facts_over(&mut self, log: usize) {
        let TenureLog { partition, epoch, .. } = self.logs[log];
        let before = self.logs.iter().enumerate().filter(|(at, other)| {
            *at != log && other.partition == partition && other.epoch < epoch && other.facts.is_some()
        });
        let last = before.max_by_key(|(_, other)| other.epoch).map(|(_, other)| other);
        let mut facts = last.and_then(|last| last.facts.clone()).unwrap_or_else(Facts::default);
        facts.on_crash(last.map_or(0, |last| last.landed));
        facts.settle();
        self.world.ledger.facts = facts;
    }

    fn start(&mut self, host: usize, partition: usize, tenure: &mut Tenure, store: ActionStateStore) {
        let release = self.hosts[host].release;
        let base = &self.scenario.base;
        let limits = OperatorLimits {
            tasks_per_run_max: base.tasks_per_run_max,
            quarantined_events_max: base.quarantined_events_max,
            marker_lag_max: base.marker_lag_max,
            idle_keys_max: base.idle_keys_max,
            ..OperatorLimits::default()
        };
        let partition = PartitionId(partition as u32);
        let start =
            OperatorStart { plan: base.releases[release].plan.clone(), limits: Arc::new(limits), store, partition };
        tenure.process = Some(Box::new(Process::new(Operator::new(start), tenure.keyed.source_offset, release)));
    }

    /// From here on the partition is this host's.
    fn act(&mut self, host: usize, partition: usize, tenure: &mut Tenure) {
        self.world.tell(|| format!("    host {host} acts for partition {partition} as tenure {}", tenure.log));
        // One that stood still meanwhile may come late to this: it has no lease.
        let epoch = self.logs[tenure.log].epoch;
        if self.actors[partition].is_none_or(|before| self.logs[before].epoch <= epoch) {
            self.actors[partition] = Some(tenure.log);
        }
        let process = tenure.process.as_mut().expect("it was just started");
        for key in tenure.keyed.busy_keys() {
            let entries = tenure.keyed.load(&key);
            if let Err(error) = process.operator.on_key_loaded(&key, entries, self.world.now_ms) {
                self.world.ledger.violate(|| error.to_string());
            }
        }
    }
}

impl ClusterScenario {
    /// The checkpoint record of an owner that has done nothing yet.
    fn record_of(&self, last: Option<&PartitionRecord>, epoch: Epoch, transactional_id: String) -> PartitionRecord {
        let mut record = last.cloned().unwrap_or(PartitionRecord {
            epoch,
            transactional_id: String::new(),
            lease_ms: 0,
            released: false,
            source_offset: 0,
            recovery_marker: Position(0),
            marker_epoch: Epoch::default(),
            partitions: self.partitions as u32,
        });
        (record.epoch, record.transactional_id) = (epoch, transactional_id);
        (record.lease_ms, record.released) = (self.lease_ms, false);
        record
    }
}
