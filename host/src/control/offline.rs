//! Looking into a store without a host: into one that none runs on, or into the topics that hosts share.

use super::look;
use super::protocol::{Answer, KeyDetail, KeyHeader, QuarantinedKey, Request};
use anyhow::{Context, bail};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use weir_core::action_state::{ActionState, Decision, StateKey};
use weir_core::checkpoint::{self, EntrySpace, Header};
use weir_core::event::{PartitionId, SequenceNumber};
use weir_core::key::Key;
use weir_core::operator::{KeyReport, QuarantineReport, report_of_entries};
use weir_core::store::log::Position;
use weir_core::store::{ActionStateStore, Rebuild};

/// A store that can be looked at: keyed state as the last checkpoint has it, action states as a rebuild finds them.
/// *Invariant:* looking changes nothing.
pub trait Looked {
    /// Its partitions.
    fn partitions(&self) -> u32;
    /// The partitions in which a key may be.
    fn partitions_of(&self, key: &Key) -> Vec<PartitionId>;
    /// How people call a partition; none where they need not know of any.
    fn name_of(&self, partition: PartitionId) -> Option<u32>;
    /// Some keys, shorter ones first, after a given one, with their partitions: one more than `limit` where there are.
    fn keys(&self, after: Option<&Key>, limit: usize) -> anyhow::Result<Vec<(PartitionId, Key)>>;
    /// The header of a key, if a checkpoint has it.
    fn load_header(&self, partition: PartitionId, key: &Key) -> anyhow::Result<Option<Vec<u8>>>;
    /// The entries of a key; empty where no checkpoint has it.
    fn load_key(&self, partition: PartitionId, key: &Key) -> anyhow::Result<Vec<checkpoint::Entry>>;
    /// The action states of a partition, from the recovery marker to the present end.
    fn rebuild(&self, partition: PartitionId) -> anyhow::Result<ActionStateStore>;
}

/// Answers as a host that runs would; repairs are not among what can be answered by looking.
pub fn answer(store: &impl Looked, request: &Request) -> anyhow::Result<Answer> {
    match request.clone() {
        Request::Keys { after, limit } => keys(store, look::key_of(after)?, limit),
        Request::Key { key: name } => key(store, &name.to_key().context("the key is not percent-encoded")?),
        Request::States { after, limit } => {
            let states = states(store)?.into_iter().map(|(_, name, state)| (name, state)).collect();
            Ok(look::states_page(states, look::key_of(after)?, limit))
        }
        Request::Quarantine => Ok(Answer::Quarantine { keys: quarantined(store, states(store)?)? }),
        Request::Repair(_) => bail!("a repair changes what is looked at"),
    }
}

fn keys(store: &impl Looked, after: Option<Key>, limit: usize) -> anyhow::Result<Answer> {
    let mut found = store.keys(after.as_ref(), limit)?;
    // A page ends with a key, whatever its partitions: the next begins behind it.
    let is_of_last = |(_, key): &(PartitionId, Key)| limit.checked_sub(1).is_some_and(|last| found[last].1 == *key);
    let end = found.iter().skip(limit).position(|found| !is_of_last(found)).map(|beyond| limit + beyond);
    let more = end.is_some();
    found.truncate(end.unwrap_or(usize::MAX));
    let mut rebuilt = BTreeMap::new();
    let header = |(partition, key): (PartitionId, Key)| {
        let mut report = report_of_entries(&key, store.load_key(partition, &key)?)?;
        if report.running.is_some() {
            let states = match rebuilt.entry(partition) {
                Entry::Vacant(vacant) => vacant.insert(store.rebuild(partition)?),
                Entry::Occupied(occupied) => occupied.into_mut(),
            };
            report.quarantined = states.states_of(&key).iter().any(|(_, state)| quarantines(state));
        }
        anyhow::Ok(KeyHeader { partition: store.name_of(partition), ..KeyHeader::from(&report) })
    };
    Ok(Answer::Keys { keys: found.into_iter().map(header).collect::<Result<_, _>>()?, more })
}

