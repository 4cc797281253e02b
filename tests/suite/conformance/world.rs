//! A host in small around one guest: the core's operator, the real component host, a log in memory.

use super::case::{Case, CaseEvent};
use super::languages::Guest;
use super::log_lines::{KeepLines, Lines};
use super::outside::{Outside, Port, request_of};
use crate::component::{host, runtime};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use weir_component::{Invoker, LoadedComponent};
use weir_core::action_state::{CallPut, CallStatus};
use weir_core::event::{ActionName, Event, InputEvent, PartitionId, SequenceNumber, SourcePosition};
use weir_core::failure::Failure;
use weir_core::id::EventId;
use weir_core::invocation::{Invocation, InvocationResult};
use weir_core::json::Json;
use weir_core::key::Key;
use weir_core::limits::OperatorLimits;
use weir_core::memory::{Entries, MemoryPath};
use weir_core::operator::{Command, Operator, OperatorStart};
use weir_core::plan::{ActionPolicy, Plan, PlannedAction};
use weir_core::store::Rebuild;
use weir_core::store::log::{Acknowledged, Append, AppendKind, Position, RecordPlace, Ticket};
use weir_tests::exact::Exact;
use weir_tests::server::Asked;

const PARTITION: PartitionId = PartitionId(0);
/// Where the clock outside stands when a case begins.
const WALL_MS: u64 = 1_700_000_060_000;
/// How long a host that died is away: every effect of its has ended by then.
const AWAY_MS: u64 = 120_000;
/// An action that the plan has, and no guest.
const UNKNOWN_ACTION: &str = "nobody";

pub struct World<'w> {
    case: &'w Case,
    outside: &'w Outside,
    component: LoadedComponent,
    invoker: Invoker,
    instance_reuse: u32,
    plan: Arc<Plan>,
    operator: Operator,
    log: Log,
    port: Arc<Port>,
    lines: Lines,
    source: Vec<InputEvent>,
    waiting: VecDeque<Box<Invocation>>,
    retries: VecDeque<(Key, u64)>,
    to_record: Vec<CallPut>,
    outputs: Vec<Exact>,
    failures: Vec<Exact>,
    calls: Vec<Exact>,
}

impl<'w> World<'w> {
    /// Runs a case, and says what was seen. An instance serves so many invocations, of other cases too.
    pub fn run(guest: &Guest, outside: &'w Outside, case: &'w Case, instance_reuse: u32) -> Exact {
        outside.begin(case.answers.clone());
        let lines = Lines::default();
        let component = guest.load(outside, &case.config);
        let mut world = Self {
            plan: Arc::new(plan(&component, case)),
            component,
            invoker: host().invoker(),
            instance_reuse,
            operator: Operator::new(OperatorStart {
                plan: Arc::new(Plan::default()),
                limits: Arc::default(),
                store: Log::default().rebuild(),
                partition: PARTITION,
            }),
            log: Log::default(),
            port: Arc::new(Port::new(WALL_MS)),
            lines: lines.clone(),
            source: Vec::new(),
            waiting: VecDeque::new(),
            retries: VecDeque::new(),
            to_record: case.recorded.clone(),
            outputs: Vec::new(),
            failures: Vec::new(),
            calls: Vec::new(),
            case,
            outside,
        };
        world.start();
        tracing::subscriber::with_default(KeepLines(lines), || runtime().block_on(world.run_events()));
        world.seen()
    }

    /// The operator, from what the log holds.
    fn start(&mut self) {
        self.operator = Operator::new(OperatorStart {
            plan: self.plan.clone(),
            limits: Arc::default(),
            store: self.log.rebuild(),
            partition: PARTITION,
        });
        self.waiting.clear();
        self.retries.clear();
        self.outputs.clear();
        for input in self.source.clone() {
            self.operator.on_input_event(input, self.port.now_ms());
        }
    }

    async fn run_events(&mut self) {
        for (number, event) in self.case.events.iter().enumerate() {
            let input = input(event, number as u64);
            self.source.push(input.clone());
            self.operator.on_input_event(input, self.port.now_ms());
            self.go_on().await;
        }
    }

    async fn go_on(&mut self) {
        loop {
            self.carry_out();
            if let Some(invocation) = self.waiting.pop_front() {
                self.invoke(invocation).await;
            } else if let Some((key, at_ms)) = self.retries.pop_front() {
                self.port.pass_to(at_ms);
                self.operator.on_retry_due(&key, self.port.now_ms());
            } else {
                return;
            }
        }
    }

