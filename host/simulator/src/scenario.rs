//! What a history is made from: everything that its seed decides before it begins.

use crate::application::Application;
use crate::rng::Rng;
use std::fmt;

/// A history before it happens. Its fields can be changed one by one to find a shorter history that fails too.
#[derive(Clone)]
pub struct Scenario {
    /// The seed of everything that is decided on the way.
    pub seed: u64,
    /// The key of each input event, as an index of [`KEYS`].
    pub events: Vec<u8>,
    /// Whether input events carry a time.
    pub timestamps: bool,
    /// Whether the source is stdin, which can't be read again, and so goes through the inbox.
    pub stdin: bool,
    /// The release that the application starts with, and the one that is deployed in mid-run.
    pub releases: [Application; 2],
    /// What the deploy changes.
    pub deploy: Deploy,
    /// When the deploy comes, as a step.
    pub deploy_at: u32,
    /// Crashes, each so many steps after the one before.
    pub crashes: Vec<Crash>,
    /// The sync of this number fails.
    pub sync_fails_at: Option<u32>,
    /// Of a hundred steps, how many would begin a checkpoint.
    pub checkpoints: u32,
    /// Of a hundred checkpoints, how many are aborted.
    pub aborts: u32,
    /// How readily the log is synced and acknowledgements come; 1 is slow.
    pub log_speed: u32,
    /// Pending input events of one quarantined key.
    pub quarantined_events_max: usize,
    /// Records by which a state may hold the marker back.
    pub marker_lag_max: u64,
    /// Keys that stay resident though idle.
    pub idle_keys_max: usize,
    /// Tasks of one run.
    pub tasks_per_run_max: u64,
}

/// What a deploy changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deploy {
    /// There is none.
    None,
    /// The calls that actions make.
    Calls,
    /// Which actions there are and what they listen to.
    Plan,
}

/// The end of a life of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crash {
    /// So many steps after the last one.
    pub after: u32,
    /// How it ends.
    pub kind: CrashKind,
}

/// Two different things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrashKind {
    /// The process ends. What it wrote is there, though not durable.
    Kill,
    /// The machine ends. Of what is not synced, any tail may be gone.
    PowerLoss,
}

/// Keys, odd ones among them.
pub const KEYS: [&[u8]; 4] = [b"a", b"a_b", b"", b"\xff\x00_"];

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "seed {}: events of keys {:?}, timestamps {}, stdin {}",
            self.seed, self.events, self.timestamps, self.stdin
        )?;
        writeln!(f, "crashes {:?}, sync that fails {:?}", self.crashes, self.sync_fails_at)?;
        let (pending, lag, idle) = (self.quarantined_events_max, self.marker_lag_max, self.idle_keys_max);
        writeln!(f, "quarantined_events_max {pending}, marker_lag_max {lag}, idle_keys_max {idle}")?;
        writeln!(f, "application:{:?}", self.releases[0])?;
        match self.deploy {
            Deploy::None => Ok(()),
            deploy => writeln!(f, "deploy of {deploy:?} at step {}:{:?}", self.deploy_at, self.releases[1]),
        }
    }
}

impl Scenario {
    /// The scenario of a seed.
    pub fn generate(seed: u64) -> Self {
        let rng = &mut Rng::new(seed, 1);
        let keys = 1 + rng.below(3);
        let count = *rng.pick(&[1, 2, 2, 3, 3, 4, 6]);
        let events = (0..count).map(|_| rng.below(keys) as u8).collect();
        let first = Application::generate(rng);
        let deploy = *rng.pick(&[Deploy::None, Deploy::None, Deploy::None, Deploy::Calls, Deploy::Calls, Deploy::Plan]);
        let second = match deploy {
            Deploy::None => first.clone(),
            Deploy::Calls => first.with_other_calls(rng),
            Deploy::Plan => first.with_other_plan(rng),
        };
        let steps = 60 * count;
        let crashes = (0..*rng.pick(&[0, 1, 1, 2, 2, 3])).map(|_| Crash {
            after: if rng.percent(25) { rng.below(8) } else { rng.below(steps) } as u32,
            kind: *rng.pick(&[CrashKind::Kill, CrashKind::PowerLoss]),
        });
        let crashes = crashes.collect();
        Self {
            seed,
            events,
            timestamps: rng.percent(50),
            stdin: rng.percent(20),
            releases: [first, second],
            deploy,
            deploy_at: rng.below(steps) as u32,
            crashes,
            sync_fails_at: rng.percent(12).then(|| rng.below(12) as u32),
            checkpoints: *rng.pick(&[2, 6, 15]),
            aborts: *rng.pick(&[0, 20, 50]),
            log_speed: *rng.pick(&[1, 3, 10]),
            quarantined_events_max: *rng.pick(&[1, 2, 100]),
            marker_lag_max: *rng.pick(&[2, 6, 1000]),
            idle_keys_max: rng.below(3),
            tasks_per_run_max: if rng.percent(3) { 2 } else { 100 },
        }
    }
}
