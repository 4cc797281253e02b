//! What a history of a cluster is made from.

use crate::application::Application;
use crate::rng::Rng;
use crate::scenario::{Deploy, KEYS, Scenario};
use std::fmt;

/// A history of several hosts before it happens.
#[derive(Clone)]
pub struct ClusterScenario {
    /// What a history of one machine is made from, too.
    pub base: Scenario,
    /// How many hosts.
    pub hosts: usize,
    /// How many partitions the input has.
    pub partitions: usize,
    /// The partition in which the events of each key stand: whoever put them there computed it in its own way.
    pub placement: [u8; KEYS.len()],
    /// How far the clock of each host is ahead, milliseconds.
    pub ahead_ms: [u64; HOSTS_MAX],
    /// What goes wrong, one after another.
    pub faults: Vec<Fault>,
    /// How long after the sending of a checkpoint effects may begin.
    pub lease_ms: u64,
    /// After how long the group gives an unreachable member up.
    pub session_ms: u64,
    /// After how long an open transaction is aborted.
    pub transaction_ms: u64,
    /// How readily hosts look at what the group tells them; 1 is slow.
    pub attention: u32,
    /// How readily what is sent arrives, and is answered; 1 is slow.
    pub network: u32,
    /// How often the cleaner runs.
    pub cleaner: u32,
}

/// Hosts at most.
pub const HOSTS_MAX: usize = 3;

/// Something that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// So many steps after the last one at least.
    pub after: u32,
    /// When a host is in the midst of this.
    pub moment: Moment,
    /// Where it is looked for first.
    pub host: usize,
    /// Whether it must be another than the one that the last fault struck.
    pub another: bool,
    /// What happens to that host.
    pub kind: FaultKind,
}

/// What a host is in the midst of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Anything.
    Any,
    /// A takeover, which has looked at nothing yet.
    Looking,
    /// A takeover that is going to initialise the last owner's producer.
    Initialising,
    /// A takeover that has read the changelog, and not yet committed.
    Restored,
    /// A takeover that has committed its epoch, and not yet written its fence.
    EpochCommitted,
    /// A takeover whose fence is on its way.
    Fencing,
    /// A takeover that reads the action states.
    Rebuilding,
    /// A transaction that has written, and not yet sent offsets.
    Written,
    /// A transaction whose end is not yet sent.
    OffsetsSent,
    /// A transaction whose end is on its way, or answered.
    Ending,
    /// A guest is at the door.
    AtDoor,
    /// A guest waits for answers.
    Answers,
    /// Records of action states are on their way.
    OnTheWire,
    /// The completion of an action is.
    CompletionOnTheWire,
    /// It acts for what another did not release, and has put some records, when a guest makes an effect.
    Successor,
}

/// What goes wrong with a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// Its process ends; a new one starts after so many milliseconds.
    Kill {
        /// Until then.
        down_ms: u64,
    },
    /// It stands still for so many milliseconds.
    Pause {
        /// Until then.
        for_ms: u64,
    },
    /// It does not reach the brokers for so many milliseconds.
    CutOff {
        /// Until then.
        for_ms: u64,
    },
    /// It is asked to stop, and starts again.
    Stop {
        /// Until then.
        down_ms: u64,
    },
    /// The group gives it up, though it lives.
    Evict,
    /// Partitions are dealt out anew.
    Move,
}

impl fmt::Display for ClusterScenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { base, hosts, partitions, placement, lease_ms, session_ms, transaction_ms, .. } = self;
        writeln!(
            f,
            "seed {}: events of keys {:?}, in partitions {placement:?} of {partitions}",
            base.seed, base.events
        )?;
        writeln!(f, "{hosts} hosts, their clocks ahead by {:?} ms", &self.ahead_ms[..*hosts])?;
        writeln!(f, "lease {lease_ms} ms, session {session_ms} ms, transactions {transaction_ms} ms")?;
        for fault in &self.faults {
            writeln!(f, "fault {fault:?}")?;
        }
        let (pending, lag, idle) = (base.quarantined_events_max, base.marker_lag_max, base.idle_keys_max);
        writeln!(f, "quarantined_events_max {pending}, marker_lag_max {lag}, idle_keys_max {idle}")?;
        writeln!(f, "application:{:?}", base.releases[0])?;
        match base.deploy {
            Deploy::None => Ok(()),
            deploy => writeln!(f, "deploy of {deploy:?} at step {}:{:?}", base.deploy_at, base.releases[1]),
        }
    }
}

