//! What may be said on the command line.

use super::paint::Color;
use crate::logging::Failures;
use clap::builder::RangedU64ValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use std::path::PathBuf;

const ABOUT: &str = "Runs actions over keyed event streams, each taking effect exactly once.

An action is a function in a sandboxed WebAssembly component. The actions of one key run one after
another, the keys concurrently, through crashes and redeploys.";

const AFTER_HELP: &str = "Examples:
  weir new --lang python quakes && cd quakes && weir build && weir run
  weir dev
  weir run examples/quakes --set source.file=other.jsonl --set sink.file=out.jsonl
  weir send user-7 '{\"amount\": 3}'
  weir inspect keys

Exit codes:
  0  done
  1  stopped by an error at run time
  2  wrong use, manifest or component
  3  the input is at its end, but keys are quarantined (`weir quarantine list`)
  130  a second signal stopped it at once";

/// The whole command line.
#[derive(Debug, Parser)]
#[command(name = "weir", version, about = ABOUT, after_help = AFTER_HELP, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    pub(super) log: LogOptions,
    /// When to colour; also off where NO_COLOR is set or the output is not a terminal
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    pub(super) color: Color,
    #[command(subcommand)]
    pub(super) command: Command,
}

/// What is logged, and how.
#[derive(Clone, Debug, Args)]
pub struct LogOptions {
    /// Logs on standard error: lines for people, or JSON for machines
    #[arg(id = "log", long = "log", global = true, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: LogFormat,
    /// The least that is logged: error, warn, info, debug, trace, or by target, such as `warn,guest=debug`
    #[arg(id = "log-level", long = "log-level", global = true, default_value = "info", value_name = "LEVEL")]
    pub level: String,
    /// Whether lines say why an action failed.
    #[arg(skip)]
    pub failures: Failures,
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    Run(RunOptions),
    Send(SendOptions),
    Check(CheckOptions),
    Plan(PlanOptions),
    Topics(TopicsOptions),
    Inspect(InspectOptions),
    Quarantine(QuarantineOptions),
    New(NewOptions),
    Build(BuildOptions),
    Dev(DevOptions),
    /// Print a script that completes `weir` in a shell
    #[command(
        after_help = "Examples:\n  weir completions bash > ~/.local/share/bash-completion/completions/weir\n  weir completions zsh > ~/.zfunc/_weir"
    )]
    Completions {
        /// The shell
        #[arg(value_enum)]
        shell: Shell,
    },
}

/// Which application, and what to change of its manifest.
#[derive(Clone, Debug, Args)]
pub(super) struct ManifestOptions {
    /// The manifest, or the folder that has a weir.toml
    #[arg(default_value = ".", value_hint = clap::ValueHint::AnyPath)]
    pub(super) path: PathBuf,
    /// Override a setting: a dotted path (items of a list by index) and a TOML value, a bare word being a string
    #[arg(long = "set", value_name = "PATH=VALUE")]
    pub(super) overrides: Vec<String>,
}

/// Run an application until its input ends, or until it is stopped
///
/// Ctrl-C or SIGTERM: no new effect is started, open calls may finish (limits.drain_ms_max), a last checkpoint
/// follows. A second one stops at once; nothing is lost either way.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Examples:
  weir run
  weir run examples/quakes --set source.file=other.jsonl
  weir run --set host.shards=4 --set component.0.config.url=http://127.0.0.1:9000
  tail -f events.jsonl | weir run --set source.stdin=true
  weir run --log json 2>weir.log")]
pub(super) struct RunOptions {
    #[command(flatten)]
    pub(super) manifest: ManifestOptions,
    /// Set action-state records that can't be decoded aside, in a file in the store's folder, instead of stopping
    #[arg(long)]
    pub(super) set_aside_undecodable: bool,
    /// On Kafka: go on without input events that were deleted before they were read, instead of stopping
    #[arg(long)]
    pub(super) skip_deleted_input: bool,
}

