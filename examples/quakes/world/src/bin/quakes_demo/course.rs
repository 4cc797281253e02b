use std::fs::File;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use quakes_world::{Faults, Ledger, World, WorldSettings};

use crate::kills::{Kills, Victim, plan};
use crate::screen::Screen;

const SIGKILL: i32 = 9;
const POLL: Duration = Duration::from_millis(5);
/// A contender that makes no request for so long hangs.
const STALL_MAX: Duration = Duration::from_secs(120);

/// One contender's way through all events, killed and started again until it is done.
pub struct Course<'a> {
    pub name: &'a str,
    pub seed: u64,
    pub kills: usize,
    /// Pages and map pins that are due.
    pub effects_due: usize,
    /// Where its output goes.
    pub log: PathBuf,
}

/// What there is to judge.
pub struct Finish {
    pub ledger: Ledger,
    pub kills: usize,
    pub took: Duration,
}

impl Course<'_> {
    /// Runs the command that `command_for` makes for a world's origin.
    pub fn run(&self, command_for: impl Fn(&str) -> Command, screen: &Screen) -> anyhow::Result<Finish> {
        let victim = Victim::default();
        let kills = Kills::default();
        let world = World::start(WorldSettings {
            seed: self.seed,
            faults: Faults::ROUGH,
            on_arrival: Some(plan(vec![victim.clone()], Arc::clone(&kills), self.kills, self.effects_due)),
            ..WorldSettings::default()
        })
        .context("start the world")?;
        let log = File::create(&self.log).with_context(|| format!("create {}", self.log.display()))?;
        let began = Instant::now();
        let mut starts = 0;
        loop {
            let mut command = command_for(&world.origin());
            command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log.try_clone()?);
            let child = command.spawn().with_context(|| format!("start {}", command.get_program().display()))?;
            *victim.lock() = Some(child);
            starts += 1;
            let status = self.watch(&world, &victim, &kills, screen)?;
            if status.success() {
                break;
            }
            if status.signal() != Some(SIGKILL) || starts > self.kills {
                bail!("{} ended with {status}; {}", self.name, tail(&self.log));
            }
        }
        let ledger = world.ledger();
        let kills = kills.lock().expect("no holder of the kills panics").len();
        screen.progress(self.name, &ledger, self.effects_due, kills);
        Ok(Finish { ledger, kills, took: began.elapsed() })
    }

    /// Waits for the present process to end, and shows how far it is.
    fn watch(&self, world: &World, victim: &Victim, kills: &Kills, screen: &Screen) -> anyhow::Result<ExitStatus> {
        let mut moved = (Instant::now(), 0);
        loop {
            let status = victim.lock().as_mut().map_or(Ok(None), |child| child.try_wait())?;
            let kills = kills.lock().expect("no holder of the kills panics").clone();
            screen.kills(self.name, &kills, self.kills);
            if let Some(status) = status {
                return Ok(status);
            }
            let ledger = world.ledger();
            screen.progress(self.name, &ledger, self.effects_due, kills.len());
            if ledger.requests.len() != moved.1 {
                moved = (Instant::now(), ledger.requests.len());
            } else if moved.0.elapsed() > STALL_MAX {
                if let Some(child) = victim.lock().as_mut() {
                    let _ = child.kill();
                    let _ = child.wait();
                }
                bail!("{} makes no request any more; {}", self.name, tail(&self.log));
            }
            thread::sleep(POLL);
        }
    }
}

/// The end of a log, for an error.
fn tail(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let last = &lines[lines.len().saturating_sub(5)..];
    format!("{} ends with:\n  {}", log.display(), last.join("\n  "))
}
