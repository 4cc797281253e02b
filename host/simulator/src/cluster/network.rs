//! What is on its way to the action-state topic: it arrives in order and without gaps, at any time, or not at all.

use super::host::{Doing, OnWire};
use super::mistake::ClusterMistake;
use super::run::{Cluster, Stray};
use super::tamper;
use super::topic::Sent;
use weir_core::ownership::Epoch;
use weir_core::partition::partition_of;
use weir_core::store::log::{Append, AppendKind, Position};

/// An append as it goes on its way; none where a planted mistake leaves it out.
pub(super) fn on_wire(append: &Append, epoch: Epoch, mistake: Option<ClusterMistake>) -> Option<OnWire> {
    let is_record = matches!(append.what, AppendKind::Record(_));
    Some(OnWire { sent: tamper::append(append, epoch, mistake)?, is_record })
}

impl Cluster {
    /// Some of what the core wants written is sent.
    pub(super) fn send_appends(&mut self, host: usize, partition: usize) {
        let mistake = self.mistake;
        self.with_tenure(host, partition, |tenure, cluster| {
            let process = tenure.process.as_mut().expect("it acts");
            let epoch = process.operator.store().epoch();
            let count = 1 + cluster.rng.below(process.outbox.len().min(4));
            for append in process.outbox.drain(..count) {
                tenure.sent += 1;
                let nothing = Sent { key: Vec::new(), name: Vec::new(), value: None, fence: None };
                let sent = on_wire(&append, epoch, mistake);
                tenure.wire.push_back(sent.unwrap_or(OnWire { sent: nothing, is_record: false }));
            }
        });
    }

    /// The next of a tenure's records arrives.
    pub(super) fn arrive(&mut self, host: usize, partition: usize) {
        self.with_tenure(host, partition, |tenure, cluster| {
            let OnWire { sent, is_record } = tenure.wire.pop_front().expect("something is on its way");
            let is_fence = sent.fence.is_some();
            let offset = cluster.append(partition, tenure.log, sent);
            if is_fence {
                tenure.doing = Doing::FenceStands(Position(offset));
                return;
            }
            let position = Position(offset + u64::from(!is_record));
            let process = tenure.process.as_mut().expect("who sends records acts");
            process.written.push((position, is_record));
            process.durable = process.written.len();
        });
    }

    /// The next record arrives of those whose sender is gone.
    pub(super) fn stray_arrives(&mut self, at: usize) {
        let Stray { partition, log, wire, .. } = &mut self.strays[at];
        let (partition, log) = (*partition, *log);
        let OnWire { sent, .. } = wire.pop_front().expect("something is on its way");
        if wire.is_empty() {
            self.strays.swap_remove(at);
        }
        self.append(partition, log, sent);
    }

    fn append(&mut self, partition: usize, log: usize, sent: Sent) -> u64 {
        let epoch = self.logs[log].epoch;
        let at = match self.mistake {
            Some(ClusterMistake::StatesByMurmur2) if sent.fence.is_none() => self.partition_by_key(partition, &sent),
            _ => partition,
        };
        self.world.tell(|| format!("    at {} of partition {at}: {}", self.broker.states[at].end(), describe(&sent)));
        let is_append = sent.fence.is_none();
        if sent.name.is_empty() {
            // A planted mistake left it out.
            self.logs[log].landed += 1;
            return self.broker.states[at].end();
        }
        let (offset, late) = self.broker.states[at].append(sent, epoch);
        if is_append && !late {
            self.logs[log].landed += 1;
        }
        offset
    }

    fn partition_by_key(&self, partition: usize, sent: &Sent) -> usize {
        let record = weir_core::action_state::RecordKey::parse(&sent.name);
        let of = |key: &weir_core::key::Key| partition_of(key.as_bytes(), self.scenario.partitions as u32).0 as usize;
        record.map_or(partition, |record| of(&record.state.key))
    }

    /// Some of what has arrived is acknowledged.
    pub(super) fn acknowledge(&mut self, host: usize, partition: usize) {
        self.with_tenure(host, partition, |tenure, cluster| {
            let process = tenure.process.as_mut().expect("it acts");
            let count = 1 + cluster.rng.below(process.durable - process.acknowledged);
            process.acknowledge(count);
        });
    }
}

fn describe(sent: &Sent) -> String {
    let name = String::from_utf8_lossy(&sent.name);
    match &sent.value {
        Some(value) => format!("{name} {}", String::from_utf8_lossy(value)),
        None => format!("{name} tombstone"),
    }
}
