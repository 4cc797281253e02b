//! The topics of an application on Kafka, looked into beside the hosts that may run: what is committed of keyed state, and
//! what the action-state topic has.
//!
//! *Invariant:* a look belongs to no group and writes nothing, so that no host notices it. A repair is a record of the
//! control topic, and done by the owner of the key.

use super::look;
use super::offline::{self, Looked, Scan};
use super::progress::Progress;
use super::protocol::{Answer, KeyName, RepairRequest, Request};
use crate::cli::WrongUse;
use crate::scratch::{PartitionScratch, Scratch};
use crate::settings::Settings;
use anyhow::{Context, anyhow, bail};
use std::cell::RefCell;
use std::time::Duration;
use weir_core::checkpoint::{Entry, EntryKey, EntrySpace};
use weir_core::event::PartitionId;
use weir_core::key::Key;
use weir_core::ownership::{Epoch, PartitionRecord};
use weir_core::store::log::Position;
use weir_core::store::{ActionStateStore, Rebuild};
use weir_kafka::changelog::ChangelogName;
use weir_kafka::{KafkaSettings, Reader};

/// How long an owner may take to answer. As long may a takeover take, which it waits for.
const ANSWER_DEADLINE: Duration = Duration::from_secs(20);

/// Answers by looking, and has the owner of a key repair it.
pub fn answer(settings: &Settings, kafka: &KafkaSettings, request: &Request) -> anyhow::Result<Answer> {
    let memory_of = match request {
        Request::Repair(repair) => return ask_owner(kafka, repair, request),
        Request::Key { key } => KeyName::to_key(key),
        _ => None,
    };
    offline::answer(&Topics::restore(settings, kafka, memory_of)?, request)
}

fn ask_owner(kafka: &KafkaSettings, repair: &RepairRequest, request: &Request) -> anyhow::Result<Answer> {
    let partition = repair.partition.context("the repair names no partition")?;
    if let Some(lacks) = weir_kafka::topics::lacks_to_ask(kafka, &weir_kafka::topics::describe(kafka)?) {
        return Err(WrongUse(lacks).into());
    }
    let asked = serde_json::to_vec(request)?;
    let Some(answer) = weir_kafka::control::ask(kafka, PartitionId(partition), &asked, ANSWER_DEADLINE)? else {
        bail!(
            "no host owns partition {partition} now: none answered within {} s, and the request is withdrawn; start a \
             host, see `weir quarantine list`, and repair again",
            ANSWER_DEADLINE.as_secs()
        );
    };
    serde_json::from_slice(&answer).context("the host's answer is not understood; is it of the same version?")
}

/// The topics of an application, with as much of their keyed state as a look needs.
struct Topics<'a> {
    kafka: &'a KafkaSettings,
    partitions: Vec<Restored>,
    /// Keys, with all that is kept of them, and memory of this one alone.
    memory_of: Option<Key>,
    action_states: Reader,
    record_bytes_max: usize,
    progress: RefCell<Progress>,
}

/// One partition of the changelog, as far as it is committed.
struct Restored {
    scratch: PartitionScratch,
    record: Option<PartitionRecord>,
}

impl<'a> Topics<'a> {
    fn restore(settings: &Settings, kafka: &'a KafkaSettings, memory_of: Option<Key>) -> anyhow::Result<Self> {
        let count = partitions(kafka)?;
        let changelog = Reader::of_changelog(kafka)?;
        let action_states = Reader::of_action_states(kafka)?;
        let (mut ranges, mut records) = (Vec::new(), 0);
        for partition in (0..count).map(PartitionId) {
            let (low, high) = changelog.stable_watermarks(partition)?;
            ranges.push((low, high));
            records += high - low;
        }
        let mut progress = Progress::new();
        progress.expect(records, format!("read {}", kafka.keyed_state_topic()));
        let mut topics = Self {
            kafka,
            partitions: Vec::new(),
            memory_of,
            action_states,
            record_bytes_max: settings.limits.operator.record_bytes_max,
            progress: RefCell::new(progress),
        };
        let scratch = Scratch::make(&settings.store.directory)?;
        for (partition, range) in ranges.into_iter().enumerate() {
            let partition = PartitionId(partition as u32);
            let restored = topics.restore_partition(&changelog, partition, range, scratch.partition(partition)?)?;
            topics.partitions.push(restored);
        }
        Ok(topics)
    }

