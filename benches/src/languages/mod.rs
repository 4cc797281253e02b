//! What a language costs: a row for each component of examples/tally, built, compiled and run.

pub mod guest;
mod silence;
mod workshop;

use crate::child::{Run, median, run_with_cache};
use crate::report::{bytes, rows, seconds};
use anyhow::{Context, anyhow, ensure};
use guest::{Calls, WAITING_BEFORE};
use silence::Silence;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use weir::settings::Settings;
use workshop::{Toolchain, Workshop};

/// Calls that wait while their memory is measured.
const WAITING: usize = 500;
/// Lines of examples/tally/events.jsonl.
const LINES: u64 = 600;

const HEAD: [&str; 11] = [
    "language",
    "component",
    "build, first",
    "build, next",
    "compile, once",
    "load, from then on",
    "fresh instance",
    "call in a fresh instance",
    "call in a reused one",
    "memory of a waiting call",
    "events/s, one shard",
];

/// How it is measured, and how much.
pub struct Languages {
    /// The repository.
    pub root: PathBuf,
    /// The host's binary.
    pub weir: PathBuf,
    /// How often calls and events are measured.
    pub rounds: usize,
    /// How long, each time.
    pub seconds: f64,
}

/// One language of the manifest.
struct Subject {
    language: String,
    command: String,
    built: Result<Built, String>,
    rounds: Vec<Round>,
}

/// A component, and what is measured once.
struct Built {
    component: PathBuf,
    size_bytes: u64,
    first_s: f64,
    next_s: f64,
    compile_s: f64,
    waiting_bytes: u64,
}

/// One turn of what is compared.
struct Round {
    calls: Calls,
    events: Run,
}

impl Languages {
    /// Measures all languages, and writes their table.
    pub fn measure(&self) -> anyhow::Result<String> {
        let folder = tempfile::tempdir()?;
        let silence = Silence::listen()?;
        let mut subjects = self.subjects()?;
        for subject in &mut subjects {
            let language = &subject.language;
            eprintln!("{language}");
            let tools = match Toolchain::find(&self.root, language)? {
                Toolchain::Found(tools) => tools,
                Toolchain::Missing(why) => {
                    eprintln!("  not measured: {why}");
                    subject.built = Err(why);
                    continue;
                }
            };
            let workshop = Workshop::open(&self.root, &self.weir, language, &subject.command, tools)?;
            let built = self.built(&workshop, language, &folder, &silence);
            subject.built = Ok(built.with_context(|| format!("measure {language}"))?);
        }
        for round in 1..=self.rounds {
            for subject in &mut subjects {
                let Ok(built) = &subject.built else { continue };
                let one = self.round(&folder, built).with_context(|| format!("measure {}", subject.language))?;
                let (call_us, rate) = (one.calls.fresh_s * 1e6, one.events.rate());
                eprintln!("  round {round}: {}: {call_us:.1} us a call, {rate:.0} events/s", subject.language);
                subject.rounds.push(one);
            }
        }
        let first = subjects.first().filter(|subject| subject.built.is_ok());
        Ok(rows(&HEAD, subjects.iter().map(|subject| subject.cells(first))))
    }

    fn tally(&self) -> PathBuf {
        self.root.join("examples/tally")
    }

    /// The components of the manifest, by the folder of their build command.
    fn subjects(&self) -> anyhow::Result<Vec<Subject>> {
        let settings = Settings::load(&self.tally().join("weir.toml"), &[]).map_err(|error| anyhow!("{error}"))?;
        let commands = settings.components.into_iter().filter_map(|component| component.build);
        commands
            .map(|command| {
                let (language, _) = command.split_once('/').with_context(|| format!("no language in {command:?}"))?;
                let built = Err("not built".to_owned());
                Ok(Subject { language: language.to_owned(), command, built, rounds: Vec::new() })
            })
            .collect()
    }

    /// Builds the component as it is and with one line changed; compiles it; lets calls of the changed one wait.
    fn built(&self, workshop: &Workshop, language: &str, folder: &TempDir, silence: &Silence) -> anyhow::Result<Built> {
        let in_folder = |name: String| folder.path().join(name);
        let component = in_folder(format!("{language}.wasm"));
        let waits = in_folder(format!("{language}-waits.wasm"));
        let first_s = workshop.build(&component)?;
        workshop.change(&silence.origin())?;
        let next_s = workshop.build(&waits)?;
        eprintln!("  built in {first_s:.1} s, and in {next_s:.1} s with one line changed");

        let compile = |file: &Path| run_with_cache(folder.path(), "run-guest-compile", &[file.as_os_str()]);
        let compile_s = compile(&component)?;
        let _: f64 = compile(&waits)?;
        let (origin, calls) = (silence.origin(), WAITING.to_string());
        let arguments = [waits.as_os_str(), OsStr::new(&origin), OsStr::new(&calls)];
        let waiting_bytes = run_with_cache(folder.path(), "run-guest-waiting", &arguments)?;
        let waited = silence.drop_all();
        ensure!(waited == WAITING_BEFORE + WAITING, "{waited} requests waited, not {}", WAITING_BEFORE + WAITING);
        let size_bytes = std::fs::metadata(&component)?.len();
        Ok(Built { component, size_bytes, first_s, next_s, compile_s, waiting_bytes })
    }

    fn round(&self, folder: &TempDir, built: &Built) -> anyhow::Result<Round> {
        let component = built.component.as_os_str();
        let seconds = (self.seconds / 3.0).to_string();
        let calls: Calls = run_with_cache(folder.path(), "run-guest-calls", &[component, OsStr::new(&seconds)])?;
        let lines = self.tally().join("events.jsonl");
        let events = ((self.seconds / calls.fresh_s) as u64).next_multiple_of(LINES).max(LINES).to_string();
        let arguments = [component, OsStr::new("memory"), OsStr::new("1"), OsStr::new(&events), lines.as_os_str()];
        Ok(Round { calls, events: run_with_cache(folder.path(), "run-host", &arguments)? })
    }
}

impl Subject {
    /// What the row says; ratios are to the first row.
    fn cells(&self, first: Option<&Self>) -> Vec<String> {
        let built = match &self.built {
            Ok(built) => built,
            Err(why) => return vec![self.language.clone(), format!("not measured: {why}")],
        };
        let call = |subject: &Self| subject.median(|round| round.calls.fresh_s);
        let rate = |subject: &Self| subject.median(|round| round.events.rate());
        let (call_ratio, rate_ratio) = match first {
            Some(first) if first.language != self.language => {
                let times = call(self) / call(first);
                let part = rate(self) / rate(first) * 100.0;
                (format!(", {times:.1} ×"), format!(", {part:.1} %"))
            }
            _ => Default::default(),
        };
        vec![
            self.language.clone(),
            bytes(built.size_bytes),
            seconds(built.first_s),
            seconds(built.next_s),
            seconds(built.compile_s),
            seconds(self.median(|round| round.calls.load_s)),
            seconds(self.median(|round| round.calls.instance_s)),
            seconds(call(self)) + &call_ratio,
            seconds(self.median(|round| round.calls.reused_s)),
            bytes(built.waiting_bytes),
            format!("{:.0}{rate_ratio}", rate(self)),
        ]
    }

    fn median(&self, value: impl Fn(&Round) -> f64) -> f64 {
        median(self.rounds.iter().map(value).collect())
    }
}
