//! How partitions come to a shard, and leave it [S31] [S32].

use super::lease::lease_clock_ms;
use super::partition::{Owned, Partition, Stage, TakingOver};
use super::shard::KafkaShard;
use super::takeover::{NumberedFact, Restoring, TakeoverFact};
use anyhow::bail;
use hashbrown::HashSet;
use tokio::time::Instant;
use weir_core::event::PartitionId;
use weir_core::operator::{Operator, OperatorStart};
use weir_core::ownership::{PartitionRecord, Takeover, TakeoverStep};
use weir_core::store::ActionStateStore;
use weir_core::store::log::Position;
use weir_kafka::GroupEvent;

impl KafkaShard<'_> {
    /// What the group told.
    pub(super) fn on_group_events(&mut self) -> anyhow::Result<()> {
        for event in self.member.take_events()? {
            match event {
                GroupEvent::Assigned(partitions) => {
                    self.membership = Some(self.member.take_up()?);
                    if self.leaving.is_some() {
                        continue;
                    }
                    for partition in partitions {
                        self.begin_takeover(partition)?;
                    }
                }
                GroupEvent::Revoked(partitions) => {
                    tracing::info!("partitions {} are given up", list(&partitions));
                    self.membership = Some(self.member.membership()?);
                    let owned: HashSet<_> = partitions
                        .iter()
                        .copied()
                        .filter(|partition| self.partitions.contains_key(partition))
                        .collect();
                    self.revocation = Some((partitions, owned.clone()));
                    owned.into_iter().try_for_each(|partition| self.revoke(partition))?;
                }
                GroupEvent::Lost(partitions) => {
                    tracing::warn!("partitions {} are lost: this host was silent for too long", list(&partitions));
                    self.is_lost = true;
                }
            }
        }
        if let Some((partitions, _)) = self.revocation.take_if(|(_, owned)| owned.is_empty()) {
            self.member.give_up(&partitions)?;
        }
        Ok(())
    }

    fn begin_takeover(&mut self, partition: PartitionId) -> anyhow::Result<()> {
        if partition.0 >= self.start.partitions {
            let (topic, count) = (&self.start.kafka.source_topic, self.start.partitions);
            bail!(
                "{topic} has more partitions than the {count} that this application began with, so that keys change their \
                 partitions: begin a new application on a topic that has as many as are wanted"
            );
        }
        self.numbers += 1;
        let (takeover, step) = Takeover::begin();
        let taking = TakingOver { takeover, restoring: None, epoch: None, wait_until_ms: None, is_committed: false };
        let stage = Stage::TakingOver(taking);
        self.partitions.insert(partition, Partition { number: self.numbers, stage, revoked: false });
        self.step(partition, step)
    }

    /// The partition is wanted back: as far as it got, it is brought to an end.
    pub(super) fn revoke(&mut self, partition: PartitionId) -> anyhow::Result<()> {
        let Some(entry) = self.partitions.get_mut(&partition) else { return Ok(()) };
        entry.revoked = true;
        match &entry.stage {
            Stage::TakingOver(taking) if !taking.is_committed => self.forget(partition),
            // Its former owner's lease is waited out first, and what a thread does for it.
            Stage::TakingOver(_) | Stage::Draining(..) | Stage::Releasing(_) => Ok(()),
            Stage::Running(owned) => {
                entry.stage = Stage::Draining(*owned, Instant::now() + self.start.drain);
                self.member.pause(&[partition])?;
                self.executor.close(partition);
                Ok(())
            }
        }
    }

    /// Moves on what waits for a time, or for invocations to end.
    pub(super) fn advance_partitions(&mut self) -> anyhow::Result<()> {
        let now_ms = lease_clock_ms();
        let mut due = Vec::new();
        for (&partition, entry) in &mut self.partitions {
            match &mut entry.stage {
                Stage::TakingOver(taking) => {
                    if taking.wait_until_ms.is_some_and(|until_ms| until_ms <= now_ms) {
                        taking.wait_until_ms = None;
                        due.push((partition, taking.takeover.on_time(now_ms)));
                    }
                }
                Stage::Draining(owned, until) => {
                    let is_over = *until <= Instant::now();
                    if is_over && self.executor.runs_any_of(partition) {
                        tracing::warn!("partition {partition}: open calls are cut off after limits.drain_ms_max");
                        self.executor.cut_off(partition);
                    }
                    if !self.executor.runs_any_of(partition) {
                        entry.stage = Stage::Releasing(*owned);
                    }
                }
                Stage::Running(_) | Stage::Releasing(_) => {}
            }
        }
        due.into_iter().try_for_each(|(partition, step)| self.step(partition, step))
    }

    /// A thread found something out.
    pub(super) fn on_takeover_fact(&mut self, (partition, number, fact): NumberedFact) -> anyhow::Result<()> {
        let Some(entry) = self.partitions.get_mut(&partition).filter(|entry| entry.number == number) else {
            return Ok(());
        };
        let Stage::TakingOver(taking) = &mut entry.stage else { return Ok(()) };
        let step = match fact? {
            TakeoverFact::Looked(restoring) => {
                let step = taking.takeover.on_looked(restoring.record.clone());
                taking.restoring = Some(restoring);
                step
            }
            TakeoverFact::Initialised(restoring, at_ms) => {
                taking.restoring = Some(restoring);
                taking.takeover.on_initialised(at_ms)
            }
            TakeoverFact::Restored(restoring) => {
                let step = taking.takeover.on_restored(restoring.record.clone());
                taking.restoring = Some(restoring);
                step
            }
            TakeoverFact::Rebuilt(restoring, store) => {
                let step = taking.takeover.on_rebuilt();
                assert_eq!(step, TakeoverStep::Act);
                return self.on_rebuilt(partition, restoring, *store);
            }
        };
        self.step(partition, step)
    }

    /// The epoch of a takeover is committed.
    pub(super) fn on_epoch_committed(&mut self, partition: PartitionId) -> anyhow::Result<()> {
        let Some(Partition { stage: Stage::TakingOver(taking), .. }) = self.partitions.get_mut(&partition) else {
            return Ok(());
        };
        let step = taking.takeover.on_epoch_committed(lease_clock_ms());
        self.step(partition, step)
    }

    /// The fence of a takeover is durable.
    pub(super) fn on_fence(&mut self, partition: PartitionId, position: Position) -> anyhow::Result<()> {
        let Some(Partition { stage: Stage::TakingOver(taking), .. }) = self.partitions.get_mut(&partition) else {
            return Ok(());
        };
        let step = taking.takeover.on_fence_acknowledged(position);
        self.step(partition, step)
    }

    /// Does the next step of a takeover.
    fn step(&mut self, partition: PartitionId, step: TakeoverStep) -> anyhow::Result<()> {
        let entry = self.partitions.get_mut(&partition).expect("a step is for a partition that is here");
        let (number, revoked) = (entry.number, entry.revoked);
        tracing::debug!("partition {partition}: takeover: {step:?}");
        let Stage::TakingOver(taking) = &mut entry.stage else { unreachable!("a step is for a takeover") };
        let mut restoring = || taking.restoring.take().expect("what was restored is at hand between two steps");
        match step {
            TakeoverStep::Look => self.work.start((partition, number), move |work| work.look(partition)),
            TakeoverStep::Initialise(id) => {
                let restoring = restoring();
                self.work.start((partition, number), move |work| work.initialise(restoring, &id));
            }
            TakeoverStep::Restore => {
                let restoring = restoring();
                self.work.start((partition, number), move |work| work.restore(restoring, partition));
            }
            TakeoverStep::CommitEpoch(epoch) => taking.epoch = Some(epoch),
            TakeoverStep::WaitUntil(until_ms) => taking.wait_until_ms = Some(until_ms),
            TakeoverStep::WriteFence(_) | TakeoverStep::Rebuild(_) if revoked => {
                let owned = owned(taking);
                entry.stage = Stage::Releasing(owned);
            }
            TakeoverStep::WriteFence(epoch) => {
                self.executor.backend.log.begin_ownership(partition, epoch);
                self.executor.backend.log.write_fence(partition)?;
            }
            TakeoverStep::Rebuild(fence) => {
                let (restoring, epoch) = (restoring(), taking.takeover.epoch());
                self.work.start((partition, number), move |work| work.rebuild(restoring, partition, epoch, fence));
            }
            TakeoverStep::Act => unreachable!("a rebuild ends with it"),
        }
        Ok(())
    }

    fn on_rebuilt(
        &mut self,
        partition: PartitionId,
        restoring: Box<Restoring>,
        store: ActionStateStore,
    ) -> anyhow::Result<()> {
        let entry = self.partitions.get_mut(&partition).expect("it was just rebuilt");
        let revoked = entry.revoked;
        let Stage::TakingOver(taking) = &mut entry.stage else { unreachable!("it was just rebuilt") };
        let busy = restoring.scratch.busy_keys()?;
        taking.restoring = Some(restoring);
        let owned = owned(taking);
        let Restoring { scratch, .. } = *taking.restoring.take().expect("it was just put there");
        if revoked {
            entry.stage = Stage::Releasing(owned);
            return Ok(());
        }
        self.executor.backend.scratches.insert(partition, scratch);
        let operator = Operator::new(OperatorStart {
            plan: self.start.plan.clone(),
            limits: self.start.limits.clone(),
            store,
            partition,
        });
        self.act(partition, operator, busy, owned)
    }

    /// The partition is no longer here.
    pub(super) fn forget(&mut self, partition: PartitionId) -> anyhow::Result<()> {
        if let Some(mut entry) = self.partitions.remove(&partition)
            && let Some(owned) = entry.owned()
        {
            self.start.counts.source_offsets.remove(partition, owned.epoch);
        }
        self.executor.remove(partition)?;
        self.executor.backend.forget(partition);
        self.control.leave(partition);
        if let Some((_, owned)) = &mut self.revocation {
            owned.remove(&partition);
        }
        Ok(())
    }

    /// What the epoch of a takeover says: all but the owner stays.
    pub(super) fn epoch_record(&self, taking: &TakingOver) -> PartitionRecord {
        let (id, lease_ms) = (&self.transactional_id, self.start.kafka.lease_ms);
        owned(taking).record(id, lease_ms, self.start.partitions)
    }
}

/// What a takeover that has restored knows of its partition.
fn owned(taking: &TakingOver) -> Owned {
    let record = taking.takeover.record();
    let offset = taking.restoring.as_ref().map_or(0, |restoring| restoring.source_offset);
    Owned {
        epoch: taking.takeover.epoch(),
        next_offset: offset,
        committed_offset: offset,
        committed_marker: record.map_or(Position(0), |record| record.recovery_marker),
        marker_epoch: record.map_or_else(Default::default, |record| record.marker_epoch),
        paused: false,
    }
}

fn list(partitions: &[PartitionId]) -> String {
    partitions.iter().map(|partition| partition.0.to_string()).collect::<Vec<_>>().join(", ")
}
