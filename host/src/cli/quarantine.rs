//! `weir quarantine`: what failed for good, and what is to be done about it.

use super::control::{ask, key_named, unexpected};
use super::exit::{Exit, WrongUse};
use super::inspect::{partition_cell, shown};
use super::options::{ManifestOptions, QuarantineCommand, QuarantineOptions, RepairOptions};
use super::output::{print, print_json};
use super::paint::Paint;
use super::table::{Column, Table};
use crate::control::protocol::{Answer, QuarantinedKey, RepairKind, RepairRequest, Request};

pub(super) fn execute(options: &QuarantineOptions, paint: Paint) -> anyhow::Result<Exit> {
    match &options.what {
        QuarantineCommand::List { manifest, json } => list(manifest, *json, paint)?,
        QuarantineCommand::Retry { repair, failed_calls } => {
            execute_repair(repair, RepairKind::Retry { failed_calls: *failed_calls })?;
        }
        QuarantineCommand::Skip { repair } => execute_repair(repair, RepairKind::Skip)?,
        QuarantineCommand::Discard { repair } => execute_repair(repair, RepairKind::Discard)?,
    }
    Ok(Exit::Done)
}

fn list(manifest: &ManifestOptions, json: bool, paint: Paint) -> anyhow::Result<()> {
    let keys = quarantined(manifest)?;
    if json {
        return print_json(&serde_json::json!({ "keys": keys }));
    }
    if keys.is_empty() {
        return print("no key is quarantined\n");
    }
    let on_kafka = keys.iter().any(|key| key.partition.is_some());
    let partition_column = on_kafka.then_some(Column::Number("PARTITION"));
    let columns = [
        Column::Number("NUMBER"),
        Column::Words("ACTION"),
        Column::Number("ATTEMPTS"),
        Column::Number("PENDING"),
        Column::Words("CLASS"),
        Column::Words("FAILURE"),
    ];
    let mut table = Table::new([Column::Words("KEY")].into_iter().chain(partition_column).chain(columns));
    for key in &keys {
        let cells = [
            key.sequence_number.to_string(),
            key.action.clone(),
            key.attempts.to_string(),
            key.pending.to_string(),
            key.failure.class.clone(),
            format!("{}: {}", key.failure.kind, key.failure.message),
        ];
        table.row([shown(&key.name)].into_iter().chain(partition_cell(key.partition)).chain(cells));
    }
    let next = "repair with: weir quarantine retry | skip | discard KEY\n";
    print(&(table.to_text(paint) + &paint.faint(next)))
}

fn quarantined(manifest: &ManifestOptions) -> anyhow::Result<Vec<QuarantinedKey>> {
    match ask(manifest, &Request::Quarantine)? {
        Answer::Quarantine { keys } => Ok(keys),
        other => Err(unexpected(&other)),
    }
}

/// A repair names the state that was seen, so that one that comes too late, or twice, is refused [S29].
fn execute_repair(options: &RepairOptions, repair: RepairKind) -> anyhow::Result<()> {
    let name = key_named(&options.key, options.encoded)?;
    let keys = quarantined(&options.manifest)?;
    let mut found = keys.into_iter().filter(|key| key.name == name).collect::<Vec<_>>();
    // On Kafka a key may be in two partitions, if its producers do not agree: then the state tells them apart.
    found.sort_by_key(|key| options.state.as_ref() != Some(&key.state));
    let Some(key) = found.into_iter().next() else {
        let message = format!("key {:?} is not quarantined; see `weir quarantine list`", options.key);
        return Err(WrongUse(message).into());
    };
    let mut state = key.state_name();
    state.state = options.state.clone().unwrap_or(state.state);
    let (repairs, partition) = (options.repairs.unwrap_or(key.repairs), key.partition);
    let request = RepairRequest { state, repairs, repair, partition };
    match ask(&options.manifest, &Request::Repair(request))? {
        Answer::Repaired if options.json => {
            print_json(&serde_json::json!({ "repaired": key.name, "state": key.state }))
        }
        Answer::Repaired => print(&format!("{}: action {}, key {}\n", done(repair), key.action, shown(&key.name))),
        other => Err(unexpected(&other)),
    }
}

fn done(repair: RepairKind) -> &'static str {
    match repair {
        RepairKind::Retry { .. } => "will be tried again",
        RepairKind::Skip => "skipped",
        RepairKind::Discard => "discarded, its input event becomes a dead letter",
    }
}
