//! `weir dev`: builds, runs and shows an application, and does so again at every change.

use super::build::build_all;
use super::exit::{Exit, WrongUse};
use super::fail;
use super::options::{Cli, DevOptions, LogFormat};
use super::output::{print, say};
use super::paint::Paint;
use crate::assemble::{self, RunEnd, RunError};
use crate::dev::{Change, Narrator, Sources, check_source, dead_letters, settings_of_development};
use crate::settings::Settings;
use anyhow::Context;
use clap::ValueEnum;
use std::ffi::OsString;
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use weir_component::Watcher;

pub(super) fn execute(options: &DevOptions, cli: &Cli) -> anyhow::Result<Exit> {
    if !options.once {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let end = runtime.block_on(Development { options, cli }.until_stopped());
        // A build that nobody waits for any more does not hold the end up.
        runtime.shutdown_background();
        return end;
    }
    let settings = load(options)?;
    if !options.no_build {
        build_all(&settings, Paint::of_stderr(cli.color))?;
    }
    run_once(settings, Paint::of_stdout(cli.color))
}

fn load(options: &DevOptions) -> anyhow::Result<Settings> {
    let settings = Settings::load(&options.manifest.path, &options.manifest.overrides)?;
    check_source(&settings).map_err(|error| WrongUse(error.to_string()))?;
    Ok(settings)
}

/// Runs the application once, shown as it goes.
fn run_once(settings: Settings, paint: Paint) -> anyhow::Result<Exit> {
    let scratch = Scratch::make().context("make a folder for dead letters")?;
    let settings = settings_of_development(settings, &scratch.0);
    let (watcher, seen) = Watcher::new();
    let narration = std::thread::spawn(move || -> anyhow::Result<Narrator> {
        let mut narrator = Narrator::new(paint);
        for seen in seen {
            if let Some(block) = narrator.see(seen) {
                print(&block)?;
            }
        }
        Ok(narrator)
    });
    let options = assemble::RunOptions { watcher: Some(watcher), ..assemble::RunOptions::default() };
    let end = assemble::run(&settings, &options);
    drop(options);
    let narrator = narration.join().expect("telling does not panic")?;
    let quarantined = match end {
        Ok(RunEnd::Done | RunEnd::Stopped) => 0,
        Ok(RunEnd::Quarantined(keys)) => keys,
        Err(RunError::Use(error)) => return Err(WrongUse(format!("{error:#}")).into()),
        Err(RunError::Run(error)) => return Err(error),
    };
    let letters = std::fs::read_to_string(dead_letters(&scratch.0)).unwrap_or_default().lines().count() as u64;
    let mut counts = vec![paint.good(&counted(narrator.completed, "action")), counted(narrator.outputs, "output")];
    for (number, what) in
        [(narrator.failed, "failed attempt"), (letters, "dead letter"), (quarantined, "quarantined key")]
    {
        if number > 0 {
            counts.push(paint.bad(&counted(number, what)));
        }
    }
    print(&format!("{}\n", counts.join(", ")))?;
    Ok(if quarantined > 0 { Exit::Quarantined } else { Exit::Done })
}

