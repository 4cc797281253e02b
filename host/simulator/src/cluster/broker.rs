//! The simulated brokers: topics, transactions, the group's offsets.

use super::changelog::{Changelog, TransactionIndex};
use super::group::{Group, Metadata};
use super::topic::StateTopic;
use crate::keyed::Batch;
use weir_core::event::{DeadLetter, OutputEvent};
use weir_core::ownership::PartitionRecord;

/// A producer as the transaction coordinator knows it: its transactional id, and the epoch that it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Producer {
    id: usize,
    epoch: u32,
}

/// Why the brokers refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Another producer of the same transactional id was initialised, or the transaction took too long.
    Fenced,
    /// The group has no such member in this generation.
    Generation,
}

/// How far a transaction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// It was decided; the ends are being written.
    Ending {
        commit: bool,
    },
    Ended {
        commit: bool,
    },
}

#[derive(Clone, Debug)]
struct Transaction {
    id: usize,
    state: State,
    began_ms: u64,
    /// Partitions of the changelog, and whether its end is written there.
    partitions: Vec<(usize, bool)>,
    /// Partition, offset, and the order of this write among all.
    offsets: Vec<(usize, u64, u64)>,
    offsets_marked: bool,
}

#[derive(Clone, Debug)]
struct TransactionalId {
    name: String,
    epoch: u32,
    /// Its last transaction.
    last: Option<TransactionIndex>,
}

/// Offsets that the group has for a partition.
#[derive(Clone, Copy, Debug, Default)]
struct Committed {
    offset: u64,
    order: u64,
}

/// Where the end of a transaction is to be written.
#[derive(Clone, Copy, Debug)]
pub struct Marker {
    transaction: TransactionIndex,
    /// None: among the group's offsets.
    partition: Option<usize>,
}

/// Everything that Kafka holds.
#[derive(Clone, Debug)]
pub struct Broker {
    /// Action states, by partition.
    pub states: Vec<StateTopic>,
    /// Keyed state, by partition.
    pub changelogs: Vec<Changelog>,
    /// The group.
    pub group: Group,
    outputs: Vec<(TransactionIndex, OutputEvent)>,
    dead_letters: Vec<(TransactionIndex, DeadLetter)>,
    ids: Vec<TransactionalId>,
    transactions: Vec<Transaction>,
    unfinished: Vec<TransactionIndex>,
    offsets: Vec<Committed>,
    next_order: u64,
    timeout_ms: u64,
    /// The first thing that is wrong.
    pub violation: Option<String>,
}

impl Broker {
    /// Brokers with empty topics.
    pub fn new(partitions: usize, timeout_ms: u64) -> Self {
        Self {
            states: vec![StateTopic::default(); partitions],
            changelogs: vec![Changelog::default(); partitions],
            group: Group::new(partitions),
            outputs: Vec::new(),
            dead_letters: Vec::new(),
            ids: Vec::new(),
            transactions: Vec::new(),
            unfinished: Vec::new(),
            offsets: vec![Committed::default(); partitions],
            next_order: 1,
            timeout_ms,
            violation: None,
        }
    }

    /// Initialises a producer of a transactional id: the older one is fenced, what it left open is aborted. None as long
    /// as the end of its last transaction is being written.
    pub fn initialise(&mut self, name: &str) -> Option<Producer> {
        let id = self.ids.iter().position(|id| id.name == name).unwrap_or_else(|| {
            self.ids.push(TransactionalId { name: name.to_owned(), epoch: 0, last: None });
            self.ids.len() - 1
        });
        if let Some(last) = self.ids[id].last {
            match self.transactions[last].state {
                State::Open => {
                    self.ids[id].epoch += 1;
                    self.decide(last, false);
                    return None;
                }
                State::Ending { .. } => return None,
                State::Ended { .. } => {}
            }
        }
        self.ids[id].epoch += 1;
        Some(Producer { id, epoch: self.ids[id].epoch })
    }

    /// Whether the last transaction of a producer has ended everywhere, so that it may begin another.
    pub fn may_begin(&self, producer: Producer) -> bool {
        let last = self.ids[producer.id].last;
        self.check(producer).is_err()
            || last.is_none_or(|last| matches!(self.transactions[last].state, State::Ended { .. }))
    }

    /// Begins a transaction.
    pub fn begin(&mut self, producer: Producer, now_ms: u64) -> Result<TransactionIndex, Refused> {
        self.check(producer)?;
        let (id, transaction) = (producer.id, self.transactions.len());
        self.transactions.push(Transaction {
            id,
            state: State::Open,
            began_ms: now_ms,
            partitions: Vec::new(),
            offsets: Vec::new(),
            offsets_marked: false,
        });
        self.ids[id].last = Some(transaction);
        self.unfinished.push(transaction);
        Ok(transaction)
    }

    /// A transaction writes what a checkpoint holds of one partition.
    pub fn write(
        &mut self,
        producer: Producer,
        transaction: TransactionIndex,
        partition: usize,
        batch: &Batch,
        record: &PartitionRecord,
    ) -> Result<(), Refused> {
        self.check(producer)?;
        self.transactions[transaction].partitions.push((partition, false));
        self.changelogs[partition].write(transaction, &batch.entries, record);
        self.outputs.extend(batch.outputs.iter().map(|output| (transaction, output.clone())));
        self.dead_letters.extend(batch.dead_letters.iter().map(|letter| (transaction, letter.clone())));
        Ok(())
    }