/// Post an event to a listening host; done when it is durable there
#[derive(Clone, Debug, Args)]
#[command(after_help = "Examples:
  weir send user-7 '{\"amount\": 3}'
  weir send user-7 - <event.json
  weir send user-7 '{\"amount\": 3}' --idempotency-key order-91
  weir send user-7 '{}' --url http://10.0.0.5:8080")]
pub(super) struct SendOptions {
    /// The event's key
    pub(super) key: String,
    /// The event's payload, JSON; `-` reads it from standard input
    pub(super) json: String,
    #[command(flatten)]
    pub(super) manifest: ManifestOptions,
    /// Where to post to; otherwise the manifest's source.listen
    #[arg(long, conflicts_with = "overrides", value_hint = clap::ValueHint::Url)]
    pub(super) url: Option<String>,
    /// An event posted again with the same key is taken once; another event with it is refused
    #[arg(long, value_name = "KEY")]
    pub(super) idempotency_key: Option<String>,
    /// A header that goes along; guests see those that begin with `x-`, and trace context
    #[arg(long = "header", value_name = "NAME: VALUE")]
    pub(super) headers: Vec<String>,
    /// Print the host's answer as JSON
    #[arg(id = "json_output", long = "json")]
    pub(super) json_output: bool,
}

/// Load manifest and components, and tell what is in them and what is wrong
#[derive(Clone, Debug, Args)]
#[command(after_help = "Examples:\n  weir check\n  weir check examples/quakes --json")]
pub(super) struct CheckOptions {
    #[command(flatten)]
    pub(super) manifest: ManifestOptions,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// Show which actions each kind of event starts, in order
#[derive(Clone, Debug, Args)]
#[command(after_help = "Examples:\n  weir plan\n  weir plan examples/quakes --json")]
pub(super) struct PlanOptions {
    #[command(flatten)]
    pub(super) manifest: ManifestOptions,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// Show the topics of an application on Kafka, and what is wrong with them
///
/// A host that starts makes those that are missing, but for its input; here they can be made beforehand, by a user who
/// may do more than the host.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Examples:
  weir topics
  weir topics --create
  weir topics --json --set 'kafka.client.\"sasl.username\"=admin'")]
pub(super) struct TopicsOptions {
    #[command(flatten)]
    pub(super) manifest: ManifestOptions,
    /// Make those that are missing
    #[arg(long)]
    pub(super) create: bool,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// Look into a store, whether a host runs on it or not
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Examples:\n  weir inspect keys\n  weir inspect key 'Hualian, Taiwan'\n  weir inspect states --json"
)]
pub(super) struct InspectOptions {
    #[command(subcommand)]
    pub(super) what: InspectCommand,
}

/// What to look at.
#[derive(Clone, Debug, Subcommand)]
pub(super) enum InspectCommand {
    /// The keys: sequence number, last completed, tasks, pending input events
    Keys(ListOptions),
    /// One key: where it stands, its memory, its action states
    #[command(after_help = "Examples:\n  weir inspect key user-7\n  weir inspect key %FF%00 --encoded --json")]
    Key(KeyOptions),
    /// The action states in the store: runs in flight, quarantined ones, and what is not pruned yet
    States(ListOptions),
}

/// How much of a list.
#[derive(Clone, Debug, Args)]
pub(super) struct ListOptions {
    #[command(flatten)]
    pub(super) manifest: ManifestOptions,
    /// How many to show at most
    #[arg(long, default_value_t = 1000, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    pub(super) limit: usize,
    /// Only those behind this key
    #[arg(long, value_name = "KEY")]
    pub(super) after: Option<String>,
    /// KEY is percent-encoded, as keys that are not text are shown
    #[arg(long)]
    pub(super) encoded: bool,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// Which key.
#[derive(Clone, Debug, Args)]
pub(super) struct KeyOptions {
    /// The key
    pub(super) key: String,
    #[command(flatten)]
    pub(super) manifest: ManifestOptions,
    /// KEY is percent-encoded, as keys that are not text are shown
    #[arg(long)]
    pub(super) encoded: bool,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// See quarantined keys and repair them
///
/// A key is quarantined when an action failed for good. Its input events wait; the other keys go on.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Examples:
  weir quarantine list
  weir quarantine retry 'Hualian, Taiwan'
  weir quarantine retry user-7 --failed-calls
  weir quarantine skip user-7
  weir quarantine discard user-7 --state STATE --repairs 0")]
pub(super) struct QuarantineOptions {
    #[command(subcommand)]
    pub(super) what: QuarantineCommand,
}

/// What to do about quarantined keys.
#[derive(Clone, Debug, Subcommand)]
pub(super) enum QuarantineCommand {
    /// The quarantined keys, and why
    List {
        #[command(flatten)]
        manifest: ManifestOptions,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Try the failed action again, attempts from 1; recorded calls are kept
    Retry {
        #[command(flatten)]
        repair: RepairOptions,
        /// Make the calls that failed behind the last success again
        #[arg(long)]
        failed_calls: bool,
    },
    /// End the failed action without effect; the rest of its run goes on
    Skip {
        #[command(flatten)]
        repair: RepairOptions,
    },
    /// End the run; its input event becomes a dead letter
    Discard {
        #[command(flatten)]
        repair: RepairOptions,
    },
}

/// What to repair.
#[derive(Clone, Debug, Args)]
pub(super) struct RepairOptions {
    /// The quarantined key
    pub(super) key: String,
    #[command(flatten)]
    pub(super) manifest: ManifestOptions,
    /// KEY is percent-encoded, as keys that are not text are shown
    #[arg(long)]
    pub(super) encoded: bool,
    /// Only if this action state (see `list --json`) is still the one that quarantines the key
    #[arg(long)]
    pub(super) state: Option<String>,
    /// Only if it was repaired so many times before
    #[arg(long, value_name = "N", requires = "state")]
    pub(super) repairs: Option<u32>,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// Make a project that builds and runs at once
#[derive(Clone, Debug, Args)]
#[command(after_help = "Examples:
  weir new --lang python quakes
  weir new --lang typescript quakes
  cd quakes && weir build && weir run")]
pub(super) struct NewOptions {
    /// The language of its actions
    #[arg(long, value_enum, value_name = "LANGUAGE")]
    pub(super) lang: crate::new::Language,
    /// The folder to make; its last name is the application's
    pub(super) name: PathBuf,
}

/// Build the components that have a `build` command
///
/// Runs each in the manifest's folder. What comes out as a core module is made a component.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Examples:\n  weir build\n  weir build examples/quakes")]
pub(super) struct BuildOptions {
    #[command(flatten)]
    pub(super) manifest: ManifestOptions,
}

/// Build and run an application while it is being written, and show what each action does
///
/// Runs over the manifest's source with a memory of its own, which begins anew each time: store, sink and dead letters of
/// the manifest are left alone, outputs are shown. At every change of a file in the manifest's folder, but for what is
/// built, it does so again. What can't be built is told, and the next change waited for. Ctrl-C ends it.
///
/// Requests are real: those that an action makes are sent, again at each run.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Examples:
  weir dev
  weir dev examples/quakes --set source.file=few.jsonl
  weir dev --set source.listen=127.0.0.1:8080     # and `weir send ann '{}'` beside it
  weir dev --once | less                          # a single run, as for `weir run` exit code 3 tells of quarantined keys")]
pub(super) struct DevOptions {
    #[command(flatten)]
    pub(super) manifest: ManifestOptions,
    /// Build and run a single time
    #[arg(long)]
    pub(super) once: bool,
    /// Take the components as they are
    #[arg(long)]
    pub(super) no_build: bool,
}
