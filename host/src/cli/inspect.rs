//! `weir inspect`: a look into a store.

use super::control::{ask, key_named, unexpected};
use super::exit::{Exit, WrongUse};
use super::options::{InspectCommand, InspectOptions, KeyOptions, ListOptions};
use super::output::{print, print_json};
use super::paint::Paint;
use super::table::{Column, Table, escape_controls};
use crate::beginning::beginning;
use crate::control::protocol::{Answer, KeyDetail, KeyHeader, KeyName, Request, StateSummary};
use serde_json::Value;

/// Of a longer payload people are shown the beginning.
const SHOWN_PAYLOAD_BYTES: usize = 200;

pub(super) fn execute(options: &InspectOptions, paint: Paint) -> anyhow::Result<Exit> {
    match &options.what {
        InspectCommand::Keys(options) => keys(options, paint)?,
        InspectCommand::Key(options) => key(options, paint)?,
        InspectCommand::States(options) => states(options, paint)?,
    }
    Ok(Exit::Done)
}

fn keys(options: &ListOptions, paint: Paint) -> anyhow::Result<()> {
    let request = Request::Keys { after: after(options)?, limit: options.limit };
    let (keys, more) = match ask(&options.manifest, &request)? {
        Answer::Keys { keys, more } => (keys, more),
        other => return Err(unexpected(&other)),
    };
    if options.json {
        return print_json(&serde_json::json!({ "keys": keys, "more": more }));
    }
    if keys.is_empty() {
        return print("no keys\n");
    }
    let on_kafka = keys.iter().any(|key| key.partition.is_some());
    let partition_column = on_kafka.then_some(Column::Number("PARTITION"));
    let columns = [
        Column::Number("NEXT"),
        Column::Number("COMPLETED"),
        Column::Number("TASKS"),
        Column::Number("PENDING"),
        Column::Words("STATUS"),
    ];
    let mut table = Table::new([Column::Words("KEY")].into_iter().chain(partition_column).chain(columns));
    for key in &keys {
        let cells = [
            key.sequence_number.to_string(),
            key.last_completed.map_or("-".to_owned(), |number| number.to_string()),
            key.tasks.to_string(),
            key.pending.to_string(),
            status(key),
        ];
        table.row([shown(&key.name)].into_iter().chain(partition_cell(key.partition)).chain(cells));
    }
    print(&(table.to_text(paint) + &more_line(more, keys.last().map(|key| &key.name))))
}

fn key(options: &KeyOptions, paint: Paint) -> anyhow::Result<()> {
    let key = key_named(&options.key, options.encoded)?;
    match ask(&options.manifest, &Request::Key { key })? {
        Answer::Key(detail) if options.json => print_json(&detail),
        Answer::Key(detail) => print(&describe(&detail, paint)?),
        Answer::UnknownKey => {
            Err(WrongUse(format!("no event of key {:?} was ever taken; see `weir inspect keys`", options.key)).into())
        }
        other => Err(unexpected(&other)),
    }
}

fn states(options: &ListOptions, paint: Paint) -> anyhow::Result<()> {
    let request = Request::States { after: after(options)?, limit: options.limit };
    let (states, more) = match ask(&options.manifest, &request)? {
        Answer::States { states, more } => (states, more),
        other => return Err(unexpected(&other)),
    };
    if options.json {
        return print_json(&serde_json::json!({ "states": states, "more": more }));
    }
    if states.is_empty() {
        return print("no action states: no run is in flight, and all that completed are pruned\n");
    }
    let more = if more { paint.faint("there are more: --limit N\n") } else { String::new() };
    print(&(state_table(&states).to_text(paint) + &more))
}

fn after(options: &ListOptions) -> anyhow::Result<Option<KeyName>> {
    options.after.as_deref().map(|key| key_named(key, options.encoded)).transpose()
}

fn more_line(more: bool, last: Option<&KeyName>) -> String {
    match last.filter(|_| more) {
        Some(name) if name.key_is_text => format!("there are more: --after {:?}\n", name.key),
        Some(name) => format!("there are more: --encoded --after {:?}\n", name.key),
        None => String::new(),
    }
}

