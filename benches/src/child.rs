//! Measured runs in processes of their own.

use anyhow::{Context, ensure};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

/// What one run took.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Run {
    /// Events.
    pub events: u64,
    /// By the clock, seconds.
    pub wall_s: f64,
    /// On the processor, of the threads that run guests, seconds.
    pub cpu_s: f64,
}

impl Run {
    /// Events in a second, by the clock.
    pub fn rate(&self) -> f64 {
        self.events as f64 / self.wall_s
    }

    /// Time on the processor for each event, microseconds.
    pub fn cpu_us(&self) -> f64 {
        self.cpu_s * 1e6 / self.events as f64
    }

    /// Tells the parent.
    pub fn tell(&self) -> anyhow::Result<()> {
        tell(self)
    }
}

/// Tells the parent.
pub fn tell<T: Serialize>(told: &T) -> anyhow::Result<()> {
    println!("{}", serde_json::to_string(told)?);
    Ok(())
}

/// Runs this binary with a command of its own, and takes what it tells.
pub fn run<T: DeserializeOwned>(command: &str, arguments: &[&OsStr]) -> anyhow::Result<T> {
    run_by(Command::new(std::env::current_exe().context("find this program")?), command, arguments)
}

/// The same, with a cache folder of its own for compiled components.
pub fn run_with_cache<T: DeserializeOwned>(cache: &Path, command: &str, arguments: &[&OsStr]) -> anyhow::Result<T> {
    let mut program = Command::new(std::env::current_exe().context("find this program")?);
    program.env("XDG_CACHE_HOME", cache);
    run_by(program, command, arguments)
}

fn run_by<T: DeserializeOwned>(mut program: Command, command: &str, arguments: &[&OsStr]) -> anyhow::Result<T> {
    let output = program.arg(command).args(arguments).stderr(Stdio::inherit()).output()?;
    ensure!(output.status.success(), "{command} failed: {}", output.status);
    let text = String::from_utf8(output.stdout)?;
    let last = text.lines().next_back().unwrap_or_default();
    serde_json::from_str(last).with_context(|| format!("{command} told {last:?}"))
}

/// The median.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
