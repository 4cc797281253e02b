//! Transactions of a host: checkpoints of all that it owns, and epochs of takeovers, one at a time.

use super::broker::Refused;
use super::host::{Doing, Part, Stage, Transaction};
use super::mistake::ClusterMistake;
use super::run::{Cluster, EndRequest};
use crate::keyed::Batch;
use weir_core::ownership::{PartitionRecord, TakeoverStep};

impl Cluster {
    /// Whether a host may begin a transaction.
    pub(super) fn may_begin_transaction(&self, host: usize) -> bool {
        let host = &self.hosts[host];
        host.transaction.is_none()
            && host.metadata.is_some()
            && !host.refused
            && host.producer.is_some_and(|producer| self.broker.may_begin(producer))
    }

    /// Whether a host may take a checkpoint now.
    pub(super) fn may_take_checkpoint(&self, host: usize) -> bool {
        let of = &self.hosts[host];
        // What waits for its key to be loaded is in no checkpoint yet.
        let loads = of.acting().any(|(_, tenure)| tenure.process.as_ref().is_some_and(|of| !of.loads.is_empty()));
        !loads && of.is_connected(self.now_ms()) && self.may_begin_transaction(host) && of.acting().next().is_some()
    }

    /// A checkpoint of all that a host owns is taken.
    pub(super) fn take_checkpoint(&mut self, host: usize) {
        let mut parts = Vec::new();
        let stopping = self.hosts[host].stopping;
        let transactional_id = self.hosts[host].transactional_id();
        let (lease_ms, partitions) = (self.scenario.lease_ms, self.scenario.partitions as u32);
        for partition in 0..self.scenario.partitions {
            self.with_tenure(host, partition, |tenure, cluster| {
                let Some(process) = &mut tenure.process else { return };
                let released = tenure.revoked || stopping;
                if released {
                    tenure.lease.give_up();
                    process.stopping = true;
                    process.interrupt_guests(&mut cluster.world, cluster.scenario.base.deploy);
                }
                let taken = process.operator.begin_checkpoint();
                process.source_checkpointed = process.source_next;
                let record = PartitionRecord {
                    epoch: process.operator.store().epoch(),
                    transactional_id: transactional_id.clone(),
                    lease_ms,
                    released,
                    source_offset: process.source_next as u64,
                    recovery_marker: taken.marker,
                    marker_epoch: taken.marker_epoch,
                    partitions,
                };
                cluster.world.digest.bytes(&record.encode());
                cluster.world.tell(|| format!("    checkpoint of partition {partition}: {record:?}"));
                let batch = Batch {
                    marker: taken.marker.0,
                    source_offset: process.source_next,
                    entries: taken.entries,
                    outputs: std::mem::take(&mut process.outputs),
                    dead_letters: std::mem::take(&mut process.dead_letters),
                };
                parts.push(Part { partition, checkpoint: taken.id, waits_for: taken.waits_for, batch, record });
            });
        }
        let host = &mut self.hosts[host];
        let metadata = host.metadata.expect("it has partitions");
        host.transaction = Some(Transaction { is_takeover: false, metadata, parts, stage: Stage::Taken });
    }

    /// Whether every put that a transaction rests on is durable.
    pub(super) fn doors_are_open(&self, host: usize) -> bool {
        let host = &self.hosts[host];
        let transaction = host.transaction.as_ref().expect("a transaction is asked about");
        transaction.parts.iter().all(|part| {
            let process = host.tenures[part.partition].as_ref().and_then(|tenure| tenure.process.as_ref());
            process.is_none_or(|process| process.is_acknowledged(part.waits_for))
        })
    }

