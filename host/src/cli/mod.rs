//! The command line: what may be said is in `options`, each command has a file that does it.

mod build;
mod check;
mod component;
mod control;
mod dev;
mod exit;
mod inspect;
mod new;
mod options;
mod output;
mod paint;
mod plan;
mod quarantine;
mod run;
mod send;
mod start_cost;
mod table;
mod topics;

pub use exit::{Exit, WrongUse};
pub use options::{LogFormat, LogOptions};
pub use paint::{Color, Paint};
pub use start_cost::readable;
pub use table::escape_controls;

use crate::logging;
use clap::{CommandFactory, FromArgMatches};
use options::{Cli, Command};
use std::process::ExitCode;

/// Reads the arguments, does what they say, and says how it went.
pub fn main() -> ExitCode {
    let color = paint::color_in(std::env::args_os());
    let matches = Cli::command().color(color).get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    if let Err(error) = logging::start(&log_options(&cli), Paint::of_stderr(cli.color)) {
        return fail(LogFormat::Text, cli.color, &error);
    }
    match execute(&cli) {
        Ok(exit) => exit.into(),
        Err(error) => fail(cli.log.format, cli.color, &error),
    }
}

/// What is logged: `weir dev` shows what guests log itself, among what else they do, and has nothing to drain.
fn log_options(cli: &Cli) -> LogOptions {
    let mut log = cli.log.clone();
    if let Command::Dev(_) = cli.command {
        log.level += ",guest=off,weir::service::signal=warn";
        log.failures = logging::Failures::LeftOut;
    }
    log
}

fn execute(cli: &Cli) -> anyhow::Result<Exit> {
    let paint = Paint::of_stdout(cli.color);
    match &cli.command {
        Command::Run(options) => run::execute(options),
        Command::Send(options) => send::execute(options),
        Command::Check(options) => check::execute(options, paint),
        Command::Plan(options) => plan::execute(options, paint),
        Command::Topics(options) => topics::execute(options, paint),
        Command::Inspect(options) => inspect::execute(options, paint),
        Command::Quarantine(options) => quarantine::execute(options, paint),
        Command::New(options) => new::execute(options),
        Command::Dev(options) => dev::execute(options, cli),
        Command::Build(options) => build::execute(options, Paint::of_stderr(cli.color)),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "weir", &mut script);
            output::print(&String::from_utf8_lossy(&script))?;
            Ok(Exit::Done)
        }
    }
}

/// Says an error, once and in one line, and answers its exit code.
fn fail(format: LogFormat, color: Color, error: &anyhow::Error) -> ExitCode {
    let line = format!("{error:#}").trim().replace('\n', ", ");
    match format {
        LogFormat::Json if tracing::enabled!(tracing::Level::ERROR) => tracing::error!("{line}"),
        // However little is to be logged: why it ended is no log line.
        LogFormat::Json => output::say(&format!("{}\n", serde_json::json!({ "level": "ERROR", "message": line }))),
        LogFormat::Text => {
            output::say(&format!("{} {}\n", Paint::of_stderr(color).bad("error:"), escape_controls(&line)));
        }
    }
    Exit::of_error(error).into()
}
