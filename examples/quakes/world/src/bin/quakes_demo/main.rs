//! `make demo`: the same events, the same rough world, the same five kills,
//! once for the loop that people write by hand and once for Weir, and a table of what came of it.

mod calendar;
mod course;
mod hosts;
mod kills;
mod screen;
mod table;
mod tally;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::{env, fs};

use anyhow::{Context, ensure};
use clap::Parser;
use quakes_world::{Page, Quake, due};

use crate::calendar::{days_and_hours, utc};
use crate::course::{Course, Finish};
use crate::hosts::Hosts;
use crate::screen::Screen;
use crate::table::table;
use crate::tally::Tally;

/// Page the seismologist exactly once for each swarm, through five kill -9.
#[derive(Parser)]
struct Arguments {
    /// The weir binary.
    #[arg(long, default_value = "target/release/weir")]
    weir: PathBuf,
    /// The example: weir.toml and quakes.jsonl.
    #[arg(long, default_value = "examples/quakes")]
    example: PathBuf,
    /// Where stores, outputs and logs go; what is in it goes first.
    #[arg(long, default_value = "target/demo")]
    directory: PathBuf,
    /// Decides which requests and answers the world loses.
    #[arg(long, default_value_t = 6)]
    seed: u64,
    /// How often each contender is killed.
    #[arg(long, default_value_t = 5)]
    kills: usize,
    /// Leave Weir out.
    #[arg(long)]
    naive_only: bool,
    /// Weir alone: two hosts on these brokers, whose topic of events is filled already.
    #[arg(long, value_name = "SERVERS", conflicts_with = "naive_only")]
    kafka: Option<String>,
}

/// A week goes by in a second: with a thousand invocations at once, the manifest's default, all requests of the week are
/// under way before the last kill, which then hits nothing.
const AT_ONCE: &str = "limits.invocations_max=8";

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let events = arguments.example.join("quakes.jsonl");
    let text = fs::read_to_string(&events).with_context(|| format!("read {}", events.display()))?;
    let pages = due(&text).with_context(|| format!("read {}", events.display()))?;
    clear(&arguments.directory)?;

    let screen = Screen::new();
    screen.say(&format!(
        "{} events of one week, {} swarms: each to be paged and put on the map once.\n\
         The pager and the map lose, refuse and delay; the program is killed {} times on the way.",
        text.lines().count(),
        pages.len(),
        arguments.kills
    ));
    if let Some(servers) = &arguments.kafka {
        return run_on_kafka(&arguments, servers, &pages, &screen);
    }

    let mut rows = Vec::new();
    let naive = run_naive(&arguments, &events, &pages, &screen)?;
    judge(&mut rows, "naive loop", &naive, &pages);
    let mut weir = None;
    if !arguments.naive_only {
        let finish = run_weir(&arguments, &pages, &screen)?;
        judge(&mut rows, "Weir", &finish, &pages);
        let is_exact = rows.iter().skip(2).all(|(_, _, tally)| tally.is_exact());
        weir = Some((finish.kills, check_alerts(&arguments, pages.len(), &screen)? && is_exact));
    }

    println!("\n{}\n", table(&rows));
    println!(
        "twice: sent more than once. never: not sent. not due: sent for a swarm that is none, the counts being wrong.\n"
    );
    println!("{}", hualien(&text, &pages)?);
    if !arguments.naive_only {
        println!("\n{}", where_to_look(&arguments));
    }
    Ok(weir.map_or(ExitCode::SUCCESS, |(kills, is_exact)| verdict(&arguments, kills, is_exact)))
}

/// Says what is wrong with Weir's course, if anything is.
fn verdict(arguments: &Arguments, kills: usize, is_exact: bool) -> ExitCode {
    let wanted = arguments.kills;
    match (is_exact, kills == wanted) {
        (false, _) => eprintln!("\nWeir did not do each effect exactly once over {kills} kills: this is a defect."),
        (true, false) => eprintln!(
            "\nWeir did each effect exactly once, but was done after {kills} of {wanted} kills: run the demo again, or \
             with another --seed."
        ),
        (true, true) => return ExitCode::SUCCESS,
    }
    ExitCode::FAILURE
}

