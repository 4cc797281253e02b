//! What has to be as it was, or to be there at all, before anything is run.

use super::{ON_KAFKA, RecoveredShard, RunError, source_kind};
use crate::driver::value_names;
use crate::embedded::{CheckpointRecord, Store};
use crate::missing::near_file;
use crate::settings::{DeadLetters, Settings, Sink, Source};
use crate::sink::Lines;
use crate::source::FileSource;
use anyhow::anyhow;
use std::path::Path;
use weir_core::checkpoint::Header;
use weir_core::key::Key;
use weir_core::operator::Operator;

/// A source file that can't be read is told before anything is made.
pub(super) fn check_source_file(settings: &Settings) -> Result<(), RunError> {
    let Source::File(path) = &settings.source.from else { return Ok(()) };
    FileSource::check(path).map_err(|error| {
        let message = format!("read source file {}: {error}{}", path.display(), near_file(path, &error));
        RunError::of_use(settings.error_at("source.file", message))
    })
}

/// A folder that outputs or dead letters are to be in, and that is not there, is told before anything is made: the first
/// dead letter may be long in coming.
pub(super) fn check_sink_folders(settings: &Settings) -> Result<(), RunError> {
    let DeadLetters::File(dead_letters) = &settings.dead_letters else { unreachable!("{ON_KAFKA}") };
    let mut files = vec![("dead_letter.file", Lines::DeadLetters, dead_letters)];
    if let Sink::File(path) = &settings.sink {
        files.push(("sink.file", Lines::Outputs, path));
    }
    for (setting, lines, path) in files {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        std::fs::metadata(folder.join(".")).map_err(|error| {
            let (file, near) = (path.display(), near_file(folder, &error));
            let message = format!("open {lines} file {file}: folder {}: {error}{near}", folder.display());
            RunError::of_use(settings.error_at(setting, message))
        })?;
    }
    Ok(())
}

/// A store that was fed from a file has offsets of a file.
pub(super) fn check_source(settings: &Settings, record: Option<&CheckpointRecord>) -> anyhow::Result<()> {
    let known = record.and_then(|record| record.values.get(value_names::SOURCE)).and_then(|value| value.as_str());
    match known {
        Some(known) if known != source_kind(settings) => Err(anyhow!(
            "store {} was fed from another source ({known}): name that source again, or start with another \
             store.directory",
            settings.store.directory.display()
        )),
        _ => Ok(()),
    }
}

/// With another path to the key, an event that is read again has another key, and what a run of it did under the one
/// that it had would be done again.
pub(super) fn check_source_key(
    settings: &Settings,
    store: &Store,
    record: Option<&CheckpointRecord>,
    recovered: &[RecoveredShard],
) -> Result<(), RunError> {
    let known = record.and_then(|record| record.values.get(value_names::SOURCE_KEY)).and_then(|value| value.as_str());
    let (Some(known), Some(wanted)) = (known, settings.source.key.as_ref().map(ToString::to_string)) else {
        return Ok(());
    };
    if known == wanted {
        return Ok(());
    }
    for operator in recovered.iter().flat_map(|shard| &shard.operators) {
        if let Some(key) = run_after_checkpoint(store, operator)? {
            let message = format!(
                "source.key is {wanted:?}, and an event for key {} that is read again was keyed by {known:?}: what its \
                 run did would be done again; start with key = {known:?}, stop that host (Ctrl-C), then change it",
                key.to_text()
            );
            return Err(RunError::of_use(settings.error_at("source.key", message)));
        }
    }
    Ok(())
}

/// A key with recorded states of a run that the checkpoint does not know: its event is read again.
fn run_after_checkpoint(store: &Store, operator: &Operator) -> anyhow::Result<Option<Key>> {
    for key in operator.store().keys() {
        let next =
            store.load_header(key)?.map(|bytes| Header::decode(&bytes)).transpose()?.map_or(0, |known| known.next);
        if operator.store().states_of(key).iter().any(|(state, _)| state.sequence_number.0 >= next) {
            return Ok(Some(key.clone()));
        }
    }
    Ok(None)
}