impl ClusterScenario {
    /// The scenario of a seed.
    pub fn generate(seed: u64) -> Self {
        let rng = &mut Rng::new(seed, 4);
        let hosts = *rng.pick(&[2, 2, 3]);
        let partitions = *rng.pick(&[2, 2, 3]);
        let placement = std::array::from_fn(|_| rng.below(partitions) as u8);
        let keys = 1 + rng.below(3);
        let count = *rng.pick(&[1, 2, 2, 3, 3, 4, 6]);
        let plot = *rng.pick(&PLOTS);
        let application = plot.application(rng);
        let deploy = *rng.pick(&[Deploy::None, Deploy::None, Deploy::None, Deploy::Calls, Deploy::Calls, Deploy::Plan]);
        let deploy = if plot == Plot::Any { deploy } else { Deploy::None };
        let next = match deploy {
            Deploy::None => application.clone(),
            Deploy::Calls => application.with_other_calls(rng),
            Deploy::Plan => application.with_other_plan(rng),
        };
        let base = Scenario {
            seed,
            events: (0..count).map(|_| rng.below(keys) as u8).collect(),
            timestamps: rng.percent(50),
            stdin: false,
            releases: [application, next],
            deploy,
            deploy_at: 40 + rng.below(100 * count) as u32,
            crashes: Vec::new(),
            sync_fails_at: None,
            checkpoints: if plot == Plot::Zombie { 1 } else { *rng.pick(&[2, 6, 15]) },
            aborts: *rng.pick(&[0, 0, 5, 20]),
            log_speed: 1,
            quarantined_events_max: *rng.pick(&[1, 2, 100]),
            marker_lag_max: *rng.pick(&[2, 6, 1000]),
            idle_keys_max: rng.below(3),
            tasks_per_run_max: if rng.percent(3) { 2 } else { 100 },
        };
        Self {
            base,
            hosts,
            partitions,
            placement,
            ahead_ms: std::array::from_fn(|_| *rng.pick(&[0, 0, 40, 10_000])),
            faults: plot.faults(rng),
            lease_ms: if plot == Plot::Zombie { *rng.pick(&[15, 40, 100, 100]) } else { *rng.pick(&[15, 40, 100]) },
            session_ms: *rng.pick(&[10, 30, 60]),
            transaction_ms: *rng.pick(&[40, 150]),
            attention: if plot == Plot::HandOver { 20 } else { *rng.pick(&[1, 4, 20]) },
            network: match plot {
                Plot::Zombie => *rng.pick(&[1, 1, 4]),
                Plot::HandOver => 20,
                _ => *rng.pick(&[1, 4, 20]),
            },
            cleaner: *rng.pick(&[0, 1, 4]),
        }
    }
}

/// What a history is about: some sequences are rare by chance, and so are made on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Plot {
    /// Nothing in particular.
    Any,
    /// A host goes on with what is another's by then; the one that took it over does not get far either.
    Zombie,
    /// A takeover stands still when all that is left is to commit its epoch.
    LateTakeover,
    /// A partition is given up while an effect is on its way.
    HandOver,
    /// A transaction that is decided, and whose end is not yet written everywhere.
    TornEnd,
}

const PLOTS: [Plot; 11] = [
    Plot::Any,
    Plot::Any,
    Plot::Any,
    Plot::Any,
    Plot::Zombie,
    Plot::Zombie,
    Plot::Zombie,
    Plot::Zombie,
    Plot::LateTakeover,
    Plot::HandOver,
    Plot::TornEnd,
];

