//! `weir check`: what is in an application, and what is wrong with it.

use super::component::{Looked, actions, conflicts, look};
use super::exit::Exit;
use super::options::CheckOptions;
use super::output::{print, print_json};
use super::paint::Paint;
use super::start_cost::StartCost;
use super::table::{Column, Table, escape_controls};
use crate::settings::{Settings, Sink, Source, StoreKind};
use serde::Serialize;
use weir_component::LoadedComponent;

/// The kind of an input event whose source names none.
const INPUT: &str = "input";
/// The kind that goes to the sink, whoever listens.
const OUTPUT: &str = "output";

/// All that a check finds.
#[derive(Debug, Serialize)]
struct Finding {
    name: String,
    manifest: String,
    components: Vec<ComponentFinding>,
    problems: Vec<Problem>,
}

/// What is known of one component.
#[derive(Debug, Serialize)]
struct ComponentFinding {
    path: String,
    size_bytes: usize,
    digest: String,
    language: Option<String>,
    sdk: String,
    start: StartCost,
    actions: Vec<ActionFinding>,
    imports: Vec<String>,
    needed_grants: Vec<NeededGrant>,
    granted_origins: Vec<String>,
    secrets: Vec<SecretFinding>,
}

/// A grant without which the component can't do all that it may want to.
#[derive(Debug, Serialize)]
struct NeededGrant {
    grant: &'static str,
    /// Whether the component asks for it; one with an interpreter in it imports all there is.
    certain: bool,
}

#[derive(Debug, Serialize)]
struct ActionFinding {
    name: String,
    listens_to: Vec<String>,
}

/// Which header a secret fills, and from where; never what it is.
#[derive(Debug, Serialize)]
struct SecretFinding {
    origin: String,
    header: String,
    from: String,
}

/// Something that is wrong, or looks so.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Problem {
    severity: Severity,
    message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Severity {
    /// The application does not run so.
    Error,
    /// It runs, and does perhaps not what is meant.
    Warning,
}

pub(super) fn execute(options: &CheckOptions, paint: Paint) -> anyhow::Result<Exit> {
    let settings = Settings::load(&options.manifest.path, &options.manifest.overrides)?;
    let components = look(&settings)?;
    let finding = Finding {
        name: settings.name.clone(),
        manifest: settings.manifest.display().to_string(),
        components: components.iter().filter_map(component_finding).collect(),
        problems: problems(&settings, &components),
    };
    if options.json {
        print_json(&finding)?
    } else {
        print(&describe(&finding, paint))?
    }
    let wrong = finding.problems.iter().any(|problem| problem.severity == Severity::Error);
    Ok(if wrong { Exit::WrongUse } else { Exit::Done })
}

fn component_finding(looked: &Looked<'_>) -> Option<ComponentFinding> {
    let component = looked.loaded.as_ref().ok()?;
    let description = component.describe();
    let actions = description.actions.iter();
    let secrets = looked.settings.secrets.iter();
    Some(ComponentFinding {
        path: looked.settings.path.display().to_string(),
        size_bytes: component.size_bytes(),
        digest: component.digest().to_string(),
        language: looked.language.clone(),
        sdk: description.sdk.clone(),
        start: StartCost::measure(component),
        actions: actions
            .map(|action| ActionFinding {
                name: action.name.as_str().to_owned(),
                listens_to: action.listens_to.clone(),
            })
            .collect(),
        imports: component.imports().to_vec(),
        needed_grants: needed_grants(looked, component),
        granted_origins: looked.settings.granted_origins.iter().map(|origin| origin.to_string()).collect(),
        secrets: secrets
            .map(|secret| SecretFinding {
                origin: secret.origin.to_string(),
                header: secret.header.clone(),
                from: secret.place.to_string(),
            })
            .collect(),
    })
}

/// Languages whose components import all there is, whatever their actions use.
const INTERPRETED: [&str; 3] = ["JavaScript", "TypeScript", "Python"];

fn needed_grants(looked: &Looked<'_>, component: &LoadedComponent) -> Vec<NeededGrant> {
    let http = component.imports().iter().any(|import| import.starts_with("weir:action/http"));
    let certain = !looked.language.as_deref().is_some_and(|language| INTERPRETED.contains(&language));
    if http { vec![NeededGrant { grant: "http", certain }] } else { Vec::new() }
}

