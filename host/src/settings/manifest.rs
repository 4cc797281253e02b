//! The manifest as it may be written: every field that there is, under the name that is the contract.

use super::Settings;
use super::action::ActionManifest;
use super::component::ComponentManifest;
use super::error::Problem;
use super::host::HostManifest;
use super::kafka::{self, KafkaManifest};
use super::limits::HostLimitsManifest;
use super::sink::{DeadLetterManifest, Sink, SinkManifest};
use super::source::{Source, SourceManifest};
use super::store::StoreManifest;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

/// A whole manifest.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    name: Option<String>,
    #[serde(default)]
    host: HostManifest,
    #[serde(default)]
    limits: HostLimitsManifest,
    #[serde(default)]
    pub(super) source: SourceManifest,
    #[serde(default)]
    pub(super) sink: SinkManifest,
    #[serde(default)]
    dead_letter: DeadLetterManifest,
    #[serde(default)]
    pub(super) store: StoreManifest,
    pub(super) kafka: Option<KafkaManifest>,
    #[serde(default)]
    component: Vec<ComponentManifest>,
    #[serde(default)]
    action: BTreeMap<String, ActionManifest>,
}

impl Manifest {
    /// The settings; paths in it are whole already, what is silent is in `folder`.
    pub(super) fn resolve(self, file: &Path, folder: &Path) -> Result<Settings, Problem> {
        let name = application_name(self.name.clone())?;
        kafka::check(&self)?;
        if self.component.is_empty() {
            return Err(Problem::new(
                "component",
                "no [[component]]: name at least one, such as `path = \"actions.wasm\"`",
            ));
        }
        let components = self.component.into_iter().enumerate();
        let components = components.map(|(index, component)| component.resolve(&format!("component.{index}")));
        let actions = self.action.into_iter().map(|(name, action)| {
            let settings = action.resolve(&format!("action.{name}"))?;
            Ok((name, settings))
        });
        let settings = Settings {
            manifest: file.to_owned(),
            folder: folder.to_owned(),
            name,
            host: self.host.resolve()?,
            limits: self.limits.resolve("limits")?,
            source: self.source.resolve()?,
            sink: self.sink.resolve()?,
            dead_letter_file: self.dead_letter.file.unwrap_or_else(|| folder.join("dead-letters.jsonl")),
            store: self.store.resolve(folder)?,
            components: components.collect::<Result<_, _>>()?,
            actions: actions.collect::<Result<_, _>>()?,
        };
        check_together(&settings)?;
        Ok(settings)
    }
}

/// The application's id: it becomes a part of topic names and labels.
fn application_name(name: Option<String>) -> Result<String, Problem> {
    let Some(name) = name else {
        return Err(Problem::new("name", "the application has no name: begin with `name = \"…\"`"));
    };
    let valid = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if name.is_empty() || name.len() > 200 || !name.bytes().all(valid) || name == "." || name == ".." {
        let message = format!("{name:?} can't name an application: use 1 to 200 letters, digits, `.`, `_` and `-`");
        return Err(Problem::new("name", message));
    }
    Ok(name)
}

/// What only shows when sections are looked at together.
fn check_together(settings: &Settings) -> Result<(), Problem> {
    let dead_letters = &settings.dead_letter_file;
    if let Source::File(source) = &settings.source.from {
        if matches!(&settings.sink, Sink::File(sink) if sink == source) {
            return Err(Problem::new("sink.file", "source and sink are the same file"));
        }
        if dead_letters == source {
            return Err(Problem::new("dead_letter.file", "source and dead letters are the same file"));
        }
    }
    if matches!(&settings.sink, Sink::File(sink) if sink == dead_letters) {
        return Err(Problem::new("dead_letter.file", "sink and dead letters are the same file"));
    }
    if let (Some(health), Source::Listen(events)) = (settings.host.listen, &settings.source.from)
        && health == *events
        && health.port() != 0
    {
        return Err(Problem::new(
            "host.listen",
            "host.listen and source.listen are the same address: events and /metrics need one each",
        ));
    }
    Ok(())
}