impl Plot {
    fn application(self, rng: &mut Rng) -> Application {
        let mut application = Application::generate(rng);
        for _ in 0..10 {
            if self == Self::Zombie && !application.has_chained_effects() {
                application = Application::generate(rng);
            }
        }
        application
    }

    fn faults(self, rng: &mut Rng) -> Vec<Fault> {
        use Moment::*;
        let mut faults = match self {
            Self::Any => Vec::new(),
            Self::Zombie => vec![
                Fault { kind: *rng.pick(&ZOMBIE), ..Fault::at(rng, &[Answers, OnTheWire, CompletionOnTheWire], 60) },
                Fault {
                    kind: *rng.pick(&DEATH),
                    another: true,
                    ..Fault::at(rng, &[Successor, Successor, Answers, AtDoor], 20)
                },
            ],
            Self::LateTakeover => {
                vec![Fault {
                    kind: FaultKind::Pause { for_ms: *rng.pick(&[60, 120]) },
                    ..Fault::at(rng, &[Restored], 40)
                }]
            }
            Self::HandOver => {
                let kinds = [FaultKind::Move, FaultKind::Stop { down_ms: 5 }];
                vec![Fault { kind: *rng.pick(&kinds), ..Fault::at(rng, &[Answers], 60) }]
            }
            Self::TornEnd => {
                let kinds = [FaultKind::Kill { down_ms: 30 }, FaultKind::Evict, FaultKind::Stop { down_ms: 5 }];
                vec![Fault { kind: *rng.pick(&kinds), ..Fault::at(rng, &[Ending, OffsetsSent, Written], 80) }]
            }
        };
        faults.extend((0..*rng.pick(&[0, 1, 2, 2, 3])).map(|_| Fault::generate(rng)));
        faults
    }
}

impl Fault {
    fn at(rng: &mut Rng, moments: &[Moment], within: usize) -> Self {
        let (after, moment) = (rng.below(within) as u32, *rng.pick(moments));
        Self { after, moment, host: rng.below(HOSTS_MAX), another: rng.percent(40), kind: FaultKind::Move }
    }

    fn generate(rng: &mut Rng) -> Self {
        let within = *rng.pick(&[8, 40, 120]);
        let ms = *rng.pick(&[5, 30, 60, 120, 250]);
        let kind = match rng.below(12) {
            0..=2 => FaultKind::Kill { down_ms: ms },
            3..=5 => FaultKind::Pause { for_ms: ms },
            6 => FaultKind::CutOff { for_ms: ms },
            7 => FaultKind::Stop { down_ms: ms },
            8..=9 => FaultKind::Evict,
            _ => FaultKind::Move,
        };
        Self { kind, ..Self::at(rng, &MOMENTS, within) }
    }
}

/// A host that goes on for a while.
const ZOMBIE: [FaultKind; 5] = [
    FaultKind::Evict,
    FaultKind::Pause { for_ms: 60 },
    FaultKind::CutOff { for_ms: 60 },
    // Nothing but what is on its way is left of it.
    FaultKind::Kill { down_ms: 400 },
    FaultKind::Kill { down_ms: 400 },
];

/// A host that does not, or not for long.
const DEATH: [FaultKind; 3] = [FaultKind::Kill { down_ms: 30 }, FaultKind::Kill { down_ms: 250 }, FaultKind::Evict];

/// When things go wrong; what is here twice, twice as often.
const MOMENTS: [Moment; 16] = [
    Moment::Any,
    Moment::Any,
    Moment::Looking,
    Moment::Initialising,
    Moment::Restored,
    Moment::EpochCommitted,
    Moment::Fencing,
    Moment::Rebuilding,
    Moment::Written,
    Moment::OffsetsSent,
    Moment::Ending,
    Moment::AtDoor,
    Moment::AtDoor,
    Moment::Answers,
    Moment::OnTheWire,
    Moment::OnTheWire,
];
