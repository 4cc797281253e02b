//! The benchmarks: `weir-bench [FIGURE...]` measures the figures of BENCHMARKS.md, without a name all of one machine, with
//! `kafka` all on Kafka, with `languages` what each language of guests costs, and writes them as a table. `scripts/bench`
//! builds what it needs and puts the table into its place.
//!
//! Everything that is compared is measured in one run, in turns, each in a process of its own.

mod bare;
mod child;
mod clock;
mod host;
mod index;
mod job;
mod kafka;
mod keyed;
mod languages;
mod process;
mod report;
mod throughput;

use anyhow::{Context, bail, ensure};
use languages::Languages;
use report::Figure;
use std::path::PathBuf;

/// As in the host's own binary: both sides of a comparison have it.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// What is measured, and how much of it.
pub struct Bench {
    /// The component of tests/guests/tally.
    guest: PathBuf,
    /// The host's binary.
    weir: PathBuf,
    /// The core's measurement of its store.
    store_cost: PathBuf,
    /// Input events of one measured run.
    events: u64,
    /// How often each comparison is made.
    rounds: usize,
    /// Keys and action states of the large cases.
    many: u64,
}

fn main() -> anyhow::Result<()> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [command, rest @ ..] = &mut arguments[..] {
        match command.as_str() {
            "run-bare" => return bare::run_child(rest),
            "run-host" => return host::run_child(rest),
            "run-kafka-bare" => return kafka::bare::run_child(rest),
            "run-guest-compile" => return languages::guest::run_compile(rest),
            "run-guest-calls" => return languages::guest::run_calls(rest),
            "run-guest-waiting" => return languages::guest::run_waiting(rest),
            "languages" if rest.is_empty() => return measure_languages(),
            _ => {}
        }
    }
    ensure!(!arguments.iter().any(|wanted| wanted == "languages"), "languages are measured alone: name nothing else");
    let bench = Bench {
        guest: path("WEIR_BENCH_GUEST", "target/guests/tally.wasm")?,
        weir: path("WEIR_BENCH_HOST", "target/release/weir")?,
        store_cost: path("WEIR_BENCH_STORE_COST", "target/release/examples/store_cost")?,
        events: number("WEIR_BENCH_EVENTS", 300_000)?,
        rounds: number("WEIR_BENCH_ROUNDS", 5)? as usize,
        many: number("WEIR_BENCH_MANY", 1_000_000)?,
    };
    let of_machine = GROUPS.map(|(name, measure)| (name, measure, arguments.is_empty()));
    let all_of_kafka = arguments.iter().any(|wanted| wanted == "kafka");
    let of_kafka = kafka::GROUPS.map(|(name, measure)| (name, measure, all_of_kafka));
    let mut figures: Vec<Figure> = Vec::new();
    for (name, measure, is_meant) in of_machine.into_iter().chain(of_kafka) {
        if is_meant || arguments.iter().any(|wanted| wanted == name) {
            eprintln!("{name}");
            figures.extend(measure(&bench).with_context(|| format!("measure {name}"))?);
        }
    }
    if figures.is_empty() {
        let names: Vec<&str> = of_machine.iter().chain(&of_kafka).map(|(name, ..)| *name).collect();
        bail!("no figure of that name: there are {}, kafka for all on it, and, alone, languages", names.join(", "));
    }
    print!("{}", report::table(&figures));
    Ok(())
}

fn measure_languages() -> anyhow::Result<()> {
    let languages = Languages {
        root: std::env::current_dir().context("find this folder")?,
        weir: path("WEIR_BENCH_HOST", "target/release/weir")?,
        rounds: number("WEIR_BENCH_ROUNDS", 3)?.max(1) as usize,
        seconds: number("WEIR_BENCH_SECONDS", 3)?.max(1) as f64,
    };
    print!("{}", languages.measure()?);
    Ok(())
}

type Measure = fn(&Bench) -> anyhow::Result<Vec<Figure>>;

const GROUPS: [(&str, Measure); 4] = [
    ("throughput", throughput::measure),
    ("index", index::measure),
    ("keyed", keyed::measure),
    ("process", process::measure),
];

fn path(variable: &str, otherwise: &str) -> anyhow::Result<PathBuf> {
    let path = std::env::var_os(variable).map_or_else(|| PathBuf::from(otherwise), PathBuf::from);
    path.canonicalize().with_context(|| format!("{} is missing: `scripts/bench` builds it", path.display()))
}

fn number(variable: &str, otherwise: u64) -> anyhow::Result<u64> {
    match std::env::var(variable) {
        Ok(text) => text.parse().with_context(|| format!("{variable}={text} is no number")),
        Err(_) => Ok(otherwise),
    }
}
