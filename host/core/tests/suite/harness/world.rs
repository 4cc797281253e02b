//! One operator with everything around it.

use super::guest::{Guest, Outside};
use super::{App, Disk, Log};
use std::collections::VecDeque;
use std::sync::Arc;
use weir_core::event::{DeadLetter, Event, InputEvent, KIND_INPUT, OutputEvent, PartitionId, SourcePosition};
use weir_core::id::EventId;
use weir_core::invocation::{GuestEnd, Invocation};
use weir_core::json::Json;
use weir_core::key::Key;
use weir_core::memory::{Entries, MemoryPath};
use weir_core::operator::{Command, Operator, OperatorStart, Report};
use weir_core::store::ActionStateStore;
use weir_core::store::log::Position;

/// A host in miniature.
pub struct World {
    pub app: App,
    pub operator: Operator,
    pub log: Log,
    pub disk: Disk,
    pub source: Vec<InputEvent>,
    pub waiting: VecDeque<Box<Invocation>>,
    pub timers: Vec<(Key, u64)>,
    pub outputs: Vec<OutputEvent>,
    pub outputs_taken: usize,
    pub dead_letters: Vec<DeadLetter>,
    pub dead_letters_taken: usize,
    /// Every command, as a short line.
    pub seen: Vec<String>,
    pub reports: Vec<Report>,
    pub outside: Outside,
    pub now_ms: u64,
}

impl World {
    pub fn start(app: App) -> Self {
        let operator = Operator::new(OperatorStart {
            plan: app.plan(),
            limits: Arc::new(app.limits.clone()),
            store: ActionStateStore::new(PartitionId(0), Position(0), app.limits.record_bytes_max),
            partition: PartitionId(0),
        });
        Self {
            app,
            operator,
            log: Log::default(),
            disk: Disk::default(),
            source: Vec::new(),
            waiting: VecDeque::new(),
            timers: Vec::new(),
            outputs: Vec::new(),
            outputs_taken: 0,
            dead_letters: Vec::new(),
            dead_letters_taken: 0,
            seen: Vec::new(),
            reports: Vec::new(),
            outside: Outside::default(),
            now_ms: 1_000,
        }
    }

    /// The source gives an event of kind `input`; nothing is run yet.
    pub fn send(&mut self, key: &str, payload: &str) {
        self.send_event(key, KIND_INPUT, payload, None);
    }

    pub fn send_event(&mut self, key: &str, kind: &str, payload: &str, timestamp_ms: Option<u64>) {
        let position = self.source.len() as u64;
        let input = InputEvent {
            key: Key::from(key),
            event: Event {
                id: EventId::of_input("file", &position.to_be_bytes(), payload.as_bytes()),
                kind: kind.into(),
                payload: Json::parse(payload).expect("the test writes JSON"),
            },
            position: SourcePosition(position),
            timestamp_ms,
            headers: Arc::from([]),
        };
        self.source.push(input.clone());
        self.operator.on_input_event(input, self.now_ms);
        self.take_commands();
    }

    /// The source gives an event, and all that can be run is run.
    pub fn input(&mut self, key: &str, payload: &str) {
        self.send(key, payload);
        self.run();
    }

    /// Runs invocations until none waits, and acknowledges all appends.
    pub fn run(&mut self) {
        while self.run_one() {}
        self.acknowledge_all();
    }

    /// Runs the invocation that waits longest.
    pub fn run_one(&mut self) -> bool {
        let Some(mut invocation) = self.waiting.pop_front() else { return false };
        let task = invocation.task().clone();
        let script = self.app.scripts[task.action.as_str()].clone();
        let outside = self.outside.clone();
        let mut guest = Guest { invocation: &mut invocation, outside, puts: Vec::new(), now_ms: self.now_ms };
        let ended = script(&mut guest);
        let puts = std::mem::take(&mut guest.puts);
        self.operator.on_call_puts(&task.key, invocation.id(), puts);
        let end = match ended {
            Ok(()) => Some(GuestEnd::Returned(Ok(()))),
            Err(ended) => ended.into_guest_end(),
        };
        if let Some(end) = end {
            let end = invocation.finish(end);
            self.operator.on_invocation_ended(&task.key, end, self.now_ms);
        }
        self.take_commands();
        true
    }