    fn restore_partition(
        &self,
        changelog: &Reader,
        partition: PartitionId,
        (low, high): (u64, u64),
        mut scratch: PartitionScratch,
    ) -> anyhow::Result<Restored> {
        let (mut record, mut failed, mut at) = (None, None, low);
        changelog.read(partition, low, high, &mut |offset, name, value| {
            self.progress.borrow_mut().advance(offset + 1 - at);
            at = offset + 1;
            if failed.is_some() {
                return;
            }
            let taken = self.take(name, value, &mut scratch, &mut record);
            failed = taken.err().map(|error| {
                let topic = self.kafka.keyed_state_topic();
                error.context(format!("{topic}, partition {partition}, offset {offset}"))
            });
        })?;
        self.progress.borrow_mut().advance(high.saturating_sub(at));
        if let Some(error) = failed {
            return Err(error);
        }
        scratch.finish_restore()?;
        Ok(Restored { scratch, record })
    }

    fn take(
        &self,
        name: &[u8],
        value: Option<&[u8]>,
        scratch: &mut PartitionScratch,
        record: &mut Option<PartitionRecord>,
    ) -> anyhow::Result<()> {
        match ChangelogName::parse(name) {
            Some(ChangelogName::PartitionRecord) => {
                if let Some(value) = value {
                    *record = Some(PartitionRecord::decode(value)?);
                }
                Ok(())
            }
            Some(ChangelogName::Entry(EntrySpace::Memory, entry)) => {
                match EntryKey::parse(EntrySpace::Memory, entry)?.key() {
                    key if Some(key) == self.memory_of.as_ref() => scratch.restore(name, value),
                    _ => Ok(()),
                }
            }
            Some(ChangelogName::Entry(..)) => scratch.restore(name, value),
            None => Err(anyhow!("a name that this release does not know: look with the Weir that wrote it")),
        }
    }

    fn of(&self, partition: PartitionId) -> anyhow::Result<&Restored> {
        self.partitions.get(partition.0 as usize).context("a partition that the input does not have")
    }
}

impl Looked for Topics<'_> {
    fn partitions(&self) -> u32 {
        self.partitions.len() as u32
    }

    /// A key is where its producer put it.
    fn partitions_of(&self, _: &Key) -> Vec<PartitionId> {
        (0..self.partitions()).map(PartitionId).collect()
    }

    fn name_of(&self, partition: PartitionId) -> Option<u32> {
        Some(partition.0)
    }

    fn keys(&self, after: Option<&Key>, limit: usize) -> anyhow::Result<Vec<(PartitionId, Key)>> {
        let mut found = Vec::new();
        for (partition, restored) in self.partitions.iter().enumerate() {
            let keys = restored.scratch.keys(&[], after, limit.saturating_add(1))?.into_iter();
            found.extend(keys.map(|(key, _)| (PartitionId(partition as u32), key)));
        }
        found.sort_by_cached_key(|(partition, key)| (look::order(key), *partition));
        Ok(found)
    }

    fn load_header(&self, partition: PartitionId, key: &Key) -> anyhow::Result<Option<Vec<u8>>> {
        self.of(partition)?.scratch.load_header(key)
    }

    fn load_key(&self, partition: PartitionId, key: &Key) -> anyhow::Result<Vec<Entry>> {
        self.of(partition)?.scratch.load_key(key)
    }

    fn rebuild(&self, partition: PartitionId) -> anyhow::Result<ActionStateStore> {
        let record = self.of(partition)?.record.as_ref();
        let none = (Epoch::default(), Position(0), Epoch::default());
        let (epoch, marker, floor) =
            record.map_or(none, |known| (known.epoch, known.recovery_marker, known.marker_epoch));
        let (_, end) = self.action_states.watermarks(partition)?;
        let rebuild = Rebuild::of_owner(epoch, floor, partition, Position(end), self.record_bytes_max);
        let mut scan = Scan::new(self, partition, rebuild);
        let mut at = marker.0;
        let what = format!("read {}", self.kafka.action_state_topic());
        self.progress.borrow_mut().expect(end.saturating_sub(at), what);
        self.action_states.read(partition, at, end, &mut |offset, name, value| {
            self.progress.borrow_mut().advance(offset + 1 - at);
            at = offset + 1;
            scan.take(Position(offset), name, value);
        })?;
        self.progress.borrow_mut().advance(end.saturating_sub(at));
        scan.finish()
    }
}

/// How many partitions the application has; an error that says what to do where its topics can't be looked into.
fn partitions(kafka: &KafkaSettings) -> anyhow::Result<u32> {
    let report = weir_kafka::topics::describe(kafka)?;
    if let Some(lacks) = weir_kafka::topics::lacks_to_look(kafka, &report) {
        return Err(WrongUse(lacks).into());
    }
    report.partitions().context("the input has partitions")
}