/// A key as tables show it.
pub(super) fn shown(name: &KeyName) -> String {
    match name.key_is_text {
        true => name.key.clone(),
        false => format!("{} (percent-encoded)", name.key),
    }
}

/// What tables say of a partition, where keys have one that people know of.
pub(super) fn partition_cell(partition: Option<u32>) -> Option<String> {
    partition.map(|partition| partition.to_string())
}

fn status(key: &KeyHeader) -> String {
    match (key.quarantined, key.running) {
        (true, _) => "quarantined".to_owned(),
        (false, Some(number)) => format!("running {number}"),
        (false, None) => "idle".to_owned(),
    }
}

fn state_table(states: &[StateSummary]) -> Table {
    let mut table = Table::new([
        Column::Words("STATE"),
        Column::Words("ACTION"),
        Column::Words("EVENT"),
        Column::Number("CALLS"),
        Column::Number("FAILED"),
        Column::Words("STATUS"),
    ]);
    for state in states {
        let pending = state.calls.iter().filter(|call| call.status == "pending").count();
        let calls = match pending {
            0 => state.calls.len().to_string(),
            pending => format!("{} ({pending} pending)", state.calls.len()),
        };
        let status = match (&state.decision, state.completed) {
            (Some(decision), _) => decision.as_str(),
            (None, true) => "completed",
            (None, false) => "started",
        };
        table.row([
            state.name.state.clone(),
            state.action.clone(),
            state.kind.clone().unwrap_or_default(),
            calls,
            state.failed_attempts.to_string(),
            status.to_owned(),
        ]);
    }
    table
}

/// A payload as far as it fits a line or two; `--json` has it whole.
fn shown_payload(payload: &Value) -> String {
    escape_controls(&beginning(payload.to_string(), SHOWN_PAYLOAD_BYTES, ": --json"))
}

fn describe(detail: &KeyDetail, paint: Paint) -> anyhow::Result<String> {
    let header = &detail.header;
    let mut lines = vec![
        ("key", escape_controls(&shown(&header.name))),
        ("status", status(header)),
        ("next sequence number", header.sequence_number.to_string()),
        ("last completed", header.last_completed.map_or("none".to_owned(), |number| number.to_string())),
        ("pending input events", header.pending.to_string()),
        (
            "queued actions",
            match detail.queued_actions.is_empty() {
                true => "none".to_owned(),
                false => detail.queued_actions.join(", "),
            },
        ),
    ];
    if let Some(quarantine) = &detail.quarantine {
        let failure = &quarantine.failure;
        let class = if failure.class == failure.kind { String::new() } else { format!(" ({})", failure.class) };
        let attempts = if quarantine.attempts == 1 { "attempt" } else { "attempts" };
        let why = format!("{}: {}{class}, {} {attempts}", failure.kind, failure.message, quarantine.attempts);
        lines.push(("quarantined by", format!("{}: {}", quarantine.action, escape_controls(&why))));
        if let Some(event) = &quarantine.event {
            lines.push((
                "quarantined event",
                format!("{} {}", escape_controls(&event.kind), shown_payload(&event.payload)),
            ));
        }
    }
    if let Some(partition) = partition_cell(header.partition) {
        lines.insert(1, ("partition", partition));
    }
    let mut text = String::new();
    for (name, value) in lines {
        text += &format!("{} {value}\n", paint.strong(&format!("{name:<21}")));
    }
    text += &format!(
        "{}\n{}\n",
        paint.strong("short-term memory"),
        serde_json::to_string_pretty(&detail.short_term_memory)?
    );
    if detail.sensory_memory.as_object().is_some_and(|fields| !fields.is_empty()) {
        text +=
            &format!("{}\n{}\n", paint.strong("sensory memory"), serde_json::to_string_pretty(&detail.sensory_memory)?);
    }
    if !detail.states.is_empty() {
        text.push('\n');
        text += &state_table(&detail.states).to_text(paint);
    }
    Ok(text)
}
