//! The components of an application, loaded to be looked at: no secret is read, nothing is run but `describe`.

use crate::application::{Secrets, cache_directory, load_component, settings_of_no_action};
use crate::build::language;
use crate::settings::{ComponentSettings, Settings};
use weir_component::{ComponentHost, HostSettings, LoadedComponent};

/// A component, or why it can't be loaded.
pub(super) struct Looked<'a> {
    pub(super) settings: &'a ComponentSettings,
    pub(super) loaded: anyhow::Result<LoadedComponent>,
    /// The language it was written in, if it tells.
    pub(super) language: Option<String>,
}

/// Loads each component, whatever becomes of the others.
pub(super) fn look(settings: &Settings) -> anyhow::Result<Vec<Looked<'_>>> {
    let host = ComponentHost::new(HostSettings { cache_directory: cache_directory(), ..HostSettings::default() })?;
    Ok((0..settings.components.len()).map(|index| look_at(&host, settings, index)).collect())
}

fn look_at<'a>(host: &ComponentHost, settings: &'a Settings, index: usize) -> Looked<'a> {
    let loaded = load_component(host, settings, index, Secrets::Leave);
    let settings = &settings.components[index];
    let bytes = std::fs::read(&settings.path).ok();
    let language =
        loaded.as_ref().ok().zip(bytes).and_then(|(component, bytes)| language(&bytes, &component.describe().sdk));
    Looked { settings, loaded, language }
}

/// An action of one of the components, with the kinds it listens to.
pub(super) struct Action<'a> {
    pub(super) name: &'a str,
    pub(super) listens_to: &'a [String],
}

/// The actions of the components that could be loaded, in declared order.
pub(super) fn actions<'a>(components: &'a [Looked<'_>]) -> Vec<Action<'a>> {
    let loaded = components.iter().filter_map(|one| one.loaded.as_ref().ok());
    let actions = loaded.flat_map(|component| &component.describe().actions);
    actions.map(|action| Action { name: action.name.as_str(), listens_to: &action.listens_to }).collect()
}

/// What keeps these components from being one application: two actions of one name, settings for an action that is
/// not there. The latter shows only when all components are loaded.
pub(super) fn conflicts(settings: &Settings, components: &[Looked<'_>]) -> Vec<String> {
    let actions = actions(components);
    let names: Vec<&str> = actions.iter().map(|action| action.name).collect();
    let twice = names.iter().enumerate().filter(|(at, name)| names[..*at].contains(name));
    let mut conflicts: Vec<String> = twice
        .map(|(_, name)| {
            let manifest = settings.manifest.display();
            format!("{manifest}: action `{name}` is declared twice; names are unique in an application")
        })
        .collect();
    if components.iter().all(|one| one.loaded.is_ok()) {
        conflicts.extend(settings_of_no_action(settings, &names).map(|error| error.to_string()));
    }
    conflicts
}
