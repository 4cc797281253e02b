//! The machine that the simulated host runs on, and the scheduler: one step at a time, chosen by the seed.

use crate::keyed::Checkpointed;
use crate::log::SimulatedLog;
use crate::mistake::Mistake;
use crate::process::{Process, Stage};
use crate::repairs::Repairs;
use crate::rng::Rng;
use crate::scenario::{CrashKind, Deploy, KEYS, Scenario};
use crate::world::{Reference, World};
use std::sync::Arc;
use weir_core::event::{Event, InputEvent, KIND_INPUT, SourcePosition};
use weir_core::id::EventId;
use weir_core::json::Json;
use weir_core::key::Key;
use weir_core::store::ActionStateStore;

/// A history that takes more steps does not come to rest.
const STEPS_MAX: u32 = 20_000;

/// One line of the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its key, as an index of [`KEYS`].
    pub key: u8,
    /// What tells lines apart.
    pub number: u32,
    /// Where it stands.
    pub position: u64,
}

/// Whether the host runs.
#[derive(Debug)]
pub(crate) enum Host {
    /// It does not.
    Down,
    /// It has read its action states, and not yet made sure that they last.
    Rebuilt(Box<ActionStateStore>),
    /// It runs.
    Up(Box<Process>),
}

/// Everything: the host, what it writes to, the world, and chance.
pub struct Machine {
    /// What is decided from the start.
    pub scenario: Scenario,
    /// The world outside.
    pub world: World,
    /// The action-state log.
    pub log: SimulatedLog,
    /// What checkpoints left.
    pub keyed: Checkpointed,
    /// The lines of the source that can be read again; of stdin, those in the inbox.
    pub lines: Vec<Line>,
    /// So many lines of the inbox are durable.
    pub(crate) inbox_durable: usize,
    /// Lines of stdin that were handed out: they never come again.
    pub(crate) stdin_read: usize,
    /// Lines that stdin handed to a host that made a mistake of it.
    pub accepted: Vec<Line>,
    pub(crate) host: Host,
    /// The release that the next life runs.
    pub release: usize,
    pub(crate) repairs: Repairs,
    pub(crate) rng: Rng,
    pub(crate) syncs: u32,
    steps: u32,
    steps_since_crash: u32,
    crashes_done: usize,
    deployed: bool,
}

/// One thing that can happen next.
#[derive(Clone, Copy, Debug)]
enum Step {
    Rebuild,
    Start,
    Deliver,
    ReadStdin,
    Guest(usize),
    Answer(usize),
    Send(usize),
    Write,
    Sync,
    Synced,
    Acknowledge,
    TakeCheckpoint,
    AbortCheckpoint,
    WriteCheckpoint,
    SyncCheckpoint,
    EndCheckpoint,
    Load(usize),
    RetryDue,
    WaitOver(usize),
    Repair,
    Redeliver,
    Stopped,
}

impl Machine {
    /// A machine on which nothing has run.
    pub fn new(scenario: Scenario, mistake: Option<Mistake>) -> Self {
        let lines = match scenario.stdin {
            true => Vec::new(),
            false => lines_of_file(&scenario.events),
        };
        Self::with_lines(scenario, lines, mistake, None)
    }

    /// A machine without crashes, that goes by a history.
    pub fn without_crashes(scenario: &Scenario, lines: Vec<Line>, reference: Reference) -> Self {
        let calm = Scenario {
            crashes: Vec::new(),
            deploy: Deploy::None,
            sync_fails_at: None,
            checkpoints: 1,
            aborts: 0,
            log_speed: 10,
            quarantined_events_max: usize::MAX,
            ..scenario.clone()
        };
        Self::with_lines(calm, lines, None, Some(reference))
    }

    fn with_lines(
        scenario: Scenario,
        lines: Vec<Line>,
        mistake: Option<Mistake>,
        reference: Option<Reference>,
    ) -> Self {
        let seed = scenario.seed;
        Self {
            world: World::new(seed, mistake, reference),
            log: SimulatedLog::default(),
            keyed: match mistake {
                Some(Mistake::EvictChanged) => Checkpointed::remembering_before(),
                _ => Checkpointed::default(),
            },
            lines,
            inbox_durable: 0,
            stdin_read: 0,
            accepted: Vec::new(),
            host: Host::Down,
            release: 0,
            repairs: Repairs::default(),
            rng: Rng::new(seed, 3),
            syncs: 0,
            steps: 0,
            steps_since_crash: 0,
            crashes_done: 0,
            deployed: false,
            scenario,
        }
    }

