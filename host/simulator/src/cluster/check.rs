//! What must hold at the end of a history of several hosts.

use super::host::Tenure;
use super::run::Cluster;
use crate::check::{Remains, check_remains};
use crate::facts::Facts;
use crate::keyed::Entries;
use crate::machine::Line;
use crate::scenario::{Deploy, KEYS};
use weir_core::action_state::{RecordKey, StateKey};
use weir_core::key::Key;
use weir_core::ownership::FenceKey;

/// Checks a history that has come to rest.
pub fn check(cluster: &mut Cluster) -> Result<(), String> {
    let mut entries = Entries::new();
    let mut quarantined = Vec::new();
    for partition in 0..cluster.scenario.partitions {
        let owner = owner(cluster, partition)?;
        let process = owner.process.as_ref().expect("an owner acts");
        let reports = process.operator.quarantine_reports();
        let of_partition: Vec<_> = reports.into_iter().map(|report| report.state).collect();
        check_changelog(cluster, partition, owner)?;
        check_states(cluster, partition, owner, &of_partition)?;
        entries.extend(owner.keyed.entries.clone());
        quarantined.extend(of_partition);
    }
    cluster.world.ledger.facts = last_facts(cluster);
    let (outputs, dead_letters) = cluster.broker.committed_outputs();
    let lines: Vec<Line> = cluster.inputs.iter().flatten().copied().collect();
    let remains = Remains {
        scenario: &cluster.scenario.base,
        ledger: &cluster.world.ledger,
        lines: &lines,
        entries: &entries,
        outputs: &outputs,
        dead_letters: &dead_letters,
        quarantined,
    };
    let calm = cluster.scenario.faults.is_empty() && cluster.scenario.base.deploy == Deploy::None;
    let told = check_remains(&remains, calm, cluster.world.story.is_some())?;
    told.into_iter().for_each(|line| cluster.world.tell(|| line));
    Ok(())
}

/// The tenure that acts for a partition: it has come to the end of the input.
fn owner(cluster: &Cluster, partition: usize) -> Result<&Tenure, String> {
    let tenures = cluster.hosts.iter().filter_map(|host| host.tenures[partition].as_deref());
    let acting: Vec<_> = tenures.filter(|tenure| tenure.process.is_some()).collect();
    let [owner] = acting[..] else {
        return Err(format!("{} hosts act for partition {partition} at the end", acting.len()));
    };
    let (taken, given) = (owner.keyed.source_offset, cluster.inputs[partition].len());
    if taken != given {
        return Err(format!("partition {partition}: {taken} input events of {given} are taken"));
    }
    Ok(owner)
}

/// Changelog, group's offset and scratch store say the same.
fn check_changelog(cluster: &Cluster, partition: usize, owner: &Tenure) -> Result<(), String> {
    let changelog = &cluster.broker.changelogs[partition];
    if changelog.last_stable() != changelog.end() {
        return Err(format!("a transaction of partition {partition} never ends"));
    }
    let (record, keyed) = changelog.read(changelog.end());
    let record = record.ok_or_else(|| format!("partition {partition} has no checkpoint record"))?;
    let echo = cluster.broker.offset(partition);
    if record.source_offset != echo {
        return Err(format!("partition {partition}: {record:?}, but the group's offset is {echo}"));
    }
    if keyed.entries != owner.keyed.entries {
        return Err(format!("partition {partition}: the scratch store is not what the changelog holds"));
    }
    Ok(())
}

/// The topic holds what is needed, and nothing for ever.
fn check_states(cluster: &Cluster, partition: usize, owner: &Tenure, quarantined: &[StateKey]) -> Result<(), String> {
    let marker = owner.keyed.marker().0;
    let read_from = owner.takeover.record().map_or(0, |record| record.recovery_marker.0);
    for record in cluster.broker.states[partition].standing() {
        // What an older owner had in flight, and what came where no rebuild has looked since, is harmless there.
        if record.late && !(read_from..owner.rebuilt_to).contains(&record.offset) {
            continue;
        }
        let (name, at) = (String::from_utf8_lossy(&record.name), record.offset);
        let needed = match RecordKey::parse(&record.name) {
            Ok(of) => {
                let waits =
                    |state: &StateKey| state.key == of.state.key && state.sequence_number <= of.state.sequence_number;
                !record.late && quarantined.iter().any(waits)
            }
            // A fence has its use as long as a rebuild would read it.
            Err(_) => FenceKey::parse(&record.name).is_some() && !record.late,
        };
        if !needed {
            return Err(format!("record {name} at {at} of partition {partition} is left for ever"));
        }
        if at < marker {
            return Err(format!("record {name} at {at} of partition {partition} is before the marker {marker}"));
        }
    }
    let process = owner.process.as_ref().expect("an owner acts");
    match process.operator.store().keys().find(|key| quarantined.iter().all(|state| state.key != **key)) {
        Some(key) => Err(format!("the index holds key {key:?} for ever")),
        None => Ok(()),
    }
}

/// Of each task what the last owner of its partition knows.
fn last_facts(cluster: &Cluster) -> Facts {
    let mut facts = Facts::default();
    for (task, record) in cluster.world.ledger.tasks.iter().enumerate() {
        let key = KEYS.iter().position(|bytes| Key::new(bytes) == record.key.key).expect("a key of the scenario");
        let partition = usize::from(cluster.scenario.placement[key]) % cluster.scenario.partitions;
        let last = cluster.actors[partition].and_then(|log| cluster.logs[log].facts.as_ref());
        if let Some(last) = last {
            facts.take_over(task, last);
        }
    }
    facts
}
