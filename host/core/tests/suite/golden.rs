//! Golden bytes of each stored format: a change of one of these files is a change of a format.
//!
//! Written anew with `WEIR_BLESS=1 cargo test -p weir-core`.

use crate::harness::{json, name};
use std::sync::Arc;
use weir_core::action_state::{
    ActionState, CallResult, CallStatus, Decision, DroppedInput, EmittedEvent, Failed, RecordKey, RecordKind, StateKey,
    Writer, decode, encode_call_dropped, encode_call_result, encode_state,
};
use weir_core::checkpoint::{
    EntryKey, EntrySpace, Header, QueuedTask, RunRecord, decode_input, decode_node, encode_input, encode_node,
};
use weir_core::event::{Event, InputEvent, SequenceNumber, SourcePosition};
use weir_core::failure::{ActionFailure, Failure, FailureClass};
use weir_core::id::EventId;
use weir_core::key::Key;
use weir_core::memory::{MemoryPath, MemoryUpdate, Node, Scope};
use weir_core::ownership::{Epoch, FenceKey, PartitionRecord};
use weir_core::store::log::Position;

#[expect(clippy::disallowed_methods, reason = "golden bytes stand in files; the core itself reads none")]
fn golden(file: &str, bytes: &[u8]) {
    let path = format!("{}/../../tests/fixtures/formats/{file}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("WEIR_BLESS").is_some() {
        std::fs::write(&path, bytes).unwrap();
    }
    let stored = std::fs::read(&path).unwrap_or_else(|error| panic!("read {path}: {error}"));
    assert_eq!(String::from_utf8_lossy(&stored), String::from_utf8_lossy(bytes), "{file}");
    assert_eq!(stored, bytes, "{file}");
}

fn event(kind: &str, payload: &str) -> Event {
    Event { id: EventId::of_input("file", &7u64.to_be_bytes(), b"{}"), kind: kind.into(), payload: json(payload) }
}

fn path(text: &str) -> MemoryPath {
    MemoryPath::parse(text).unwrap()
}

fn failure() -> Failure {
    Failure {
        retryable: false,
        retry_after_ms: Some(250),
        kind: "card-declined".to_owned(),
        message: "no money: „leer“\n".to_owned(),
        details: Some(json("{\"balance\": 0}")),
    }
}

fn record(kind: RecordKind) -> RecordKey {
    let event = event("input", "1").id;
    let state =
        StateKey { key: Key::from("tenant_é"), sequence_number: SequenceNumber(42), event, action: name("pay").id() };
    RecordKey { state, kind, writer: None }
}

fn check_state(file: &str, state: ActionState) {
    golden(file, &encode_state(&state));
    assert_eq!(decode(&record(RecordKind::State), &encode_state(&state)), Ok(state), "{file}");
}

fn completed() -> ActionState {
    ActionState {
        component: Arc::from("00ff"),
        task_event: Some(event("input", "{\"amount\": 12.50}")),
        sensory_updates: vec![MemoryUpdate::Set(path("scratch"), json("null"))],
        short_term_updates: vec![
            MemoryUpdate::Set(path("order.items\\.x.count"), json("3")),
            MemoryUpdate::NewObject(path("empty")),
            MemoryUpdate::Remove(path("")),
        ],
        output_events: vec![
            EmittedEvent {
                event: event("paid", "[1,\"é\"]"),
                matched_actions: vec![name("ship"), name("thank \"you\"")],
            },
            EmittedEvent { event: event("output", "null"), matched_actions: Vec::new() },
        ],
        completed: true,
        ..ActionState::started(name("pay"), 1_518_000_000_000)
    }
}

// [S21] [P20]
#[test]
fn a_completed_state_is_stored_so() {
    check_state("action-state-completed.json", completed());
}