/// Empties the folder, if it is this demo's.
fn clear(directory: &Path) -> anyhow::Result<()> {
    let mark = directory.join(".quakes-demo");
    if directory.exists() {
        let is_ours = mark.exists() || fs::read_dir(directory)?.next().is_none();
        ensure!(is_ours, "{} is not a folder of this demo; name another --directory", directory.display());
        fs::remove_dir_all(directory).with_context(|| format!("empty {}", directory.display()))?;
    }
    fs::create_dir_all(directory)
        .and_then(|()| fs::write(mark, "Made by quakes-demo, which empties this folder when it starts.\n"))
        .with_context(|| format!("make the folder {}", directory.display()))
}

fn run_naive(arguments: &Arguments, events: &Path, pages: &[Page], screen: &Screen) -> anyhow::Result<Finish> {
    let program = env::current_exe()?.with_file_name("quakes-world");
    ensure!(program.exists(), "{} is missing: cargo build --release -p quakes-world", program.display());
    screen.say("\nnaive loop: reads, counts, posts, writes its offset");
    let course = course(arguments, "naive loop", "naive.log", pages);
    let finish = course.run(
        |origin| {
            let mut command = Command::new(&program);
            command.arg("naive").arg("--file").arg(events);
            command.arg("--directory").arg(arguments.directory.join("naive"));
            command.args(["--pager", &format!("{origin}/page"), "--map", &format!("{origin}/map")]);
            command
        },
        screen,
    )?;
    said(&course, &finish, screen);
    Ok(finish)
}

fn run_weir(arguments: &Arguments, pages: &[Page], screen: &Screen) -> anyhow::Result<Finish> {
    let weir = &arguments.weir;
    ensure!(weir.exists(), "{} is missing: cargo build --release, or name it with --weir", weir.display());
    screen.say("\nWeir: the same job as three actions");
    let course = course(arguments, "Weir", "weir.log", pages);
    let finish = course.run(
        |origin| {
            let mut command = Command::new(weir);
            command.arg("run").arg(&arguments.example);
            let set = [
                format!("component.0.config.pager={origin}/page"),
                format!("component.0.config.map={origin}/map"),
                format!("component.0.grant.http=[\"{origin}\"]"),
                format!("store.directory={}", store(arguments).display()),
                format!("sink.file={}", alerts(arguments).display()),
                AT_ONCE.to_owned(),
            ];
            command.args(set.iter().flat_map(|setting| ["--set", setting]));
            command
        },
        screen,
    )?;
    said(&course, &finish, screen);
    Ok(finish)
}

/// Two hosts on Kafka, each killed in turn; the table of what came of it.
fn run_on_kafka(arguments: &Arguments, servers: &str, pages: &[Page], screen: &Screen) -> anyhow::Result<ExitCode> {
    screen.say("\nWeir: two hosts share the regions out");
    let hosts = Hosts {
        seed: arguments.seed,
        kills: arguments.kills,
        effects_due: pages.len() * 2,
        directory: arguments.directory.clone(),
        screen,
    };
    let finish = hosts.run(|origin, number| {
        let mut command = Command::new(&arguments.weir);
        command.arg("run").arg(arguments.example.join("weir-kafka.toml"));
        let set = [
            format!("kafka.bootstrap_servers={servers}"),
            format!("component.0.config.pager={origin}/page"),
            format!("component.0.config.map={origin}/map"),
            format!("component.0.grant.http=[\"{origin}\"]"),
            format!("store.directory={}", arguments.directory.join(format!("host-{number}")).display()),
            AT_ONCE.to_owned(),
        ];
        command.args(set.iter().flat_map(|setting| ["--set", setting]));
        command
    })?;
    let (seconds, requests) = (finish.took.as_secs_f64(), finish.ledger.requests.len());
    screen.say(&format!("  hosts killed {} times, {requests} requests, {seconds:.1} s", finish.kills));
    let mut rows = Vec::new();
    judge(&mut rows, "Weir", &finish, pages);
    println!("\n{}\n", table(&rows));
    Ok(verdict(arguments, finish.kills, rows.iter().all(|(_, _, tally)| tally.is_exact())))
}

