//! `weir-simulate`: histories from seeds, on all cores.

use anyhow::{Context as _, bail};
use clap::Parser;
use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use weir_simulator::{ClusterScenario, History, Scenario, tell};

/// Runs simulated histories of the core, each made from a seed, and checks them.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// How many histories.
    #[arg(long, default_value_t = 2_000)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Several hosts that share partitions out over simulated brokers, instead of one machine.
    #[arg(long)]
    cluster: bool,
    /// Plants a mistake, by name; `list` lists them, `all` tells for each which seed finds it.
    #[arg(long)]
    mistake: Option<String>,
    /// Tells every step of the first history.
    #[arg(long)]
    verbose: bool,
    /// How many threads; all cores unless set.
    #[arg(long)]
    threads: Option<usize>,
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    if arguments.cluster { simulate::<ClusterScenario>(&arguments) } else { simulate::<Scenario>(&arguments) }
}

fn simulate<H: History>(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let mistake = match arguments.mistake.as_deref() {
        Some("list") => {
            H::MISTAKES.iter().for_each(|mistake| println!("{mistake}"));
            return Ok(ExitCode::SUCCESS);
        }
        Some("all") => return table::<H>(arguments),
        Some(name) => {
            let named = H::MISTAKES.iter().copied().find(|mistake| mistake.to_string() == name);
            Some(named.with_context(|| format!("no mistake is named {name:?}; see `--mistake list`"))?)
        }
        None => None,
    };
    if arguments.verbose {
        println!("{}", tell(H::generate(arguments.from), mistake));
    }
    match search::<H>(arguments, mistake) {
        None if mistake.is_some() => bail!("the mistake was not found"),
        None => Ok(ExitCode::SUCCESS),
        Some(seed) => {
            explain::<H>(seed, arguments.cluster, mistake);
            Ok(if mistake.is_some() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
    }
}

/// The least seed of those asked for whose history is wrong.
fn search<H: History>(arguments: &Arguments, mistake: Option<H::Mistake>) -> Option<u64> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = arguments.threads.unwrap_or(cores).max(1);
    let end = arguments.from.saturating_add(arguments.seeds);
    let (next, found, done) = (AtomicU64::new(arguments.from), AtomicU64::new(u64::MAX), AtomicU64::new(0));
    let began = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end || seed > found.load(Ordering::Relaxed) {
                        return;
                    }
                    if H::generate(seed).run(mistake).violation.is_some() {
                        found.fetch_min(seed, Ordering::Relaxed);
                    }
                    done.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        if std::io::stderr().is_terminal() {
            while done.load(Ordering::Relaxed) < arguments.seeds && found.load(Ordering::Relaxed) == u64::MAX {
                std::thread::sleep(Duration::from_millis(100));
                eprint!("\r{} of {} histories ", done.load(Ordering::Relaxed), arguments.seeds);
                std::io::stderr().flush().ok();
            }
            eprintln!();
        }
    });
    let (count, seconds) = (done.load(Ordering::Relaxed), began.elapsed().as_secs_f64());
    println!("{count} histories in {seconds:.1} s, {:.0} a second on {threads} threads", count as f64 / seconds);
    let found = found.load(Ordering::Relaxed);
    (found != u64::MAX).then_some(found)
}

/// Shows what went wrong, in the shortest history that fails too.
fn explain<H: History>(seed: u64, cluster: bool, mistake: Option<H::Mistake>) {
    let explained = weir_simulator::explain(H::generate(seed), mistake, &format!("seed {seed}"));
    println!("{}", explained.unwrap_or_default());
    let planted = mistake.map_or(String::new(), |mistake| format!(" --mistake {mistake}"));
    let cluster = if cluster { " --cluster" } else { "" };
    println!("\nrun it again: cargo run --release -p weir-simulator --{cluster} --seeds 1 --from {seed}{planted}");
}

/// For each planted mistake the first seed that finds it.
fn table<H: History>(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let mut missed = Vec::new();
    for mistake in H::MISTAKES.iter().copied() {
        let found = (arguments.from..arguments.from + arguments.seeds)
            .find_map(|seed| H::generate(seed).run(Some(mistake)).violation.map(|violation| (seed, violation)));
        match found {
            Some((seed, violation)) => {
                let short: String = violation.lines().next().unwrap_or_default().chars().take(110).collect();
                println!("{:28} seed {seed:6}  {short}", mistake.to_string());
            }
            None => {
                println!("{:28} not found", mistake.to_string());
                missed.push(mistake.to_string());
            }
        }
    }
    if missed.is_empty() { Ok(ExitCode::SUCCESS) } else { bail!("not found: {}", missed.join(", ")) }
}