    /// The transaction in flight goes on at the brokers.
    pub(super) fn step_transaction(&mut self, host: usize) {
        self.look_from(host);
        let now_ms = self.now_ms();
        let of = &mut self.hosts[host];
        let Some(mut transaction) = of.transaction.take() else { return };
        let producer = of.producer.expect("it was initialised");
        let went = match transaction.stage {
            Stage::Taken => self.broker.begin(producer, now_ms).and_then(|at| {
                transaction.stage = Stage::Written(at);
                transaction
                    .parts
                    .iter()
                    .try_for_each(|part| self.broker.write(producer, at, part.partition, &part.batch, &part.record))
            }),
            Stage::Written(at) => {
                transaction.stage = Stage::OffsetsSent(at);
                let offsets: Vec<_> =
                    transaction.parts.iter().map(|part| (part.partition, part.record.source_offset)).collect();
                let metadata = match self.mistake {
                    Some(ClusterMistake::RefreshedMetadata) => of.client.metadata.ok_or(Refused::Generation),
                    _ => Ok(transaction.metadata),
                };
                let sent = metadata.and_then(|metadata| self.broker.send_offsets(producer, at, metadata, &offsets));
                if sent == Err(Refused::Generation) {
                    // Not fatal: the transaction is aborted, and the host goes on.
                    of.refused = self.mistake != Some(ClusterMistake::RefreshedMetadata);
                    transaction.stage = Stage::Written(at);
                    of.transaction = Some(transaction);
                    return self.abort_transaction(host);
                }
                sent
            }
            Stage::OffsetsSent(at) => {
                transaction.stage = Stage::Ending(at);
                let own_ms = self.world.now_ms;
                for part in &transaction.parts {
                    if let Some(tenure) = &mut of.tenures[part.partition] {
                        tenure.lease.on_checkpoint_sent(own_ms);
                    }
                }
                self.ends.push(EndRequest { host, life: of.life, producer, transaction: at });
                Ok(())
            }
            Stage::Ending(_) | Stage::Answered(_) => unreachable!("its end is on its way"),
        };
        of.transaction = Some(transaction);
        if went.is_err() {
            self.world.tell(|| format!("    host {host} is fenced"));
            self.end_process(host, 5);
        }
    }

    /// The end of a transaction arrives at the brokers, whether or not its host is still there.
    pub(super) fn end_arrives(&mut self, at: usize) {
        let EndRequest { host, life, producer, transaction } = self.ends.swap_remove(at);
        let ended = self.broker.end(producer, transaction, true);
        self.world.tell(|| format!("    commit of host {host}: {ended:?}"));
        let of = &mut self.hosts[host];
        if let Some(in_flight) = of.transaction.as_mut().filter(|_| of.life == life) {
            in_flight.stage = Stage::Answered(ended);
        }
    }

    /// The answer arrives at the host.
    pub(super) fn transaction_answered(&mut self, host: usize) {
        let Some(transaction) = self.hosts[host].transaction.take() else { return };
        if transaction.stage == Stage::Answered(Ok(())) {
            for part in transaction.parts {
                self.part_committed(host, transaction.is_takeover, part);
            }
        } else {
            self.end_process(host, 5);
        }
    }

    fn part_committed(&mut self, host: usize, is_takeover: bool, part: Part) {
        let Part { partition, checkpoint, batch, record, .. } = part;
        self.with_tenure(host, partition, |tenure, cluster| {
            tenure.lease.on_checkpoint_committed();
            if is_takeover {
                let step = tenure.takeover.on_epoch_committed(cluster.world.now_ms);
                tenure.doing = Doing::Step(step);
                return;
            }
            tenure.keyed.write(Batch { outputs: Vec::new(), dead_letters: Vec::new(), ..batch });
            tenure.keyed.on_synced();
            let process = tenure.process.as_mut().expect("it took a checkpoint");
            process.operator.on_checkpoint_durable(checkpoint);
            if record.released {
                process.operator.prune(usize::MAX);
            }
        });
        if record.released {
            self.give_up(host, partition);
        }
    }

    /// The transaction in flight comes to nothing.
    pub(super) fn abort_transaction(&mut self, host: usize) {
        let of = &mut self.hosts[host];
        let Some(transaction) = of.transaction.take() else { return };
        if let (Stage::Written(at) | Stage::OffsetsSent(at), Some(producer)) = (transaction.stage, of.producer)
            && self.broker.end(producer, at, false).is_err()
        {
            return self.end_process(host, 5);
        }
        self.world.tell(|| format!("    host {host} aborts its transaction"));
        for Part { partition, checkpoint, mut batch, record, .. } in transaction.parts {
            self.with_tenure(host, partition, |tenure, _| {
                tenure.lease.on_checkpoint_aborted();
                if transaction.is_takeover {
                    tenure.doing = Doing::Step(TakeoverStep::CommitEpoch(record.epoch));
                    return;
                }
                let process = tenure.process.as_mut().expect("it took a checkpoint");
                batch.outputs.append(&mut process.outputs);
                batch.dead_letters.append(&mut process.dead_letters);
                (process.outputs, process.dead_letters) = (batch.outputs, batch.dead_letters);
                process.source_checkpointed = usize::MAX;
                process.operator.on_checkpoint_aborted(checkpoint);
            });
        }
    }
}