fn course<'a>(arguments: &Arguments, name: &'a str, log: &str, pages: &[Page]) -> Course<'a> {
    Course {
        name,
        seed: arguments.seed,
        kills: arguments.kills,
        effects_due: pages.len() * 2,
        log: arguments.directory.join(log),
    }
}

fn said(course: &Course<'_>, finish: &Finish, screen: &Screen) {
    let seconds = finish.took.as_secs_f64();
    let requests = finish.ledger.requests.len();
    screen.say(&format!("  {} killed {} times, {requests} requests, {seconds:.1} s", course.name, finish.kills));
}

fn judge<'a>(rows: &mut Vec<(&'a str, &'a str, Tally)>, name: &'a str, finish: &Finish, pages: &[Page]) {
    rows.push((name, "pages", Tally::count(&finish.ledger, "page", pages)));
    rows.push((name, "map pins", Tally::count(&finish.ledger, "map", pages)));
}

/// Whether the sink holds one line for each page, each with an id of its own.
fn check_alerts(arguments: &Arguments, due: usize, screen: &Screen) -> anyhow::Result<bool> {
    let path = alerts(arguments);
    let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    let mut ids = std::collections::BTreeSet::new();
    for line in text.lines() {
        let alert: serde_json::Value =
            serde_json::from_str(line).with_context(|| format!("read {}", path.display()))?;
        ids.insert(alert["id"].to_string());
    }
    let lines = text.lines().count();
    screen.say(&format!("  {}: alerts: {lines}, different ones: {}, due: {due}", path.display(), ids.len()));
    Ok(lines == due && ids.len() == due)
}

/// When Hualien was paged, and when its main shock came.
fn hualien(text: &str, pages: &[Page]) -> anyhow::Result<String> {
    let mut shocks: Vec<Quake> = Vec::new();
    for line in text.lines() {
        let quake: Quake = serde_json::from_str(line)?;
        if quake.region == "Hualian, Taiwan" {
            shocks.push(quake);
        }
    }
    let magnitude = |quake: &Quake| quake.magnitude.unwrap_or(f64::MIN);
    let main_shock = shocks.iter().max_by(|one, other| magnitude(one).total_cmp(&magnitude(other)));
    let page = pages.iter().find(|page| page.region == "Hualian, Taiwan");
    let (Some(shock), Some(page)) = (main_shock, page) else {
        return Ok("Hualien is not in these events.".to_owned());
    };
    Ok(format!(
        "Hualien, Taiwan was paged for its foreshocks at {}:\n{} before the M {:.1} of {}.",
        utc(page.time),
        days_and_hours(shock.time.saturating_sub(page.time)),
        magnitude(shock),
        utc(shock.time)
    ))
}

fn where_to_look(arguments: &Arguments) -> String {
    let weir = arguments.weir.display();
    let example = arguments.example.display();
    let store = store(arguments);
    let store = store.display();
    format!(
        "Where to look next\n  \
         {weir} plan {example}\n      which event goes to which action\n  \
         {weir} inspect key \"Hualian, Taiwan\" {example} --set store.directory={store}\n      \
         what Weir remembers of Hualien\n  \
         {}\n      the alerts\n  \
         {example}/actions/src\n      the three actions\n  \
         {example}/world/src/naive.rs\n      the loop that people write by hand",
        alerts(arguments).display()
    )
}

fn store(arguments: &Arguments) -> PathBuf {
    arguments.directory.join("store")
}

fn alerts(arguments: &Arguments) -> PathBuf {
    arguments.directory.join("alerts.jsonl")
}
