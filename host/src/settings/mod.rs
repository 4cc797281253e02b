//! What the manifest `weir.toml` says: read, checked, defaulted, typed [DESIGN §7].
//!
//! Settings are data: nothing here opens, listens or loads, but for the manifest itself. Each section has a file with
//! its manifest form (what may be written) and its settings (what holds). SETTINGS.md lists all of them.

mod action;
#[cfg(test)]
mod bad_input_tests;
mod component;
mod error;
mod explain;
mod field_path;
#[cfg(test)]
mod good_input_tests;
mod host;
mod kafka;
#[cfg(test)]
mod kafka_tests;
#[cfg(test)]
mod known_paths;
mod limits;
mod location;
mod manifest;
mod near_name;
mod origin;
mod overrides;
mod secret;
#[cfg(test)]
mod settings_page_tests;
mod sink;
mod source;
mod store;

pub use action::ActionSettings;
pub use component::ComponentSettings;
pub use error::SettingsError;
pub use field_path::FieldPath;
pub use host::{HostSettings, OnQuarantineFull};
pub use kafka::{ClientProperty, KafkaSettings};
pub use limits::HostLimits;
pub use near_name::near_name;
pub use origin::Origin;
pub use secret::{SecretPlace, SecretSettings};
pub use sink::{DeadLetters, Sink};
pub use source::{OnBadEvent, Source, SourceSettings, Start};
pub use store::{StoreKind, StoreSettings};

use error::Written;
use manifest::Manifest;
use overrides::Override;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The manifest's usual name.
pub const MANIFEST_NAME: &str = "weir.toml";

/// All that one application is told: every default filled in, every path made whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The manifest these came from.
    pub manifest: PathBuf,
    /// The manifest's folder.
    pub folder: PathBuf,
    /// The application's id: prefix of topics, label of metrics, stamp of the store's folder.
    pub name: String,
    /// The process.
    pub host: HostSettings,
    /// What the host may hold.
    pub limits: HostLimits,
    /// Where input events come from.
    pub source: SourceSettings,
    /// Where output events go.
    pub sink: Sink,
    /// Where dead letters and events set aside go.
    pub dead_letters: DeadLetters,
    /// Where action states and keyed state live.
    pub store: StoreSettings,
    /// How Kafka is reached; there where the source is on Kafka.
    pub kafka: Option<KafkaSettings>,
    /// The components, in declared order.
    pub components: Vec<ComponentSettings>,
    /// What is set for single actions, by name; `action` gives the defaults for others.
    pub actions: BTreeMap<String, ActionSettings>,
    /// What all this was read from.
    written: Written,
}

impl Settings {
    /// Reads the manifest at `path` (a file, or a folder that has a `weir.toml`) and lets `overrides`
    /// (`dotted.path=value`, as given to `--set`) take the place of what it says.
    pub fn load(path: &Path, overrides: &[String]) -> Result<Self, SettingsError> {
        let file = manifest_file(path);
        let bytes = std::fs::read(&file).map_err(|error| SettingsError::unreadable(&file, &error))?;
        let text =
            std::str::from_utf8(&bytes).map_err(|error| SettingsError::not_text(&file, &bytes, error.valid_up_to()))?;
        Self::parse(text, &file, overrides)
    }

    /// The settings in this text, which was read from `file`.
    pub fn parse(text: &str, file: &Path, overrides: &[String]) -> Result<Self, SettingsError> {
        let in_text = |error| SettingsError::in_text(file, text, &error);
        let _: Manifest = toml::from_str(text).map_err(in_text)?;
        let folder = file.parent().unwrap_or(Path::new("")).to_owned();
        let mut tree: toml::Table = toml::from_str(text).map_err(in_text)?;
        overrides::anchor(&mut tree, &folder);
        let overrides: Vec<Override> =
            overrides.iter().map(|argument| Override::parse(argument)).collect::<Result<_, _>>()?;
        for one in &overrides {
            one.apply(&mut tree)?;
        }
        let manifest = Manifest::deserialize(tree).map_err(|error| SettingsError::unplaced(error.message()))?;
        match manifest.resolve(file, &folder) {
            Ok(settings) => Ok(Self { written: Written { text: text.to_owned(), overrides }, ..settings }),
            Err(problem) => Err(SettingsError::of_problem(file, text, &overrides, problem)),
        }
    }

    /// What is wrong with the setting at this dotted path, seen when it was used: told with the place where it stands.
    pub fn error_at(&self, path: &str, message: impl Into<String>) -> SettingsError {
        SettingsError::in_use(self, path, message)
    }

    /// The settings of the action of this name.
    pub fn action(&self, name: &str) -> ActionSettings {
        self.actions.get(name).cloned().unwrap_or_default()
    }
}

/// The manifest that a path names: itself, or the one in the folder.
fn manifest_file(path: &Path) -> PathBuf {
    let file = if path.is_dir() { path.join(MANIFEST_NAME) } else { path.to_owned() };
    file.strip_prefix(".").map(Path::to_owned).unwrap_or(file)
}