fn key(store: &impl Looked, key: &Key) -> anyhow::Result<Answer> {
    let mut found = Vec::new();
    for partition in store.partitions_of(key) {
        if store.load_header(partition, key)?.is_some() {
            found.push(partition);
        }
    }
    let Some(&partition) = found.first() else { return Ok(Answer::UnknownKey) };
    if found.len() > 1 {
        let all: Vec<String> = found.iter().map(ToString::to_string).collect();
        tracing::warn!(
            "the key is in the partitions {}, a key of its own in each: its producers do not agree where it belongs; \
             shown is the first",
            all.join(", ")
        );
    }
    let report = report_of_entries(key, store.load_key(partition, key)?)?;
    let found = store.rebuild(partition)?.states_of(key);
    let placed = found.iter().cloned().map(|(name, state)| (partition, name, state)).collect();
    let quarantine = quarantined(store, placed)?.into_iter().next();
    let report = KeyReport { quarantined: quarantine.is_some(), ..report };
    let mut detail = KeyDetail::new(&report, &found, quarantine);
    detail.header.partition = store.name_of(partition);
    Ok(Answer::Key(Box::new(detail)))
}

/// Action states with their partitions.
type PlacedStates = Vec<(PartitionId, StateKey, std::sync::Arc<ActionState>)>;

fn states(store: &impl Looked) -> anyhow::Result<PlacedStates> {
    let mut all = Vec::new();
    for partition in (0..store.partitions()).map(PartitionId) {
        let states = store.rebuild(partition)?;
        for key in states.keys() {
            all.extend(states.states_of(key).into_iter().map(|(name, state)| (partition, name, state)));
        }
    }
    Ok(all)
}

/// The record is the truth: a checkpoint does not know of a failure or a repair after it.
fn quarantines(state: &ActionState) -> bool {
    matches!(state.decision(), Some(Decision::Quarantine | Decision::Stop))
}

fn quarantined(store: &impl Looked, states: PlacedStates) -> anyhow::Result<Vec<QuarantinedKey>> {
    let mut found = Vec::new();
    for (partition, name, state) in states.into_iter().filter(|(_, _, state)| quarantines(state)) {
        let entries = store.load_key(partition, &name.key)?;
        let pending = entries.iter().filter(|entry| entry.space == EntrySpace::Pending).count();
        let failed = state.failed.clone().context("a decision stands with its failure")?;
        let (attempts, repairs) = (failed.attempts, failed.repairs);
        let action = state.action.as_str().to_owned();
        let report = QuarantineReport { state: name, action, failure: failed.failure, attempts, repairs, pending };
        found.push((partition, report));
    }
    found.sort_by(|(a_at, a), (b_at, b)| (&a.state, a_at).cmp(&(&b.state, b_at)));
    let shown = |(partition, report): &(PartitionId, QuarantineReport)| QuarantinedKey {
        partition: store.name_of(*partition),
        ..QuarantinedKey::from(report)
    };
    Ok(found.iter().map(shown).collect())
}

/// A rebuild for someone who looks: a record that can't be decoded is told of, and left out.
pub(super) struct Scan<'a, L> {
    store: &'a L,
    partition: PartitionId,
    rebuild: Rebuild,
    failed: Option<anyhow::Error>,
}

impl<'a, L: Looked> Scan<'a, L> {
    /// A rebuild of a partition that has read nothing yet.
    pub(super) fn new(store: &'a L, partition: PartitionId, rebuild: Rebuild) -> Self {
        Self { store, partition, rebuild, failed: None }
    }

    /// Takes a record of the action-state log.
    pub(super) fn take(&mut self, position: Position, name: &[u8], value: Option<&[u8]>) {
        let Self { store, partition, failed, .. } = self;
        let taken = self.rebuild.on_scanned(position, name, value, |key| {
            completed_below(*store, *partition, key).unwrap_or_else(|error| {
                failed.get_or_insert(error);
                SequenceNumber(0)
            })
        });
        if let Err(error) = taken {
            tracing::warn!("action-state log, partition {partition}, position {}: {error}", position.0);
        }
    }

    /// What was found.
    pub(super) fn finish(self) -> anyhow::Result<ActionStateStore> {
        match self.failed {
            Some(error) => Err(error),
            None => Ok(self.rebuild.finish()),
        }
    }
}

fn completed_below(store: &impl Looked, partition: PartitionId, key: &Key) -> anyhow::Result<SequenceNumber> {
    match store.load_header(partition, key)? {
        None => Ok(SequenceNumber(0)),
        Some(bytes) => Ok(Header::decode(&bytes)?.completed()),
    }
}