    /// A transaction takes the offsets of some partitions along.
    pub fn send_offsets(
        &mut self,
        producer: Producer,
        transaction: TransactionIndex,
        metadata: Metadata,
        offsets: &[(usize, u64)],
    ) -> Result<(), Refused> {
        self.check(producer)?;
        if !self.group.accepts(metadata) {
            return Err(Refused::Generation);
        }
        for (partition, offset) in offsets {
            self.transactions[transaction].offsets.push((*partition, *offset, self.next_order));
            self.next_order += 1;
        }
        Ok(())
    }

    /// A producer ends its transaction.
    pub fn end(&mut self, producer: Producer, transaction: TransactionIndex, commit: bool) -> Result<(), Refused> {
        self.check(producer)?;
        self.decide(transaction, commit);
        Ok(())
    }

    /// Transactions that are open for too long are aborted, and their producers fenced.
    pub fn time_out(&mut self, now_ms: u64) {
        for at in self.unfinished.clone() {
            let Transaction { id, state, began_ms, .. } = self.transactions[at];
            if state == State::Open && began_ms + self.timeout_ms <= now_ms {
                self.ids[id].epoch += 1;
                self.decide(at, false);
            }
        }
    }

    /// When the next open transaction takes too long.
    pub fn next_timeout_ms(&self) -> Option<u64> {
        let open = self.unfinished.iter().map(|at| &self.transactions[*at]).filter(|open| open.state == State::Open);
        open.map(|open| open.began_ms + self.timeout_ms).min()
    }

    /// Where ends of transactions are to be written.
    pub fn markers(&self) -> Vec<Marker> {
        let mut markers = Vec::new();
        for &transaction in &self.unfinished {
            let of = &self.transactions[transaction];
            if !matches!(of.state, State::Ending { .. }) {
                continue;
            }
            let partitions = of.partitions.iter().filter(|(_, marked)| !marked);
            markers.extend(partitions.map(|(partition, _)| Marker { transaction, partition: Some(*partition) }));
            if !of.offsets_marked {
                markers.push(Marker { transaction, partition: None });
            }
        }
        markers
    }

    /// The end of a transaction is written in one place.
    pub fn mark(&mut self, Marker { transaction, partition }: Marker) {
        let of = &mut self.transactions[transaction];
        let State::Ending { commit } = of.state else { unreachable!("only a transaction that ends is marked") };
        match partition {
            Some(partition) => {
                let place = of.partitions.iter_mut().find(|(at, _)| *at == partition);
                place.expect("it wrote there").1 = true;
                self.changelogs[partition].mark(transaction, commit);
            }
            None => {
                of.offsets_marked = true;
                if commit {
                    let offsets = of.offsets.clone();
                    offsets
                        .into_iter()
                        .for_each(|(at, offset, order)| self.commit_offset(at, Committed { offset, order }));
                }
            }
        }
        let of = &mut self.transactions[transaction];
        if of.offsets_marked && of.partitions.iter().all(|(_, marked)| *marked) {
            of.state = State::Ended { commit };
            self.unfinished.retain(|at| *at != transaction);
            if commit {
                self.check_echo(transaction);
            }
        }
    }

    /// What readers of committed records see of the sinks.
    pub fn committed_outputs(&self) -> (Vec<OutputEvent>, Vec<DeadLetter>) {
        let is_committed = |at: TransactionIndex| self.transactions[at].state == State::Ended { commit: true };
        let outputs = self.outputs.iter().filter(|(at, _)| is_committed(*at)).map(|(_, output)| output.clone());
        let letters = self.dead_letters.iter().filter(|(at, _)| is_committed(*at)).map(|(_, letter)| letter.clone());
        (outputs.collect(), letters.collect())
    }

    /// The group's offset of a partition.
    pub fn offset(&self, partition: usize) -> u64 {
        self.offsets[partition].offset
    }

    fn check(&self, producer: Producer) -> Result<(), Refused> {
        if self.ids[producer.id].epoch == producer.epoch { Ok(()) } else { Err(Refused::Fenced) }
    }

    fn decide(&mut self, transaction: TransactionIndex, commit: bool) {
        let state = &mut self.transactions[transaction].state;
        assert_eq!(*state, State::Open, "a transaction is decided once");
        *state = State::Ending { commit };
    }

    /// What was written last holds, whichever transaction is marked last.
    fn commit_offset(&mut self, partition: usize, new: Committed) {
        let known = &mut self.offsets[partition];
        if new.order < known.order {
            return;
        }
        if new.offset < known.offset {
            let (before, after) = (known.offset, new.offset);
            self.violation.get_or_insert_with(|| {
                format!("the group's offset of partition {partition} went back from {before} to {after}")
            });
        }
        *known = new;
    }

    /// The group's offset is the echo of the checkpoint record's.
    fn check_echo(&mut self, transaction: TransactionIndex) {
        for (partition, _) in self.transactions[transaction].partitions.clone() {
            let others = self.unfinished.iter().flat_map(|at| &self.transactions[*at].partitions);
            if others.into_iter().any(|(other, _)| *other == partition) {
                continue;
            }
            let changelog = &self.changelogs[partition];
            let record = changelog.read(changelog.end()).0.expect("a record was written");
            let echo = self.offsets[partition].offset;
            if record.source_offset != echo {
                let truth = record.source_offset;
                self.violation.get_or_insert_with(|| {
                    format!("partition {partition}: the checkpoint record says {truth}, the group's offset is {echo}")
                });
            }
        }
    }
}
