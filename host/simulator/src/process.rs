//! One life of the simulated host: what it holds in memory, and so loses when it ends.

use crate::application::Application;
use crate::facts::Span;
use crate::guest::Guest;
use crate::keyed::Batch;
use crate::mistake::Mistake;
use crate::scenario::Deploy;
use crate::tamper;
use crate::world::{Running, World};
use std::collections::VecDeque;
use weir_core::action_state::{CallPut, RecordKind, StateKey};
use weir_core::event::{DeadLetter, OutputEvent};
use weir_core::invocation::{GuestEnd, Invocation, InvocationResult};
use weir_core::key::Key;
use weir_core::operator::{Command, Operator, Report};
use weir_core::store::log::{Append, AppendKind, LogKey, Position, Ticket};

/// How far a checkpoint is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It waits for its door.
    Taken,
    /// It is written, and survives the end of the process.
    Written,
    /// It survives the loss of power.
    Durable,
}

/// A checkpoint in flight.
#[derive(Debug)]
pub struct Checkpointing {
    /// Its name.
    pub id: u64,
    /// Its door.
    pub waits_for: Option<Ticket>,
    /// What it writes.
    pub batch: Batch,
    /// How far it is.
    pub stage: Stage,
}

/// A sync that runs.
#[derive(Clone, Copy, Debug)]
pub struct Syncing {
    /// Writes of the log that it makes durable.
    pub writes: usize,
    /// Appends of this life that it makes durable.
    pub tickets: usize,
    /// Lines of the inbox that it makes durable.
    pub inbox: usize,
}

/// One life of the host.
#[derive(Debug)]
pub struct Process {
    /// The core.
    pub operator: Operator,
    /// Invocations that run.
    pub guests: Vec<Guest>,
    /// Appends that are not written.
    pub outbox: VecDeque<Append>,
    /// Of each append that is written, its position, and whether it is a record.
    pub written: Vec<(Position, bool)>,
    /// So many appends are durable.
    pub durable: usize,
    /// So many appends are acknowledged.
    pub acknowledged: usize,
    /// The sync that runs.
    pub sync: Option<Syncing>,
    /// The checkpoint in flight.
    pub checkpoint: Option<Checkpointing>,
    /// Attempts to come.
    pub timers: Vec<(u64, Key)>,
    /// Keys to be loaded.
    pub loads: Vec<Key>,
    /// Output events that leave with the next checkpoint.
    pub outputs: Vec<OutputEvent>,
    /// Dead letters that leave with the next checkpoint.
    pub dead_letters: Vec<DeadLetter>,
    /// The next input event.
    pub source_next: usize,
    /// The source offset that was checkpointed last in this life.
    pub source_checkpointed: usize,
    /// Nothing new is begun: the host is going to stop.
    pub stopping: bool,
    /// The last checkpoint before the stop is done.
    pub last_checkpoint_done: bool,
    /// Lines of stdin read in this life, for one of the planted mistakes.
    pub lines_read: usize,
    /// The release that runs.
    pub release: usize,
    /// Whether someone wants to repair a quarantined key.
    pub repair_wanted: bool,
    /// Keys quarantined, and appends issued, when that was looked at.
    pub looked_at: (u64, usize),
    /// So many appends were issued.
    pub(crate) issued: usize,
}

impl Process {
    /// A process that begins.
    pub fn new(operator: Operator, source_next: usize, release: usize) -> Self {
        Self {
            operator,
            guests: Vec::new(),
            outbox: VecDeque::new(),
            written: Vec::new(),
            durable: 0,
            acknowledged: 0,
            sync: None,
            checkpoint: None,
            timers: Vec::new(),
            loads: Vec::new(),
            outputs: Vec::new(),
            dead_letters: Vec::new(),
            source_next,
            source_checkpointed: source_next,
            stopping: false,
            last_checkpoint_done: false,
            lines_read: 0,
            release,
            repair_wanted: false,
            looked_at: (0, 0),
            issued: 0,
        }
    }

