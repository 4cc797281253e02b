//! The whole host in this process: file source, shards, store, checkpoints each second, file sink.

use crate::child::Run;
use crate::clock::ThreadWatch;
use crate::job::{KEYS, Setup, repeat_lines, write_events, write_manifest};
use anyhow::{anyhow, bail, ensure};
use std::path::Path;
use std::time::Instant;
use weir::assemble::{RunEnd, RunError, RunOptions, run};
use weir::settings::Settings;

/// `run-host GUEST STORE SHARDS EVENTS [LINES]`: a run over so many events, less one over hardly any; the events are those
/// of the job, or the lines of a file, again and again.
pub fn run_child(arguments: &[String]) -> anyhow::Result<()> {
    let [guest, store, shards, events, lines @ ..] = arguments else {
        bail!("run-host GUEST STORE SHARDS EVENTS [LINES]")
    };
    let (shards, events): (usize, u64) = (shards.parse()?, events.parse()?);
    let lines = lines.first().map(Path::new);
    let setup = Setup { guest: Path::new(guest), source: "file = \"events.jsonl\"", store, shards, has_sink: true };
    let (start_wall_s, start_cpu_s) = measure(&setup, 1, lines)?;
    let (wall_s, cpu_s) = measure(&setup, events, lines)?;
    Run { events, wall_s: wall_s - start_wall_s, cpu_s: cpu_s - start_cpu_s }.tell()
}

fn measure(setup: &Setup<'_>, events: u64, lines: Option<&Path>) -> anyhow::Result<(f64, f64)> {
    let folder = tempfile::tempdir()?;
    let input = folder.path().join("events.jsonl");
    match lines {
        Some(lines) => repeat_lines(&input, events, lines)?,
        None => write_events(&input, events, KEYS)?,
    }
    let manifest = folder.path().join("weir.toml");
    write_manifest(&manifest, setup)?;
    let settings = Settings::load(&manifest, &[]).map_err(|error| anyhow!("{error}"))?;
    let watch = ThreadWatch::start("weir-shard");
    let began = Instant::now();
    let end = run(&settings, &RunOptions::default());
    let wall_s = began.elapsed().as_secs_f64();
    let cpu_s = watch.stop();
    match end {
        Ok(RunEnd::Done) => {}
        Ok(end) => bail!("the run ended with {end:?}"),
        Err(RunError::Use(error) | RunError::Run(error)) => return Err(error),
    }
    let outputs = std::fs::read_to_string(folder.path().join("outputs.jsonl"))?;
    ensure!(outputs.lines().count() as u64 == events, "not every event has its output");
    Ok((wall_s, cpu_s))
}
