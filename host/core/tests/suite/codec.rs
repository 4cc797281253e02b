//! Stored formats: what is written is read back, and nothing that is read makes the host panic.

use crate::arbitrary;
use crate::harness::json;
use proptest::prelude::*;
use weir_core::action_state::{
    ActionState, CallResult, CallResults, CallStatus, DecodeError, RecordKey, RecordKind, StateKey, decode,
    encode_call_result, encode_state,
};
use weir_core::checkpoint::{
    EntryKey, EntrySpace, Header, QueuedTask, RunRecord, decode_input, decode_node, encode_input, encode_node,
};
use weir_core::event::SequenceNumber;
use weir_core::id::{ActionId, EventId};
use weir_core::json::Json;
use weir_core::key::Key;
use weir_core::memory::{Node, Scope};

fn record(kind: RecordKind) -> RecordKey {
    let state = StateKey {
        key: "k".into(),
        sequence_number: SequenceNumber(0),
        event: EventId([0; 16]),
        action: ActionId([0; 16]),
    };
    RecordKey { state, kind, writer: None }
}

fn read(text: &str) -> Result<ActionState, DecodeError> {
    decode(&record(RecordKind::State), text.as_bytes())
}

proptest! {
    // [P20] [D13]
    #[test]
    fn every_action_state_reads_back_as_it_was(state in arbitrary::state()) {
        prop_assert_eq!(decode(&record(RecordKind::State), &encode_state(&state)), Ok(state));
    }

    // [P20] [S17] [D13]
    #[test]
    fn every_call_result_reads_back_as_it_was(
        result in arbitrary::call_result(),
        action in arbitrary::action(),
        started_at_ms: u64,
        position: u32,
    ) {
        let kind = if result.is_pending() { RecordKind::CallPending(position) } else { RecordKind::CallResult(position) };
        let read = decode(&record(kind), &encode_call_result(&action, started_at_ms, &result)).unwrap();
        prop_assert_eq!(read.call_results, CallResults::from_iter([(position, result)]));
        prop_assert_eq!((read.action, read.started_at_ms), (action, started_at_ms));
    }

    // [S19] [P19]
    #[test]
    fn every_record_key_parses_back(state in arbitrary::state_key(), position: u32) {
        for kind in [RecordKind::State, RecordKind::CallResult(position), RecordKind::CallPending(position)] {
            let record = RecordKey { state: state.clone(), kind, writer: None };
            prop_assert_eq!(RecordKey::parse(&record.to_bytes()), Ok(record));
        }
        let name = RecordKey { state: state.clone(), kind: RecordKind::State, writer: None }.to_bytes();
        prop_assert_eq!(StateKey::parse(&name), Ok(state));
    }

    // [S22] [P20]
    #[test]
    fn every_value_of_a_checkpoint_reads_back_as_it_was(
        header in arbitrary::header(),
        run in arbitrary::run(),
        task in arbitrary::queued(),
        input in arbitrary::input(),
        node in arbitrary::node(),
    ) {
        prop_assert_eq!(Header::decode(&header.encode()), Ok(header));
        prop_assert_eq!(RunRecord::decode(&run.input.key, &run.encode()), Ok(run));
        prop_assert_eq!(QueuedTask::decode(&task.encode()), Ok(task));
        prop_assert_eq!(decode_input(&input.key, &encode_input(&input)), Ok(input));
        prop_assert_eq!(decode_node(&encode_node(&node)), Ok(node));
    }

    // [S22]
    #[test]
    fn every_entry_key_parses_back_and_starts_with_the_prefix_of_its_key(
        key in arbitrary::key(),
        path in arbitrary::path(),
        ordinal: u64,
    ) {
        let names = [
            (EntrySpace::Header, EntryKey::Key(key.clone())),
            (EntrySpace::Quarantined, EntryKey::Key(key.clone())),
            (EntrySpace::Queued, EntryKey::Ordinal(key.clone(), ordinal)),
            (EntrySpace::Pending, EntryKey::Ordinal(key.clone(), ordinal)),
            (EntrySpace::Memory, EntryKey::Path(key.clone(), Scope::Sensory, path.clone())),
            (EntrySpace::Memory, EntryKey::Path(key.clone(), Scope::ShortTerm, path)),
        ];
        for (space, name) in names {
            prop_assert!(name.to_bytes().starts_with(&EntryKey::prefix(&key)));
            prop_assert_eq!(name.key(), &key);
            prop_assert_eq!(EntryKey::parse(space, &name.to_bytes()), Ok(name));
        }
    }

    // [S27]
    #[test]
    fn malformed_records_are_errors_and_never_panics(
        state in arbitrary::state(),
        result in arbitrary::call_result(),
        cut in 0.0..1.0f64,
        byte: u8,
    ) {
        let calls = encode_call_result(&state.action, 0, &result);
        let inputs = [encode_state(&state), calls];
        for good in inputs {
            let at = (good.len() as f64 * cut) as usize;
            let mut changed = good.clone();
            changed[at] = byte;
            for kind in [RecordKind::State, RecordKind::CallResult(1), RecordKind::CallPending(1)] {
                prop_assert!(decode(&record(kind), &good[..at]).is_err());
                let _ = decode(&record(kind), &changed);
            }
        }
    }

    #[test]
    fn malformed_entries_are_errors_and_never_panics(
        run in arbitrary::run(),
        task in arbitrary::queued(),
        node in arbitrary::node(),
        cut in 0.0..1.0f64,
        byte: u8,
        bytes in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        let key = run.input.key.clone();
        let values = [run.encode(), task.encode(), encode_input(&run.input), encode_node(&node), Header::default().encode(), bytes];
        for good in values {
            let at = ((good.len() as f64 * cut) as usize).min(good.len().saturating_sub(1));
            let mut changed = good.clone();
            changed.iter_mut().skip(at).take(1).for_each(|changed| *changed = byte);
            for bytes in [&good[..at], &changed, &good] {
                let _ = (Header::decode(bytes), RunRecord::decode(&key, bytes), QueuedTask::decode(bytes));
                let _ = (decode_input(&key, bytes), decode_node(bytes));
                let _ = EntrySpace::ALL.map(|space| EntryKey::parse(space, bytes).is_ok());
            }
        }
    }
}

