use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use quakes_world::{Faults, World, WorldSettings};

use crate::course::Finish;
use crate::kills::{Kills, Victim, plan};
use crate::screen::Screen;

const HOSTS: usize = 2;
const POLL: Duration = Duration::from_millis(20);
/// Once all that is due was sent, so long nothing more may come.
const QUIET: Duration = Duration::from_secs(3);
/// So long after a kill, what the killed host had is the other's, and its alerts are out: three times what a takeover takes.
/// It may have no request left to make for them.
const TAKEOVER_MAX: Duration = Duration::from_secs(20);
/// Hosts that make no request for so long hang: longer than a takeover.
const STALL_MAX: Duration = Duration::from_secs(120);
/// How long a host may take to give its partitions up.
const STOP_MAX: Duration = Duration::from_secs(60);

/// Two hosts of one application on Kafka, killed in turns and started again, until all is done.
pub struct Hosts<'a> {
    pub seed: u64,
    pub kills: usize,
    /// Pages and map pins that are due.
    pub effects_due: usize,
    /// Where their logs go.
    pub directory: PathBuf,
    pub screen: &'a Screen,
}

/// Hosts that run; none is left behind, however this ends.
struct Running {
    victims: Vec<Victim>,
    logs: Vec<File>,
}

impl Drop for Running {
    fn drop(&mut self) {
        for victim in &self.victims {
            victim.kill();
        }
    }
}

impl Running {
    fn start(&self, number: usize, mut command: Command) -> anyhow::Result<()> {
        let log = &self.logs[number];
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log.try_clone()?);
        let child = command.spawn().with_context(|| format!("start {}", command.get_program().display()))?;
        *self.victims[number].lock() = Some(child);
        Ok(())
    }

    /// SIGTERM to all at once, so that none takes over what another gives up; each must end well.
    fn stop(&self) -> anyhow::Result<()> {
        for victim in &self.victims {
            let id = victim.lock().as_ref().map(Child::id).context("a host that was started has a process")?;
            ensure!(Command::new("kill").arg(id.to_string()).status()?.success(), "stop host {id}");
        }
        let began = Instant::now();
        for victim in &self.victims {
            loop {
                if let Some(status) = victim.lock().as_mut().and_then(|child| child.try_wait().transpose()) {
                    ensure!(status?.success(), "a host did not end well");
                    break;
                }
                ensure!(began.elapsed() < STOP_MAX, "a host does not end");
                thread::sleep(POLL);
            }
        }
        Ok(())
    }
}

impl Hosts<'_> {
    /// Runs hosts by the command that `command_for` makes for a world's origin and a host's number.
    pub fn run(&self, command_for: impl Fn(&str, usize) -> Command) -> anyhow::Result<Finish> {
        let logs = (0..HOSTS).map(|number| File::create(self.directory.join(format!("host-{number}.log"))));
        let victims = (0..HOSTS).map(|_| Victim::default()).collect();
        let running = Running { victims, logs: logs.collect::<Result<_, _>>().context("make the hosts' logs")? };
        let kills = Kills::default();
        let world = World::start(WorldSettings {
            seed: self.seed,
            faults: Faults::ROUGH,
            on_arrival: Some(plan(running.victims.clone(), Arc::clone(&kills), self.kills, self.effects_due)),
            ..WorldSettings::default()
        })
        .context("start the world")?;
        let began = Instant::now();
        for number in 0..HOSTS {
            running.start(number, command_for(&world.origin(), number))?;
        }
        let took = self.watch(&world, &running, &kills, &command_for)?.duration_since(began);
        running.stop()?;
        let kills = kills.lock().expect("no holder of the kills panics").len();
        Ok(Finish { ledger: world.ledger(), kills, took })
    }

    /// Starts what was killed again, until all that is due was sent and nothing more comes; when the last request came.
    fn watch(
        &self,
        world: &World,
        running: &Running,
        kills: &Kills,
        command_for: &impl Fn(&str, usize) -> Command,
    ) -> anyhow::Result<Instant> {
        let (mut moved, mut seen) = (Instant::now(), 0);
        let (mut killed_at, mut kills_seen) = (Instant::now(), 0);
        let mut told = false;
        loop {
            let killed = kills.lock().expect("no holder of the kills panics").clone();
            if killed.len() != kills_seen {
                (killed_at, kills_seen) = (Instant::now(), killed.len());
            }
            self.screen.kills("Weir", &killed, self.kills);
            for (number, victim) in running.victims.iter().enumerate() {
                let ended = victim.lock().as_mut().map_or(Ok(None), |child| child.try_wait())?;
                match ended {
                    None => {}
                    // The one that was killed is gone before its kill is noted.
                    Some(status) if status.code().is_none() => {
                        running.start(number, command_for(&world.origin(), number))?
                    }
                    Some(status) => bail!("host {number} ended with {status}"),
                }
            }
            let ledger = world.ledger();
            self.screen.progress("Weir", &ledger, self.effects_due, killed.len());
            if ledger.requests.len() != seen {
                (moved, seen) = (Instant::now(), ledger.requests.len());
            }
            let sent = ledger.effects().iter().filter(|effect| effect.sent > 0).count();
            let taken_over = kills_seen == 0 || killed_at.elapsed() > TAKEOVER_MAX;
            if sent >= self.effects_due && killed.len() == self.kills && moved.elapsed() > QUIET {
                if taken_over {
                    return Ok(moved);
                }
                if !told {
                    told = true;
                    let most = TAKEOVER_MAX.as_secs();
                    self.screen.say(&format!("  all requests are made; up to {most} s for the last takeover's alerts"));
                }
            }
            ensure!(moved.elapsed() < STALL_MAX, "the hosts make no request any more");
            thread::sleep(POLL);
        }
    }
}