    /// Time passes until the next timer is due; then all that can be run is run.
    pub fn run_timer(&mut self) {
        assert!(!self.timers.is_empty(), "no timer is set");
        self.timers.sort_by_key(|(_, at)| *at);
        let (key, at) = self.timers.remove(0);
        self.now_ms = self.now_ms.max(at);
        self.operator.on_retry_due(&key, self.now_ms);
        self.take_commands();
        self.run();
    }

    pub fn take_appends(&mut self) {
        let appends = self.operator.take_appends();
        self.log.append(appends);
    }

    pub fn acknowledge_all(&mut self) {
        self.take_appends();
        while let Some(acknowledged) = self.log.acknowledge_one() {
            self.operator.on_acknowledged(acknowledged);
        }
    }

    pub fn take_commands(&mut self) {
        loop {
            let commands = self.operator.take_commands();
            if commands.is_empty() {
                break;
            }
            for command in commands {
                self.seen.push(line(&command));
                self.carry_out(command);
            }
        }
        self.take_appends();
    }

    fn carry_out(&mut self, command: Command) {
        match command {
            Command::Load(key) => {
                let entries = self.disk.of_key(&key);
                self.operator.on_key_loaded(&key, entries, self.now_ms).expect("the core loads what it wrote");
            }
            Command::Invoke(invocation) => self.waiting.push_back(invocation),
            Command::Emit(output) => self.outputs.push(output),
            Command::DeadLetter(letter) => self.dead_letters.push(*letter),
            Command::RetryAt(key, at) => self.timers.push((key, at)),
            Command::Report(report) => self.reports.push(report),
            Command::Stop(..) => {}
        }
    }

    /// The commands since the last call, each as a short line.
    pub fn take_seen(&mut self) -> Vec<String> {
        std::mem::take(&mut self.seen)
    }

    /// Outputs of the durable checkpoint and since.
    pub fn all_outputs(&self) -> Vec<OutputEvent> {
        self.disk.outputs.iter().chain(&self.outputs).cloned().collect()
    }

    pub fn all_dead_letters(&self) -> Vec<DeadLetter> {
        self.disk.dead_letters.iter().chain(&self.dead_letters).cloned().collect()
    }

    /// Payloads of the outputs of a key.
    pub fn outputs_of(&self, key: &str) -> Vec<String> {
        let outputs = self.all_outputs().into_iter().filter(|output| output.key == Key::from(key));
        outputs.map(|output| output.payload.as_str().to_owned()).collect()
    }

    /// The key's memory at a path.
    pub fn memory(&self, key: &str, path: &str) -> Option<String> {
        let report = self.operator.key_report(&Key::from(key)).expect("the key is resident");
        report.short_term.get(&MemoryPath::parse(path).expect("a path")).map(|json| json.as_str().to_owned())
    }

    pub fn is_quarantined(&self, key: &str) -> bool {
        self.operator.key_report(&Key::from(key)).expect("the key is resident").quarantined
    }

    pub fn completed_below(&self, key: &str) -> u64 {
        self.operator.key_report(&Key::from(key)).expect("the key is resident").completed_below
    }
}

fn line(command: &Command) -> String {
    match command {
        Command::Load(key) => format!("load {key}"),
        Command::Invoke(invocation) => {
            let task = invocation.task();
            format!("invoke {} {}/{} attempt {}", task.action, task.key, task.sequence_number, invocation.attempt())
        }
        Command::Emit(output) => format!("emit {} {}/{}", output.payload, output.key, output.sequence_number),
        Command::DeadLetter(letter) => format!("dead letter {} {}", letter.input.event.payload, letter.failure.kind),
        Command::RetryAt(key, at) => format!("retry {key} at {at}"),
        Command::Report(Report::AttemptFailed(_, failure, attempts, _)) => {
            format!("attempt {attempts} failed: {failure}")
        }
        Command::Report(Report::Failed(_, failure, decision)) => format!("failed, {}: {failure}", decision.as_str()),
        Command::Report(Report::Divergence(..)) => "divergence".to_owned(),
        Command::Report(Report::QueueFull(key)) => format!("queue full {key}"),
        Command::Report(Report::Unheard(kind)) => format!("unheard {}", &**kind),
        Command::Stop(..) => "stop".to_owned(),
    }
}