    /// Whether a release other than the first may run.
    pub(crate) fn deploys(&self) -> bool {
        self.scenario.deploy != Deploy::None
    }

    /// So many steps were made.
    pub fn steps(&self) -> u32 {
        self.steps
    }

    /// Runs until everything rests, all crashes and the last checkpoint included.
    pub fn run(&mut self) {
        let mut choices = Vec::with_capacity(32);
        while self.world.ledger.violation.is_none() {
            if self.crash_if_due(false) {
                continue;
            }
            choices.clear();
            let at_rest = self.choices(&mut choices);
            if at_rest {
                if self.crash_if_due(true) {
                    continue;
                }
                return self.settle();
            }
            let step = self.choose(&choices);
            self.steps += 1;
            self.steps_since_crash += 1;
            if self.steps > STEPS_MAX {
                return self.world.ledger.violate(|| "the host does not come to rest".to_owned());
            }
            self.world.pass(self.world.now_ms + 1);
            self.take(step);
        }
    }

    fn choose(&mut self, choices: &[(u32, Step)]) -> Step {
        let total: u32 = choices.iter().map(|(weight, _)| weight).sum();
        let mut drawn = self.rng.below(total as usize) as u32;
        for (weight, step) in choices {
            if drawn < *weight {
                return *step;
            }
            drawn -= weight;
        }
        unreachable!("the weights sum to their total")
    }

    /// Everything that can happen; answers whether the host is at rest, and nothing of it needs to.
    fn choices(&self, choices: &mut Vec<(u32, Step)>) -> bool {
        let process = match &self.host {
            Host::Down => {
                choices.push((1, Step::Rebuild));
                return false;
            }
            Host::Rebuilt(_) => {
                choices.push((1, Step::Start));
                return false;
            }
            Host::Up(process) => process,
        };
        self.log_choices(process, choices);
        if let Some(checkpoint) = &process.checkpoint {
            let open = process.is_acknowledged(checkpoint.waits_for);
            match checkpoint.stage {
                Stage::Taken if open || self.world.mistake == Some(Mistake::NoCheckpointDoor) => {
                    choices.push((3, Step::WriteCheckpoint));
                }
                Stage::Taken => {}
                Stage::Written => choices.push((3, Step::SyncCheckpoint)),
                Stage::Durable => choices.push((3, Step::EndCheckpoint)),
            }
            if checkpoint.stage == Stage::Taken && self.scenario.aborts > 0 {
                choices.push((1 + self.scenario.aborts / 20, Step::AbortCheckpoint));
            }
        }
        for at in 0..process.loads.len() {
            choices.push((10, Step::Load(at)));
        }
        if process.stopping {
            if choices.is_empty() {
                choices.push((1, Step::Stopped));
            }
            return false;
        }
        self.work_choices(process, choices);
        let at_rest = choices.is_empty();
        if process.checkpoint.is_none() && process.loads.is_empty() && process.has_news() && !at_rest {
            choices.push((self.scenario.checkpoints, Step::TakeCheckpoint));
        }
        if !at_rest && self.repairs.can_redeliver() {
            choices.push((2, Step::Redeliver));
        }
        at_rest
    }

    fn log_choices(&self, process: &Process, choices: &mut Vec<(u32, Step)>) {
        let speed = self.scenario.log_speed;
        if !process.outbox.is_empty() {
            choices.push((20, Step::Write));
        }
        let unsynced = process.durable < process.written.len() || self.inbox_durable < self.lines_in_inbox();
        match &process.sync {
            None if unsynced => choices.push((2 * speed, Step::Sync)),
            None => {}
            Some(_) => choices.push((2 * speed, Step::Synced)),
        }
        if process.acknowledged < process.durable {
            choices.push((2 * speed, Step::Acknowledge));
        }
    }

    fn work_choices(&self, process: &Process, choices: &mut Vec<(u32, Step)>) {
        let readable =
            if self.scenario.stdin && self.world.reference.is_none() { self.inbox_durable } else { self.lines.len() };
        if process.source_next < readable {
            choices.push((8, Step::Deliver));
        }
        if self.world.reference.is_none() && self.scenario.stdin && self.stdin_read < self.scenario.events.len() {
            choices.push((8, Step::ReadStdin));
        }
        for (at, guest) in process.guests.iter().enumerate() {
            match guest.wait {
                crate::guest::Wait::Nothing => choices.push((15, Step::Guest(at))),
                crate::guest::Wait::Answers => choices.push((8, Step::Answer(at))),
                crate::guest::Wait::Until(_) => choices.push((2, Step::WaitOver(at))),
                crate::guest::Wait::Door(ticket) => {
                    if process.is_acknowledged(ticket) || self.world.mistake == Some(Mistake::NoDoor) {
                        choices.push((15, Step::Send(at)));
                    }
                }
            }
        }
        if !process.timers.is_empty() {
            choices.push((3, Step::RetryDue));
        }
        if process.repair_wanted {
            choices.push((3, Step::Repair));
        }
    }