// [P20]
#[test]
fn large_payloads_and_deep_nesting_read_back() {
    let large = json(&format!("\"{}\"", "é😀".repeat(300_000)));
    let deep = json(&format!("{}{}", "[".repeat(256), "]".repeat(256)));
    for payload in [large, deep] {
        let mut state = ActionState::started(crate::harness::name("a"), 1);
        state.task_event =
            Some(weir_core::event::Event { id: EventId([3; 16]), kind: "input".into(), payload: payload.clone() });
        assert_eq!(decode(&record(RecordKind::State), &encode_state(&state)), Ok(state));
        assert_eq!(decode_node(&encode_node(&Node::Leaf(payload.clone()))), Ok(Node::Leaf(payload)));
    }
}

// [P20]: white space around a payload would not survive its record, so it is left out at once.
#[test]
fn white_space_around_json_is_left_out_before_and_after_a_restart() {
    assert_eq!(Json::parse(" \t\r\n[ 1 ] \n").unwrap().as_str(), "[ 1 ]");
}

// [D19]: nothing in a state's own record is about calls.
#[test]
fn call_results_are_not_in_the_record_of_the_state() {
    let mut state = ActionState::started(crate::harness::name("a"), 1);
    let without = encode_state(&state);
    let result = CallResult {
        function_id: "f".into(),
        arguments_digest: [0; 32],
        status: CallStatus::Succeeded(Json::null()),
        retryable: false,
        completed_at_ms: 1,
    };
    state.call_results.insert(0, result);
    assert_eq!(encode_state(&state), without);
}

#[test]
fn unknown_fields_of_this_version_are_ignored_and_of_a_newer_one_are_an_error_at_any_depth() {
    let event = "{\"id\":\"00000000-0000-0000-0000-000000000000\",\"kind\":\"k\",\"payload\":{\"free\":1}EXTRA}";
    let failure = "{\"retryable\":false,\"kind\":\"k\",\"message\":\"m\",\"details\":{\"free\":1}EXTRA}";
    let failed = format!("{{\"attempts\":1,\"class\":\"trap\",\"failure\":{failure}}}");
    let places = [
        "\"completed\":falseEXTRA".to_owned(),
        format!("\"taskEvent\":{event}"),
        format!("\"outputEvents\":[{event}]"),
        "\"sensoryMemoryUpdates\":[{\"op\":\"set\",\"path\":\"a\",\"value\":{\"free\":1}EXTRA}]".to_owned(),
        "\"shortTermMemoryUpdates\":[{\"op\":\"remove\",\"path\":\"a\"EXTRA}]".to_owned(),
        format!("\"failed\":{failed}"),
        "\"failed\":{\"attempts\":1,\"class\":\"trap\",\"failure\":{\"retryable\":false,\"kind\":\"k\",\"message\":\"m\"}EXTRA}".to_owned(),
    ];
    for place in places {
        let with = |version: u32, extra: &str| {
            let body = place.replace("EXTRA", extra);
            read(&format!("{{\"version\":{version},\"action\":\"a\",\"startedAtMs\":1,{body}}}"))
        };
        let plain = with(1, "").unwrap();
        assert_eq!(with(1, ",\"new\":[1]"), Ok(plain.clone()), "{place}");
        assert_eq!(with(2, ""), Ok(plain), "{place}");
        let error = with(2, ",\"new\":[1]").unwrap_err().to_string();
        assert!(error.contains("unknown field \"new\"") && error.contains("upgrade"), "{error}");
    }
    let call = "{\"version\":VERSION,\"action\":\"a\",\"startedAtMs\":1,\"callResults\":[{\"functionId\":\"f\",\"argsDigest\":\"DIGEST\",\"status\":\"FAILED\",\"exceptionPayload\":{\"retryable\":false,\"kind\":\"k\",\"message\":\"m\"INNER}OUTER}]}"
        .replace("DIGEST", &"0".repeat(64));
    for (inner, outer) in [(",\"new\":1", ""), ("", ",\"new\":1")] {
        let text = call.replace("INNER", inner).replace("OUTER", outer);
        let key = record(RecordKind::CallResult(0));
        assert!(decode(&key, text.replace("VERSION", "1").as_bytes()).is_ok());
        assert!(decode(&key, text.replace("VERSION", "2").as_bytes()).is_err());
    }
}

