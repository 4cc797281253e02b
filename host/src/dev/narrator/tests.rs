//! Blocks as people see them.

use super::*;
use std::sync::Arc;
use tracing::Level;
use weir_core::event::{ActionName, Event, SequenceNumber};
use weir_core::failure::ActionFailure;
use weir_core::id::EventId;
use weir_core::invocation::Task;
use weir_core::json::Json;
use weir_core::key::Key;

fn event(kind: &str, payload: &str) -> Event {
    Event { id: EventId::of_input("file", b"0", b""), kind: kind.into(), payload: Json::parse(payload).unwrap() }
}

fn began(invocation: u64, attempt: u32) -> Seen {
    let task = Task {
        key: Key::new("ann"),
        sequence_number: SequenceNumber(1),
        event: event("input", "{\"amount\":60}"),
        action: ActionName::new("add_up").unwrap(),
        source_timestamp_ms: None,
        headers: Arc::from([]),
    };
    Seen { invocation, step: Step::Began { task: Box::new(task), attempt } }
}

fn memory(operation: MemoryOperation, path: &str, value: Option<&str>) -> Step {
    Step::Memory { scope: Scope::ShortTerm, operation, path: path.into(), value: Ok(value.map(str::to_owned)) }
}

/// The block of one invocation that takes these steps.
fn block(attempt: u32, steps: Vec<Step>, ending: Ending) -> String {
    let mut narrator = Narrator::new(Paint::none());
    assert_eq!(narrator.see(began(7, attempt)), None);
    for step in steps {
        assert_eq!(narrator.see(Seen { invocation: 7, step }), None);
    }
    narrator.see(Seen { invocation: 7, step: ended(ending) }).expect("it has ended")
}

fn ended(ending: Ending) -> Step {
    Step::Ended { ending, took: Duration::from_micros(1_200) }
}

#[test]
fn a_block_tells_what_an_action_read_wrote_called_and_put_out() {
    let failure = Failure::fatal("fraud", "refused");
    let steps = vec![
        memory(MemoryOperation::Get, "spent", None),
        memory(MemoryOperation::Set, "spent", Some("60")),
        Step::CallBegun { position: 0, function_id: "quote".into(), arguments: "[1]".into(), known: KnownCall::New },
        Step::CallEnded { position: 0, outcome: Ok("5".into()) },
        Step::CallBegun {
            position: 1,
            function_id: "check".into(),
            arguments: "{}".into(),
            known: KnownCall::Recorded(Err(failure)),
        },
        Step::Requested {
            method: "POST".into(),
            url: "https://a.example/x".into(),
            replayed: false,
            answer: Ok((200, 34)),
        },
        Step::Logged { level: Level::INFO, line: "ann has spent\u{7} 60".into() },
    ];
    let ending = Ending::Completed(vec![event("swarm", "1"), event("output", "{\"thanks_to\":\"ann\"}")]);
    let expected = "add_up ann #1  input {\"amount\":60}
  reads   spent: nothing is there
  writes  spent = 60
  call    quote [1] → 5
  replay  check {} → fraud: refused
  request POST https://a.example/x → 200, 34 bytes
  log     INFO ann has spent\\u{7} 60
  emits   swarm 1
  output  {\"thanks_to\":\"ann\"}
  done in 1.2 ms
";
    assert_eq!(block(1, steps, ending), expected);
}

#[test]
fn a_failed_attempt_tells_how_it_failed_and_which_it_was() {
    let failed = |class| {
        let failure = Failure::fatal("http/status", "503");
        block(2, Vec::new(), Ending::Failed(ActionFailure { class, failure }))
    };
    let expected =
        "add_up ann #1 attempt 2  input {\"amount\":60}\n  failed in 1.2 ms, may be tried again: http/status: 503\n";
    assert_eq!(failed(FailureClass::Retryable), expected);
    assert!(failed(FailureClass::Trap).contains("  failed (trap) in 1.2 ms: "), "{}", failed(FailureClass::Trap));
}

#[test]
fn blocks_of_invocations_at_once_are_told_apart_and_counted() {
    let mut narrator = Narrator::new(Paint::none());
    narrator.see(began(1, 1));
    narrator.see(began(2, 1));
    narrator.see(Seen { invocation: 1, step: memory(MemoryOperation::Get, "first.path", Some("1")) });
    narrator.see(Seen { invocation: 2, step: memory(MemoryOperation::Get, "second.path", Some("2")) });
    let second = narrator.see(Seen { invocation: 2, step: ended(Ending::Completed(vec![event("output", "1")])) });
    let first = narrator.see(Seen { invocation: 1, step: ended(Ending::Interrupted) });
    assert!(second.is_some_and(|text| text.contains("second") && !text.contains("first")));
    assert!(first.is_some_and(|text| text.contains("first") && text.contains("given up")));
    assert_eq!((narrator.completed, narrator.failed, narrator.outputs), (1, 0, 1));
}

#[test]
fn what_is_long_is_cut() {
    let long = "x".repeat(10 * VALUE_CHARS_MAX);
    let steps = (0..LINES_MAX + 5).map(|_| memory(MemoryOperation::Set, "a", Some(&long))).collect();
    let text = block(1, steps, Ending::Completed(Vec::new()));
    assert!(text.contains("… and 5 lines more"), "{}", &text[text.len() - 200..]);
    assert!(text.lines().all(|line| line.chars().count() < VALUE_CHARS_MAX + 60));
}