    /// Whether an append is acknowledged.
    pub fn is_acknowledged(&self, ticket: Option<Ticket>) -> bool {
        ticket.is_none_or(|ticket| (ticket.0 as usize) < self.acknowledged)
    }

    /// Takes what the core wants written and done. `writes` tells how many writes the log has.
    pub fn pump(&mut self, world: &mut World, releases: &[Application; 2], writes: usize, deploy: Deploy) {
        if !self.operator.has_work() {
            world.ledger.on_handed_over(writes + self.outbox.len(), |_| None);
            return;
        }
        let before = self.outbox.len();
        for append in self.operator.take_appends() {
            assert_eq!(append.ticket.0 as usize, self.issued, "appends are numbered without gaps");
            self.issued += 1;
            world.digest.bytes(&append.key.to_bytes());
            if let AppendKind::Record(value) = &append.what {
                world.digest.bytes(value);
            }
            world.tell(|| format!("    put {}", describe(&append)));
            self.outbox.push_back(tamper::append(append, world.mistake));
        }
        let commands = self.operator.take_commands();
        for command in &commands {
            if let Command::Report(report) = command {
                on_report(report, world, deploy);
            }
        }
        let fresh = self.outbox.iter().enumerate().skip(before);
        world.ledger.on_handed_over(writes + self.outbox.len(), |state| span_of(state, fresh.clone(), writes));
        for command in commands {
            self.carry_out(command, world, releases);
        }
    }

    fn carry_out(&mut self, command: Command, world: &mut World, releases: &[Application; 2]) {
        match command {
            Command::Load(key) => self.loads.push(key),
            Command::Invoke(invocation) => self.invoke(invocation, world, releases),
            Command::Emit(event) => {
                world.digest.bytes(event.payload.as_str().as_bytes());
                world.tell(|| {
                    format!("    output {} of {:?} #{} {}", event.id, event.key, event.sequence_number, event.payload)
                });
                self.outputs.push(event);
            }
            Command::DeadLetter(letter) => {
                world.tell(|| {
                    format!("    dead letter {:?} of {:?}: {}", letter.input.event.id, letter.input.key, letter.failure)
                });
                self.dead_letters.push(*letter);
            }
            Command::RetryAt(key, at_ms) => self.timers.push((at_ms, key)),
            Command::Report(_) => {}
            Command::Stop(..) => self.stopping = true,
        }
    }

    fn invoke(&mut self, invocation: Box<Invocation>, world: &mut World, releases: &[Application; 2]) {
        let state = invocation.task().state_key();
        world.tell(|| format!("    invoke {} attempt {} for {state}", invocation.task().action, invocation.attempt()));
        let (task, index) = world.ledger.on_invoked(&state, invocation.attempt(), self.release);
        world.ledger.invocations[index].given = invocation.task().event.payload.clone();
        let release = world.expected(task).map_or(self.release, |expected| expected.release);
        let action = releases[release].action(&invocation.task().action).expect("the plan has the action");
        let guest = Guest::new(invocation, action.script.clone(), Running { task, invocation: index });
        self.guests.push(guest);
    }

    /// Hands over what a guest has to say of its calls.
    pub fn put_calls(&mut self, at: usize, before_waiting: bool, world: &mut World, deploy: Deploy) {
        let guest = &mut self.guests[at];
        let puts =
            if before_waiting { guest.invocation.take_puts_before_waiting() } else { guest.invocation.take_puts() };
        if puts.is_empty() {
            return;
        }
        let puts = observe(puts, guest.running, self.release, world, deploy);
        let (key, id) = (guest.key.clone(), guest.invocation.id());
        self.operator.on_call_puts(&key, id, puts);
    }