fn problems(settings: &Settings, components: &[Looked<'_>]) -> Vec<Problem> {
    let error = |message: String| Problem { severity: Severity::Error, message };
    let warning = |message: String| Problem { severity: Severity::Warning, message };
    let failed = components.iter().filter_map(|one| one.loaded.as_ref().err());
    let mut problems: Vec<Problem> = failed.map(|failure| error(format!("{failure:#}"))).collect();
    problems.extend(conflicts(settings, components).into_iter().map(error));
    problems.extend(silent_kinds(settings, components).into_iter().map(warning));
    for looked in components {
        problems.extend(grant_warnings(looked).into_iter().map(warning));
    }
    if let Source::File(file) = &settings.source.from
        && !file.is_file()
    {
        problems.push(warning(format!("source.file {} is not there", file.display())));
    }
    if settings.sink == Sink::Nowhere {
        problems.push(warning("no [sink]: output events are dropped".to_owned()));
    }
    if settings.store.kind == StoreKind::Memory {
        problems.push(warning("store.kind is \"memory\": nothing survives a restart".to_owned()));
    }
    problems
}

/// Kinds that never reach an action.
fn silent_kinds(settings: &Settings, components: &[Looked<'_>]) -> Vec<String> {
    let actions = actions(components);
    let listens = |kind: &str| actions.iter().find(|action| action.listens_to.iter().any(|other| other == kind));
    let mut silent = Vec::new();
    let all_loaded = components.iter().all(|one| one.loaded.is_ok());
    if all_loaded && settings.source.kind.is_none() && listens(INPUT).is_none() {
        let message = "no action listens to `input`, the kind of all input events, for [source] names no `kind`";
        silent.push(message.to_owned());
    }
    if let Some(action) = listens(OUTPUT) {
        silent
            .push(format!("action `{}` listens to `output`, which goes to the sink and starts no action", action.name));
    }
    silent
}

fn grant_warnings(looked: &Looked<'_>) -> Vec<String> {
    let mut warnings = Vec::new();
    let path = looked.settings.path.display();
    if let Ok(component) = &looked.loaded {
        let asks_http = needed_grants(looked, component).iter().any(|needed| needed.grant == "http" && needed.certain);
        if asks_http && looked.settings.granted_origins.is_empty() {
            warnings.push(format!(
                "component {path} can make requests, but no origin is granted: grant.http = [\"https://…\"]"
            ));
        }
    }
    warnings
        .extend(looked.settings.secrets.iter().filter_map(|secret| secret.read().err()).map(|error| error.to_string()));
    warnings
}

fn describe(finding: &Finding, paint: Paint) -> String {
    let mut text = format!("{} ({})\n", paint.strong(&finding.name), finding.manifest);
    for component in &finding.components {
        let sdk = if component.sdk.is_empty() { "no SDK named" } else { &component.sdk };
        let language = component.language.as_deref().unwrap_or("language unknown");
        let size = size(component.size_bytes);
        let what = escape_controls(&format!("{language}, {size}, {sdk}"));
        text += &format!("\n{} {what}\n", paint.strong(&component.path));
        let mut table = Table::new([Column::Words("  ACTION"), Column::Words("LISTENS TO")]);
        for action in &component.actions {
            table.row([format!("  {}", action.name), action.listens_to.join(", ")]);
        }
        text += &table.to_text(paint);
        text += &list("imports", &imports(&component.imports), paint);
        let needed = component.needed_grants.iter().map(|needed| match needed.certain {
            true => format!("grant.{}", needed.grant),
            false => format!("grant.{}, if an action makes requests", needed.grant),
        });
        text += &list("needs", &needed.collect::<Vec<_>>(), paint);
        text += &list("grants", &component.granted_origins, paint);
        let secrets = component.secrets.iter();
        let secrets: Vec<String> =
            secrets.map(|secret| format!("{} of {} from {}", secret.header, secret.origin, secret.from)).collect();
        text += &list("secrets", &secrets, paint);
        text += &list("start", &[component.start.to_text()], paint);
    }
    text.push('\n');
    if finding.problems.is_empty() {
        return text + &paint.good("all is well") + "\n";
    }
    for problem in &finding.problems {
        let severity = match problem.severity {
            Severity::Error => paint.bad("error:"),
            Severity::Warning => paint.odd("warning:"),
        };
        text += &format!("{severity} {}\n", escape_controls(&problem.message));
    }
    text
}

/// What a component imports: the contract's interfaces by name, those of WASI, which give it nothing, by their number.
fn imports(imports: &[String]) -> Vec<String> {
    let (wasi, named): (Vec<&String>, Vec<&String>) = imports.iter().partition(|import| import.starts_with("wasi:"));
    let mut told: Vec<String> = named.into_iter().cloned().collect();
    if !wasi.is_empty() {
        told.push(format!("{} of WASI, empty here (--json names them)", wasi.len()));
    }
    told
}

fn list(name: &str, items: &[String], paint: Paint) -> String {
    if items.is_empty() {
        return String::new();
    }
    format!("  {} {}\n", paint.faint(name), items.join(", "))
}

fn size(bytes: usize) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}