    fn carry_out(&mut self) {
        self.append();
        loop {
            let commands = self.operator.take_commands();
            if commands.is_empty() {
                return;
            }
            for command in commands {
                match command {
                    Command::Load(key) => {
                        let loaded = self.operator.on_key_loaded(&key, Vec::new(), self.port.now_ms());
                        loaded.expect("a key without entries is loaded");
                    }
                    Command::Invoke(invocation) => self.waiting.push_back(invocation),
                    Command::Emit(output) => self.outputs.push(exact(&output.payload)),
                    Command::RetryAt(key, at_ms) => self.retries.push_back((key, at_ms)),
                    // A failure is seen where it comes from.
                    Command::Report(_) | Command::DeadLetter(_) | Command::Stop(..) => {}
                }
            }
            self.append();
        }
    }

    async fn invoke(&mut self, invocation: Box<Invocation>) {
        let (key, id) = (invocation.task().key.clone(), invocation.id());
        if !self.to_record.is_empty() {
            let puts = std::mem::take(&mut self.to_record);
            self.operator.on_call_puts(&key, id, puts);
            return self.die();
        }
        let ended = {
            let run =
                Box::pin(self.invoker.invoke(&self.component, self.instance_reuse, invocation, self.port.clone()));
            tokio::select! {
                ended = run => Some(ended.expect("the door is open")),
                () = self.outside.killed() => None,
            }
        };
        for (key, id, puts) in self.port.take() {
            self.calls.extend(puts.iter().filter_map(call));
            self.operator.on_call_puts(&key, id, puts);
        }
        let Some(end) = ended else { return self.die() };
        self.calls.extend(end.puts.iter().filter_map(call));
        if let InvocationResult::Failed { failure, .. } = &end.result {
            let mut shown = failure_fields(&failure.failure);
            shown.push(("class".into(), Exact::text(failure.class.as_str())));
            self.failures.push(Exact::Object(shown));
        }
        self.operator.on_invocation_ended(&key, end, self.port.now_ms());
    }

    /// The host dies, and comes back later: what was handed to the log is there, and nothing else.
    fn die(&mut self) {
        self.append();
        self.port.pass_to(self.port.now_ms() + AWAY_MS);
        self.start();
    }

    fn append(&mut self) {
        for append in self.operator.take_appends() {
            let acknowledged = self.log.append(append);
            self.operator.on_acknowledged(acknowledged);
        }
    }

    fn seen(mut self) -> Exact {
        let mut requests = requests(self.outside.asked());
        if self.case.has_answers_together() {
            // Who comes first is chance.
            requests.sort_by_key(Exact::to_string);
            self.calls.sort_by_key(Exact::to_string);
        }
        let memory = self
            .operator
            .key_report(&Key::new("north"))
            .and_then(|report| report.short_term.get(&MemoryPath::root()).map(|json| exact(&json)));
        let lines = self.lines.lock().expect("no holder panics");
        let messages = self.failures.iter().filter_map(|failure| failure.get("message")?.as_text());
        let said: Vec<String> = messages.chain(lines.iter().map(|(_, text)| text.clone())).collect();
        let lines = lines.iter().map(|(level, text)| Exact::List(vec![Exact::text(level), Exact::text(text)]));
        let actions = self.component.describe().actions.iter().map(|action| {
            let kinds = action.listens_to.iter().map(|kind| Exact::text(kind)).collect();
            object([("name", Exact::text(action.name.as_str())), ("listens_to", Exact::List(kinds))])
        });
        object([
            ("outputs", Exact::List(self.outputs)),
            ("memory", memory.unwrap_or(Exact::Object(Vec::new()))),
            ("failures", Exact::List(self.failures)),
            ("log", Exact::List(lines.collect())),
            ("requests", Exact::List(requests)),
            ("calls", Exact::List(self.calls)),
            ("actions", Exact::List(actions.collect())),
            ("said", Exact::text(&said.join("\n"))),
        ])
    }
}

fn plan(component: &LoadedComponent, case: &Case) -> Plan {
    let limits = Arc::new(case.limits.clone());
    let mut policy = ActionPolicy::default();
    policy.retry.attempts = case.attempts;
    let planned = |name: ActionName, listens_to: Vec<String>| PlannedAction {
        name,
        listens_to,
        component: 0,
        component_digest: component.digest().clone(),
        policy: policy.clone(),
        limits: limits.clone(),
    };
    let actions = component.describe().actions.iter();
    let mut actions: Vec<_> = actions.map(|action| planned(action.name.clone(), action.listens_to.clone())).collect();
    let unknown = ActionName::new(UNKNOWN_ACTION).expect("it is a name");
    actions.push(planned(unknown, vec![UNKNOWN_ACTION.to_owned()]));
    Plan::new(actions).expect("a component has each action once")
}