    /// A guest ended.
    pub fn end_guest(&mut self, at: usize, end: GuestEnd, world: &mut World, deploy: Deploy) {
        let guest = self.guests.swap_remove(at);
        let (key, running) = (guest.key.clone(), guest.running);
        world.tell(|| format!("    {:?} ended: {end:?}", running));
        let mut ended = guest.into_invocation().finish(end);
        ended.puts = observe(ended.puts, running, self.release, world, deploy);
        match &ended.result {
            InvocationResult::Completed(_) => world.ledger.on_completed(running.task, self.release),
            InvocationResult::Failed { .. } => world.ledger.on_attempt_failed(running.task),
        }
        self.operator.on_invocation_ended(&key, ended, world.now_ms);
    }

    /// Cuts all guests off, because the host stops.
    pub fn interrupt_guests(&mut self, world: &mut World, deploy: Deploy) {
        while let Some(last) = self.guests.len().checked_sub(1) {
            self.put_calls(last, true, world, deploy);
            let guest = self.guests.pop().expect("a guest is there");
            self.operator.on_invocation_interrupted(&guest.key, guest.invocation.id());
        }
    }
}

/// Which of some appends are about a state.
fn span_of<'a>(state: &StateKey, appends: impl Iterator<Item = (usize, &'a Append)>, writes: usize) -> Option<Span> {
    let mut span: Option<Span> = None;
    let about = |append: &Append| matches!(&append.key, LogKey::Record(key) if key.state == *state);
    for (at, append) in appends.filter(|(_, append)| about(append)) {
        let after = writes + at + 1;
        let first = span.map_or(after, |span| span.first);
        // Where tombstones must wait, a record says what they would.
        let drops = match &append.key {
            LogKey::Record(key) => matches!(key.kind, RecordKind::CallDropped(_)),
            LogKey::Fence(_) => false,
        };
        let last_tombstone = match (&append.what, span) {
            (AppendKind::Record(_), Some(span)) if !drops => span.last_tombstone,
            _ => after,
        };
        span = Some(Span { first, last_tombstone, last: after });
    }
    span
}

/// Looks at what goes to the log about calls, and takes out what a planted mistake leaves out.
fn observe(
    mut puts: Vec<CallPut>,
    running: Running,
    release: usize,
    world: &mut World,
    deploy: Deploy,
) -> Vec<CallPut> {
    let dropped = puts.iter().filter_map(|put| match put {
        CallPut::Drop(position) => Some(*position),
        _ => None,
    });
    if let Some(from) = dropped.min() {
        world.tell(|| format!("    drop the records of calls from {from} on"));
        world.ledger.on_dropped(running.task, from, release);
        if deploy == Deploy::None {
            world.ledger.violate(|| format!("call {from}: a divergence, though no other release was deployed"));
        }
    }
    puts.retain(|put| tamper::keeps(put, world.mistake));
    puts
}

fn on_report(report: &Report, world: &mut World, deploy: Deploy) {
    world.tell(|| format!("    {report:?}"));
    match report {
        Report::Failed(reported, ..) => {
            let task = world.ledger.task(&reported.state);
            world.ledger.on_failed_for_good(task);
        }
        Report::Divergence(reported, what) => {
            let state = &reported.state;
            world.ledger.on_divergence(state);
            // Which tasks there are does not depend on the calls that a release makes.
            if deploy == Deploy::None || deploy == Deploy::Calls && what.contains("no task asked for") {
                let state = state.clone();
                world.ledger.violate(|| format!("{state}: {what}, though no release deployed makes it so"));
            }
        }
        Report::AttemptFailed(..) | Report::QueueFull(_) | Report::Unheard(_) => {}
    }
}

fn describe(append: &Append) -> String {
    let name = &append.key;
    match &append.what {
        AppendKind::Record(value) => format!("{} {name} {}", append.ticket.0, String::from_utf8_lossy(value)),
        AppendKind::Tombstone(places) => format!("{} {name} tombstone for {places:?}", append.ticket.0),
    }
}

/// The mistake that is planted makes a checkpoint count before it is durable.
pub fn completes_early(mistake: Option<Mistake>) -> bool {
    mistake == Some(Mistake::PruneBeforeDurable)
}