// [S28] [S29]
#[test]
fn a_failed_state_with_its_decision_is_stored_so() {
    let failed = Failed {
        attempts: 5,
        failure: ActionFailure { class: FailureClass::Fatal, failure: failure() },
        decision: Some(Decision::Quarantine),
        repairs: 2,
        not_before_ms: 0,
    };
    let state = ActionState {
        task_event: Some(event("input", "1")),
        failed: Some(failed),
        dropped_input: vec![
            DroppedInput { first: SourcePosition(7), last: SourcePosition(9) },
            DroppedInput { first: SourcePosition(12), last: SourcePosition(12) },
        ],
        ..ActionState::started(name("pay"), 1_518_000_000_000)
    };
    check_state("action-state-failed.json", state.clone());
    let attempt = Failed {
        attempts: 1,
        failure: ActionFailure { class: FailureClass::Retryable, failure: Failure::retryable("busy", "") },
        decision: None,
        repairs: 0,
        not_before_ms: 1_518_000_000_200,
    };
    check_state("action-state-attempt.json", ActionState { failed: Some(attempt), dropped_input: Vec::new(), ..state });
}

// [S12] [S13] [S15] [S17] [D13]
#[test]
fn call_results_are_stored_so() {
    let result = |status: CallStatus, retryable: bool| CallResult {
        function_id: Arc::from("POST https://pager/\"page\""),
        arguments_digest: std::array::from_fn(|at| at as u8),
        retryable,
        completed_at_ms: if matches!(status, CallStatus::Pending { .. }) { 0 } else { 1_518_000_000_100 },
        status,
    };
    let pending = CallStatus::Pending { effect_ends_at_ms: 1_518_000_030_000 };
    for (file, result, kind) in [
        ("call-result-pending.json", result(pending, false), RecordKind::CallPending(3)),
        (
            "call-result-succeeded.json",
            result(CallStatus::Succeeded(json("{\"status\":200}")), false),
            RecordKind::CallResult(3),
        ),
        ("call-result-null.json", result(CallStatus::Succeeded(json("null")), false), RecordKind::CallResult(3)),
        (
            "call-result-retryable.json",
            result(CallStatus::Succeeded(json("{\"status\":503}")), true),
            RecordKind::CallResult(3),
        ),
        ("call-result-failed.json", result(CallStatus::Failed(failure()), false), RecordKind::CallResult(3)),
    ] {
        let bytes = encode_call_result(&name("pay"), 1_518_000_000_000, &result);
        golden(file, &bytes);
        assert_eq!(decode(&record(kind), &bytes).unwrap().call_results.get(3), Some(&result), "{file}");
    }
}

// [S19] [P19] [D1] [D10]
#[test]
fn record_keys_are_stored_so() {
    for (file, kind) in [
        ("record-key-state.txt", RecordKind::State),
        ("record-key-call-result.txt", RecordKind::CallResult(3)),
        ("record-key-call-pending.txt", RecordKind::CallPending(3)),
    ] {
        golden(file, &record(kind).to_bytes());
        assert_eq!(RecordKey::parse(&record(kind).to_bytes()), Ok(record(kind)));
    }
}

// [S19] [S32]
#[test]
fn record_keys_and_dropped_calls_of_partitions_that_move_are_stored_so() {
    for (file, kind) in [
        ("record-key-owned-state.txt", RecordKind::State),
        ("record-key-owned-call-pending.txt", RecordKind::CallPending(3)),
        ("record-key-owned-call-dropped.txt", RecordKind::CallDropped(3)),
    ] {
        let writer = Some(Writer { epoch: Epoch(7), ordinal: 1_024 });
        let key = RecordKey { writer, ..record(kind) };
        golden(file, &key.to_bytes());
        assert_eq!(RecordKey::parse(&key.to_bytes()), Ok(key));
    }
    let bytes = encode_call_dropped(&name("pay"), 1_518_000_000_000);
    golden("call-dropped.json", &bytes);
    assert_eq!(decode(&record(RecordKind::CallDropped(3)), &bytes).unwrap().call_results.len(), 0);
}