#[test]
fn a_newer_record_that_can_not_be_read_says_that_it_is_newer() {
    let error = read("{\"version\":3,\"entirely\":\"different\"}").unwrap_err().to_string();
    assert!(error.contains("version 3 is newer than 1: upgrade"), "{error}");
    for (what, error) in [
        ("header", Header::decode(b"{\"version\":2,\"next\":1,\"completedBelow\":1}").unwrap_err()),
        ("pending", decode_input(&Key::from("k"), b"{\"version\":2,\"input\":{\"event\":{\"id\":\"00000000-0000-0000-0000-000000000000\",\"kind\":\"k\",\"payload\":1},\"position\":1}}").unwrap_err()),
    ] {
        assert!(error.to_string().contains("version 2 is newer than 1: upgrade"), "{what}: {error}");
    }
}

// [S27]
#[test]
fn records_that_say_what_can_not_be_are_errors() {
    let good = |body: &str| format!("{{\"version\":1,\"action\":\"a\",\"startedAtMs\":1{body}}}");
    assert!(read(&good("")).is_ok());
    for bad in [
        "{}".to_owned(),
        good("").replace("\"a\"", "\"\""),
        good(",\"taskEvent\":{\"id\":\"x\",\"kind\":\"k\",\"payload\":1}"),
        good(",\"sensoryMemoryUpdates\":[{\"op\":\"set\",\"path\":\"a\"}]"),
        good(",\"sensoryMemoryUpdates\":[{\"op\":\"remove\",\"path\":\"a\",\"value\":1}]"),
        good(",\"sensoryMemoryUpdates\":[{\"op\":\"new-object\",\"path\":\"a\",\"value\":null}]"),
        good(",\"sensoryMemoryUpdates\":[{\"op\":\"other\",\"path\":\"a\"}]"),
        good(",\"sensoryMemoryUpdates\":[{\"op\":\"remove\",\"path\":\"a..b\"}]"),
        good(
            ",\"failed\":{\"attempts\":1,\"class\":\"other\",\"failure\":{\"retryable\":false,\"kind\":\"k\",\"message\":\"m\"}}",
        ),
        good(
            ",\"failed\":{\"attempts\":1,\"class\":\"trap\",\"decision\":\"other\",\"failure\":{\"retryable\":false,\"kind\":\"k\",\"message\":\"m\"}}",
        ),
        good(
            ",\"callResults\":[{\"functionId\":\"f\",\"argsDigest\":\"00\",\"status\":\"PENDING\",\"effectEndsAtMs\":1}]",
        ),
    ] {
        assert!(read(&bad).is_err(), "{bad}");
    }
    let digest = "0".repeat(64);
    let call = |rest: &str| {
        let calls = format!(",\"callResults\":[{{\"functionId\":\"f\",\"argsDigest\":\"{digest}\",{rest}}}]");
        decode(&record(RecordKind::CallResult(0)), good(&calls).as_bytes())
    };
    assert!(call("\"status\":\"SUCCEEDED\",\"resultPayload\":null").is_ok());
    for bad in [
        "\"status\":\"SUCCEEDED\"",
        "\"status\":\"FAILED\"",
        "\"status\":\"PENDING\"",
        "\"status\":\"OTHER\",\"resultPayload\":1",
        "\"status\":\"PENDING\",\"effectEndsAtMs\":1,\"resultPayload\":1",
    ] {
        assert!(call(bad).is_err(), "{bad}");
    }
    let none = decode(&record(RecordKind::CallResult(0)), good("").as_bytes());
    assert!(none.unwrap_err().to_string().contains("0 call results"));
    let odd = call("\"status\":\"SUCCEEDED\",\"resultPayload\":1").unwrap();
    assert_eq!(odd.call_results.len(), 1);
    let text = good(&format!(
        ",\"callResults\":[{{\"functionId\":\"f\",\"argsDigest\":\"{}g\",\"status\":\"SUCCEEDED\",\"resultPayload\":1}}]",
        "0".repeat(63)
    ));
    assert!(decode(&record(RecordKind::CallResult(0)), text.as_bytes()).is_err());
}
