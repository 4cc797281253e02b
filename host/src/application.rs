//! The application that a manifest describes: its components, loaded, and their plan.

use crate::build::language;
use crate::driver::ActionTable;
use crate::missing::near_file;
use crate::settings::{ComponentSettings, Settings, SettingsError, near_name};
use anyhow::{Context, anyhow};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use weir_component::{
    ComponentHost, ComponentSource, Grants, HostSettings, HttpGrant, LoadErrorReason, LoadedComponent, Watcher,
};
use weir_core::plan::{Plan, PlannedAction};

/// An application that can be run.
pub struct Application {
    /// Engines and compiled components.
    pub host: ComponentHost,
    /// The components, in declared order.
    pub components: Vec<LoadedComponent>,
    /// Event kind → actions.
    pub plan: Plan,
    /// How each action is run.
    pub actions: ActionTable,
}

impl Application {
    /// Loads the components that the settings name and makes their plan. Every error is one of manifest or component.
    /// Secrets are read where `secrets` says so: to look at a component none is needed. A watcher is told what actions do.
    pub fn load(settings: &Settings, secrets: Secrets, watcher: Option<Watcher>) -> anyhow::Result<Self> {
        let host = ComponentHost::new(HostSettings {
            cache_directory: cache_directory(),
            invocations_max: u32::try_from(settings.limits.invocations_max).unwrap_or(u32::MAX),
            watcher,
        })?;
        let indices = 0..settings.components.len();
        let components: Vec<LoadedComponent> =
            indices.map(|index| load_component(&host, settings, index, secrets)).collect::<Result<_, _>>()?;
        let (plan, actions) = make_plan(settings, &components)?;
        Ok(Self { host, components, plan, actions })
    }
}

/// Whether the secrets that the manifest names are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secrets {
    /// They are, and must be there.
    Read,
    /// They are not: nothing is going to be sent.
    Leave,
}

/// Loads the component at this place in the declared order.
pub fn load_component(
    host: &ComponentHost,
    settings: &Settings,
    index: usize,
    secrets: Secrets,
) -> anyhow::Result<LoadedComponent> {
    let component = &settings.components[index];
    let name = component.path.display().to_string();
    let bytes = read_component(&component.path).map_err(|error| {
        let build = if component.build.is_some() { "; `weir build` makes it" } else { "" };
        let near = near_file(&component.path, &error);
        let message = format!("read component {name}: {error}{build}{near}");
        settings.error_at(&format!("component.{index}.path"), message)
    })?;
    let source = ComponentSource {
        name,
        bytes,
        grants: grants(component, secrets)?,
        config: component.config.clone(),
        limits: Arc::new(component.limits.clone()),
    };
    host.load(source).map_err(|mut error| {
        if let LoadErrorReason::WrongWorld { more, .. } = &mut error.reason
            && is_in_rust(component)
        {
            *more = RUST_EXPORT;
        }
        error.into()
    })
}

/// What is forgotten most easily where nothing is exported.
const RUST_EXPORT: &str = "; in Rust, end src/lib.rs with `weir_sdk::export!(ACTION, …)`";

/// Whether a component is known to be in Rust: cargo builds it, for one that is stripped and empty does not tell.
fn is_in_rust(component: &ComponentSettings) -> bool {
    let cargo_builds =
        component.build.as_deref().is_some_and(|build| build.split([' ', '/']).any(|word| word == "cargo"));
    cargo_builds || std::fs::read(&component.path).is_ok_and(|bytes| language(&bytes, "").as_deref() == Some("Rust"))
}

/// The bytes of a file. Reading a pipe or a device may never end.
fn read_component(path: &Path) -> io::Result<Vec<u8>> {
    let metadata = std::fs::metadata(path)?;
    if !metadata.is_file() && !metadata.is_dir() {
        return Err(io::Error::other("it is no regular file"));
    }
    std::fs::read(path)
}

fn grants(settings: &ComponentSettings, secrets: Secrets) -> anyhow::Result<Grants> {
    let mut http: Vec<HttpGrant> = settings
        .granted_origins
        .iter()
        .map(|origin| HttpGrant { origin: origin.as_str().to_owned(), secret_headers: Vec::new() })
        .collect();
    if secrets == Secrets::Read {
        for secret in &settings.secrets {
            let value = secret.read()?;
            let grant = http.iter_mut().find(|grant| grant.origin == secret.origin.as_str());
            let grant = grant.with_context(|| format!("a secret is for {}, which is not granted", secret.origin))?;
            grant.secret_headers.push((secret.header.clone(), value));
        }
    }
    Ok(Grants { http })
}

fn make_plan(settings: &Settings, components: &[LoadedComponent]) -> anyhow::Result<(Plan, ActionTable)> {
    let mut planned = Vec::new();
    let mut table = ActionTable::default();
    for (index, (component, component_settings)) in components.iter().zip(&settings.components).enumerate() {
        let limits = Arc::new(component_settings.limits.clone());
        for action in &component.describe().actions {
            let action_settings = settings.action(action.name.as_str());
            table.insert(action.name.id(), component.clone(), action_settings.instance_reuse);
            planned.push(PlannedAction {
                name: action.name.clone(),
                listens_to: action.listens_to.clone(),
                component: index,
                component_digest: component.digest().clone(),
                policy: action_settings.policy.clone(),
                limits: limits.clone(),
            });
        }
    }
    let names: Vec<&str> = planned.iter().map(|action| action.name.as_str()).collect();
    if let Some(error) = settings_of_no_action(settings, &names).next() {
        return Err(error.into());
    }
    if planned.is_empty() {
        return Err(anyhow!("{}: no component has an action", settings.manifest.display()));
    }
    Ok((Plan::new(planned)?, table))
}

/// Errors of settings for actions that are none of these.
pub fn settings_of_no_action<'a>(
    settings: &'a Settings,
    names: &'a [&str],
) -> impl Iterator<Item = SettingsError> + 'a {
    settings.actions.keys().filter(|name| !names.contains(&name.as_str())).map(|name| {
        let near = near_name(name, names.iter().copied());
        let hint = near.map(|near| format!(", did you mean `{near}`?")).unwrap_or_default();
        settings.error_at(&format!("action.{name}"), format!("no component has an action `{name}`{hint}"))
    })
}

/// The user's cache folder for compiled components; none where there is no home.
pub fn cache_directory() -> Option<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")))?;
    Some(base.join("weir"))
}