// [S22]
#[test]
fn values_of_a_checkpoint_are_stored_so() {
    let header = Header { next: 43, completed_below: 42, dropped_input: Vec::new() };
    golden("checkpoint-header.json", &header.encode());
    assert_eq!(Header::decode(&header.encode()), Ok(header.clone()));
    let range = |first, last| DroppedInput { first: SourcePosition(first), last: SourcePosition(last) };
    let header = Header { dropped_input: vec![range(7, 9), range(12, 12)], ..header };
    golden("checkpoint-header-dropped.json", &header.encode());
    assert_eq!(Header::decode(&header.encode()), Ok(header));
    let input = InputEvent {
        key: Key::from("tenant_é"),
        event: event("quake", "{\"magnitude\": 6.4}"),
        position: SourcePosition(1_234),
        timestamp_ms: Some(1_517_940_000_000),
        headers: Arc::from([("traceparent".to_owned(), "00-\"x\"".to_owned()), ("tenant".to_owned(), String::new())]),
    };
    golden("checkpoint-pending-input.json", &encode_input(&input));
    assert_eq!(decode_input(&input.key, &encode_input(&input)), Ok(input.clone()));
    let plain = InputEvent { timestamp_ms: None, headers: Arc::from([]), ..input.clone() };
    golden("checkpoint-pending-input-plain.json", &encode_input(&plain));
    assert_eq!(decode_input(&plain.key, &encode_input(&plain)), Ok(plain));
    let roots = vec![(input.event.id, name("pay")), (input.event.id, name("ship"))];
    let run = RunRecord { sequence_number: SequenceNumber(42), input, tasks_made: 3, roots };
    golden("checkpoint-run.json", &run.encode());
    assert_eq!(RunRecord::decode(&run.input.key, &run.encode()), Ok(run));
    let task = QueuedTask { event: event("paid", "null"), action: name("ship") };
    golden("checkpoint-queued-task.json", &task.encode());
    assert_eq!(QueuedTask::decode(&task.encode()), Ok(task));
    for (file, node) in [
        ("checkpoint-memory-leaf.txt", Node::Leaf(json("{\"a\": [1, null]}"))),
        ("checkpoint-memory-empty-object.txt", Node::EmptyObject),
    ] {
        golden(file, &encode_node(&node));
        assert_eq!(decode_node(&encode_node(&node)), Ok(node));
    }
}

// [S22]
#[test]
fn names_of_entries_are_stored_so() {
    let key = Key::new(b"te_\xff");
    for (file, space, entry) in [
        ("entry-key-header.bin", EntrySpace::Header, EntryKey::Key(key.clone())),
        ("entry-key-queued.bin", EntrySpace::Queued, EntryKey::Ordinal(key.clone(), 258)),
        ("entry-key-sensory.bin", EntrySpace::Memory, EntryKey::Path(key.clone(), Scope::Sensory, path("a.b\\.c.\0d"))),
        ("entry-key-short-term.bin", EntrySpace::Memory, EntryKey::Path(key, Scope::ShortTerm, path("é"))),
    ] {
        golden(file, &entry.to_bytes());
        assert_eq!(EntryKey::parse(space, &entry.to_bytes()), Ok(entry), "{file}");
    }
}

// [S31] [S32]
#[test]
fn ownership_of_a_partition_is_stored_so() {
    let record = PartitionRecord {
        epoch: Epoch(7),
        transactional_id: "quakes-\"a\"-1".to_owned(),
        lease_ms: 1_000,
        released: false,
        source_offset: 42,
        recovery_marker: Position(17),
        marker_epoch: Epoch(6),
        partitions: 4,
    };
    golden("partition-record.json", &record.encode());
    assert_eq!(PartitionRecord::decode(&record.encode()), Ok(record));
    golden("fence-key.txt", &FenceKey(Epoch(7)).to_bytes());
    golden("fence.json", &FenceKey(Epoch(7)).value());
}
