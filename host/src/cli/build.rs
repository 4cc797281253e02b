//! `weir build`: makes the components of an application.

use super::exit::{Exit, WrongUse};
use super::options::BuildOptions;
use super::output::{print, say};
use super::paint::Paint;
use crate::build::{Binary, BuildError, binary_kind, componentize, run_command};
use crate::settings::{ComponentSettings, Settings};
use anyhow::Context;
use std::path::Path;
use std::time::Instant;

pub(super) fn execute(options: &BuildOptions, paint: Paint) -> anyhow::Result<Exit> {
    let settings = Settings::load(&options.manifest.path, &options.manifest.overrides)?;
    if !build_all(&settings, paint)? {
        print("nothing to build: no component has a `build` command\n")?;
    }
    Ok(Exit::Done)
}

/// Builds all components; whether any has a command.
pub(super) fn build_all(settings: &Settings, paint: Paint) -> anyhow::Result<bool> {
    // Components may share one command: it runs once.
    let mut done: Vec<&str> = Vec::new();
    for component in &settings.components {
        if let Some(command) = component.build.as_deref().filter(|command| !done.contains(command)) {
            say(&format!("{} {command}\n", paint.strong("building")));
            let start = Instant::now();
            say(&build(command, &settings.folder)?);
            say(&format!("{} in {:.1} s\n", paint.good("built"), start.elapsed().as_secs_f64()));
            done.push(command);
        }
        finish(component)?;
    }
    Ok(!done.is_empty())
}

/// Runs a build command, and gives what it warns of.
fn build(command: &str, folder: &Path) -> anyhow::Result<String> {
    run_command(command, folder).map_err(|error| {
        if let BuildError::Failed { output, .. } = &error {
            say(output);
        }
        WrongUse(error.to_string()).into()
    })
}

/// Looks at what came out, and makes a component of it where it is a core module.
fn finish(component: &ComponentSettings) -> anyhow::Result<()> {
    let path = &component.path;
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let message = match component.build {
                Some(_) => format!(
                    "{} is not there, though its build command went well: does `path` name what it makes?",
                    path.display()
                ),
                None => format!("{} is not there, and has no build command", path.display()),
            };
            return Err(WrongUse(message).into());
        }
        Err(error) => return Err(error).with_context(|| format!("read {}", path.display())),
    };
    let what = match binary_kind(&bytes) {
        Binary::Component => "component",
        Binary::CoreModule => {
            let component = componentize(&bytes).map_err(|error| WrongUse(format!("{}: {error}", path.display())))?;
            replace(path, &component).with_context(|| format!("write {}", path.display()))?;
            "core module, made a component"
        }
        Binary::Other => return Err(WrongUse(format!("{} is not WebAssembly", path.display())).into()),
    };
    print(&format!("{}: {what}\n", path.display()))
}

/// Writes a file whole or not at all.
fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    std::fs::write(&new, bytes)?;
    std::fs::rename(&new, path)
}