    fn take(&mut self, step: Step) {
        self.world.digest.number(self.steps.into());
        if self.world.story.is_some() {
            let (steps, writes) = (self.steps, self.log.writes());
            self.world.tell(|| format!("{steps:4} {step:?} ({writes} writes)"));
        }
        match step {
            Step::Rebuild => self.rebuild(),
            Step::Start => self.start(),
            Step::Deliver => self.deliver(),
            Step::ReadStdin => self.read_stdin(),
            Step::Guest(at) => self.step_guest(at),
            Step::Answer(at) => self.answer_guest(at),
            Step::Send(at) => self.send_of_guest(at),
            Step::Write => self.write_appends(),
            Step::Sync => self.begin_sync(),
            Step::Synced => self.end_sync(),
            Step::Acknowledge => self.acknowledge(),
            Step::TakeCheckpoint => self.take_checkpoint(),
            Step::AbortCheckpoint => self.abort_checkpoint(),
            Step::WriteCheckpoint => self.write_checkpoint(),
            Step::SyncCheckpoint => self.sync_checkpoint(),
            Step::EndCheckpoint => self.end_checkpoint(),
            Step::Load(at) => self.load(at),
            Step::RetryDue => self.retry_due(),
            Step::WaitOver(at) => self.wait_over(at),
            Step::Repair => self.repair(),
            Step::Redeliver => self.redeliver_repair(),
            Step::Stopped => self.stopped(),
        }
    }

    /// Ends the life of the host, where the scenario says so.
    fn crash_if_due(&mut self, at_rest: bool) -> bool {
        if self.world.reference.is_some() {
            return false;
        }
        if !self.deployed && self.deploys() && (self.steps >= self.scenario.deploy_at || at_rest) {
            self.deployed = true;
            self.release = 1;
            let graceful = self.scenario.seed.is_multiple_of(2);
            match &mut self.host {
                Host::Up(process) if graceful => process.stopping = true,
                _ => self.crash(CrashKind::Kill),
            }
            return true;
        }
        let Some(crash) = self.scenario.crashes.get(self.crashes_done).copied() else { return false };
        if self.steps_since_crash >= crash.after || at_rest {
            self.crashes_done += 1;
            self.crash(crash.kind);
            return true;
        }
        false
    }

    /// The process ends, or the machine does.
    pub(crate) fn crash(&mut self, kind: CrashKind) {
        self.world.tell(|| format!("---- {kind:?}"));
        self.steps_since_crash = 0;
        self.host = Host::Down;
        if kind == CrashKind::PowerLoss {
            self.log.on_power_loss(&mut self.rng);
            self.keyed.on_power_loss(&mut self.rng);
            if self.scenario.stdin {
                let kept = self.inbox_durable + self.rng.below(self.lines.len() - self.inbox_durable + 1);
                self.lines.truncate(kept);
            }
        }
        self.log.on_process_end();
        self.world.on_crash();
        self.world.ledger.on_crash(self.log.writes());
        self.repairs.on_crash(self.log.writes());
        self.world.digest.number(self.log.writes() as u64);
    }

    pub(crate) fn lines_in_inbox(&self) -> usize {
        if self.scenario.stdin && self.world.reference.is_none() { self.lines.len() } else { 0 }
    }

    /// Whether someone listens to what happens.
    pub(crate) fn tells(&self) -> bool {
        self.world.story.is_some()
    }
}

/// The input event of a line.
pub(crate) fn input_of(line: Line, scenario: &Scenario) -> InputEvent {
    let payload = format!("{{\"d\":{},\"n\":0}}", line.number);
    let source = if scenario.stdin { "inbox" } else { "file" };
    let id = EventId::of_input(source, &line.position.to_be_bytes(), payload.as_bytes());
    InputEvent {
        key: Key::new(KEYS[line.key as usize]),
        event: Event { id, kind: KIND_INPUT.into(), payload: Json::from_checked(payload) },
        position: SourcePosition(line.position),
        timestamp_ms: scenario.timestamps.then_some(500_000 + line.position),
        headers: Arc::from([]),
    }
}

fn lines_of_file(events: &[u8]) -> Vec<Line> {
    let lines = (0..).zip(events).map(|(number, key)| Line { key: *key, number, position: u64::from(number) * 40 });
    lines.collect()
}