fn counted(number: u64, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// A folder of a process that runs an application once, gone when dropped.
struct Scratch(std::path::PathBuf);

impl Scratch {
    /// That of the process with this id.
    fn of(process: u32) -> Self {
        Self(std::env::temp_dir().join(format!("weir-dev-{process}")))
    }

    fn make() -> std::io::Result<Self> {
        use std::os::unix::fs::DirBuilderExt;
        // What a process of the same id left is of no use to anyone.
        drop(Self::of(std::process::id()));
        let scratch = Self::of(std::process::id());
        std::fs::DirBuilder::new().mode(0o700).create(&scratch.0)?;
        Ok(scratch)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A file that changed during a build is built next; one that changes with every build would be for ever.
const BUILDS_IN_A_ROW_MAX: u32 = 3;

/// Builds and runs again at every change, until it is stopped.
struct Development<'a> {
    options: &'a DevOptions,
    cli: &'a Cli,
}

impl Development<'_> {
    async fn until_stopped(&self) -> anyhow::Result<Exit> {
        let mut stop = crate::service::signals();
        let settings = load(self.options)?;
        let mut sources = Sources::watch(&settings).context("watch the sources")?;
        let mut run: Option<Child> = None;
        let mut build = !self.options.no_build;
        let (mut written, mut in_a_row) = (Change::default(), 0);
        loop {
            let built = tokio::select! {
                biased;
                _ = stop.recv() => {
                    end_run(run).await;
                    return Ok(Exit::Done);
                }
                built = self.build(build, &mut sources) => built,
            };
            match built {
                Ok(()) => run = Some(self.start_run(run.take()).await?),
                Err(error) => {
                    // What it shows would bury the error, and be of sources that are no more.
                    if let Some(former) = run.take() {
                        kill(former).await;
                    }
                    fail(LogFormat::Text, self.cli.color, &error);
                }
            }
            let broken = run.is_none();
            if build {
                let change = sources.changes()?;
                // What builds write anew each time is no source.
                let again = !change.is_empty() && !change.0.is_subset(&written.0);
                if !again {
                    sources.leave_out(change.clone());
                }
                written = change;
                in_a_row += 1;
                if again && in_a_row < BUILDS_IN_A_ROW_MAX {
                    continue;
                }
            }
            in_a_row = 0;
            if broken {
                self.say_waiting();
            }
            let Some(change) = self.next_change(&mut sources, &mut run, &mut stop).await? else {
                end_run(run).await;
                return Ok(Exit::Done);
            };
            build = !self.options.no_build && (broken || !sources.only_events(&change));
            self.say_changed(&change, &sources);
        }
    }

    /// Reads the manifest again, and builds what it says. A build that is not waited for goes on by itself.
    async fn build(&self, build: bool, sources: &mut Sources) -> anyhow::Result<()> {
        let settings = load(self.options)?;
        sources.settings_are(&settings);
        if build {
            let paint = Paint::of_stderr(self.cli.color);
            tokio::task::spawn_blocking(move || build_all(&settings, paint)).await.context("build")??;
        }
        Ok(())
    }

    /// A process of its own: whatever becomes of it, the next one begins anew.
    async fn start_run(&self, former: Option<Child>) -> anyhow::Result<Child> {
        if let Some(former) = former {
            // All that it knows is in its memory, and is to be forgotten.
            kill(former).await;
        }
        let mut command = Command::new(std::env::current_exe().context("find this program")?);
        command.args(self.arguments_of_a_run()).kill_on_drop(true);
        command.spawn().context("start the run")
    }

    fn arguments_of_a_run(&self) -> Vec<OsString> {
        let color = self.cli.color.to_possible_value().expect("no value is hidden");
        let format = self.cli.log.format.to_possible_value().expect("no value is hidden");
        let mut arguments: Vec<OsString> =
            ["--color", color.get_name(), "--log", format.get_name()].map(Into::into).into();
        arguments.extend(["--log-level", &self.cli.log.level, "dev", "--once", "--no-build"].map(Into::into));
        for one in &self.options.manifest.overrides {
            arguments.extend(["--set", one].map(Into::into));
        }
        arguments.push("--".into());
        arguments.push(self.options.manifest.path.clone().into());
        arguments
    }

    /// Waits for the next change that counts; none when it is to stop.
    async fn next_change(
        &self,
        sources: &mut Sources,
        run: &mut Option<Child>,
        stop: &mut mpsc::Receiver<()>,
    ) -> anyhow::Result<Option<Change>> {
        loop {
            let running = run.is_some();
            tokio::select! {
                _ = stop.recv() => return Ok(None),
                () = sources.wait() => {
                    let change = sources.changes()?;
                    if !change.is_empty() {
                        return Ok(Some(change));
                    }
                }
                _ = wait_for(run), if running => {
                    *run = None;
                    self.say_waiting();
                }
            }
        }
    }

    fn say_waiting(&self) {
        let paint = Paint::of_stderr(self.cli.color);
        say(&format!("{}\n", paint.faint("waiting for changes; Ctrl-C ends")));
    }

    fn say_changed(&self, change: &Change, sources: &Sources) {
        let paint = Paint::of_stderr(self.cli.color);
        let files = change.0.iter().take(3).map(|file| sources.shown(file));
        let mut text = files.map(|file| file.display().to_string()).collect::<Vec<_>>().join(", ");
        if change.0.len() > 3 {
            text += &format!(" and {} more", change.0.len() - 3);
        }
        say(&format!("{}\n", paint.strong(&super::escape_controls(&format!("changed: {text}")))));
    }
}

async fn wait_for(run: &mut Option<Child>) {
    match run {
        Some(run) => drop(run.wait().await),
        None => std::future::pending().await,
    }
}

/// Ctrl-C reaches the run, too, and a run in memory has nothing to save: it is not waited for long.
async fn end_run(run: Option<Child>) {
    if let Some(mut run) = run {
        let _ = tokio::time::timeout(std::time::Duration::from_secs(1), run.wait()).await;
        kill(run).await;
    }
}

/// Ends a run where it is, and takes away what it had no time to.
async fn kill(mut run: Child) {
    let scratch = run.id().map(Scratch::of);
    let _ = run.kill().await;
    drop(scratch);
}