fn input(event: &CaseEvent, number: u64) -> InputEvent {
    let payload = Json::parse(&event.payload).unwrap_or_else(|error| panic!("a payload is {error}: {}", event.payload));
    // Not of the payload, which may name the server's port: ids of calls come from it, and cases know some of them.
    let id = EventId::of_input("file", &number.to_be_bytes(), b"");
    InputEvent {
        key: event.key.clone(),
        event: Event { id, kind: event.kind.as_str().into(), payload },
        timestamp_ms: event.timestamp_ms,
        headers: event.headers.clone().into(),
        position: SourcePosition(number),
    }
}

fn object<const N: usize>(fields: [(&str, Exact); N]) -> Exact {
    Exact::Object(fields.into_iter().map(|(name, value)| (name.into(), value)).collect())
}

fn exact(json: &Json) -> Exact {
    Exact::parse(json.as_str()).expect("the core carries JSON")
}

fn failure_fields(failure: &Failure) -> Vec<(weir_tests::exact::Text, Exact)> {
    let mut fields =
        vec![("kind".into(), Exact::text(&failure.kind)), ("message".into(), Exact::text(&failure.message))];
    if let Some(wait_ms) = failure.retry_after_ms {
        fields.push(("wait_ms".into(), Exact::Number(wait_ms.to_string())));
    }
    if let Some(details) = &failure.details {
        fields.push(("details".into(), exact(details)));
    }
    fields
}

/// A record of a call.
fn call(put: &CallPut) -> Option<Exact> {
    let CallPut::Put(_, result) = put else { return None };
    let outcome = match &result.status {
        CallStatus::Pending { .. } => ("pending", Exact::Bool(true)),
        CallStatus::Succeeded(json) => ("ok", exact(json)),
        CallStatus::Failed(failure) => ("fail", {
            let mut fields = failure_fields(failure);
            fields.push(("retryable".into(), Exact::Bool(failure.retryable)));
            Exact::Object(fields)
        }),
    };
    Some(object([("function", Exact::text(&result.function_id)), outcome]))
}

/// What was asked, in the order of its coming.
fn requests(asked: Vec<Asked>) -> Vec<Exact> {
    let shown = asked.iter().map(|asked| {
        let headers = asked.headers.iter().map(|(name, value)| (name.as_str().into(), Exact::text(value)));
        let mut fields = vec![
            ("request".into(), Exact::text(request_of(asked))),
            ("headers".into(), Exact::Object(headers.collect())),
        ];
        if !asked.body.is_empty() {
            fields.push(match std::str::from_utf8(&asked.body) {
                Ok(text) => match Exact::parse(text) {
                    Ok(json) => ("json".into(), json),
                    Err(_) => ("text".into(), Exact::text(text)),
                },
                Err(_) => {
                    let bytes = asked.body.iter().map(|byte| Exact::Number(byte.to_string()));
                    ("bytes".into(), Exact::List(bytes.collect()))
                }
            });
        }
        Exact::Object(fields)
    });
    shown.collect()
}

/// One partition's log; what is appended is durable at once.
#[derive(Default)]
struct Log {
    records: BTreeMap<u64, (Vec<u8>, Vec<u8>)>,
    places: BTreeMap<Ticket, u64>,
    end: u64,
}

impl Log {
    fn append(&mut self, append: Append) -> Acknowledged {
        match append.what {
            AppendKind::Record(value) => {
                self.records.insert(self.end, (append.key.to_bytes(), value.to_vec()));
                self.places.insert(append.ticket, self.end);
                self.end += 1;
            }
            AppendKind::Tombstone(places) => {
                for place in places {
                    let position = match place {
                        RecordPlace::At(position) => position.0,
                        RecordPlace::Unacknowledged(ticket) => self.places[&ticket],
                    };
                    self.records.remove(&position).expect("a tombstone names a record that is there");
                }
            }
        }
        let position = self.places.get(&append.ticket).copied().unwrap_or(self.end);
        Acknowledged { partition: PARTITION, ticket: append.ticket, position: Position(position) }
    }

    /// The store of a host that starts.
    fn rebuild(&mut self) -> weir_core::store::ActionStateStore {
        self.places.clear();
        let record_bytes_max = OperatorLimits::default().record_bytes_max;
        let mut rebuild = Rebuild::new(PARTITION, Position(self.end), record_bytes_max);
        for (position, (key, value)) in &self.records {
            let read = rebuild.on_record(Position(*position), key, value, |_: &Key| SequenceNumber(0));
            read.expect("the core reads what it wrote");
        }
        rebuild.finish()
    }
}
