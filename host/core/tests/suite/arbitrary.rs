//! Anything that a stored format may hold.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use std::sync::Arc;
use weir_core::action_state::{
    ActionState, CallResult, CallStatus, Decision, DroppedInput, EmittedEvent, Failed, StateKey,
};
use weir_core::checkpoint::{Header, QueuedTask, RunRecord};
use weir_core::event::{ActionName, Event, InputEvent, SequenceNumber, SourcePosition};
use weir_core::failure::{ActionFailure, Failure, FailureClass};
use weir_core::id::{ActionId, EventId};
use weir_core::json::{Json, write_string};
use weir_core::key::Key;
use weir_core::memory::{MemoryPath, MemoryUpdate, Node};

/// Text with everything that has to be escaped somewhere.
pub fn text() -> impl Strategy<Value = String> + Clone {
    "[a-c._#?\"\\\\/\u{0}\u{1f}\n\u{7f}é\u{2028}😀\u{fffd}]{0,8}"
}

/// JSON text, as a guest may write it.
pub fn json() -> impl Strategy<Value = Json> {
    let quoted = text().prop_map(|text: String| {
        let mut json = String::new();
        write_string(&text, &mut json);
        json
    });
    let words = ["null", "true", "false", "{}", "[]", "-0", "1e999", "0.10", "\"\\ud800\"", "\"\\u00e9\\/\""];
    let leaf = prop_oneof![quoted.clone(), proptest::sample::select(words.to_vec()).prop_map(str::to_owned)];
    let nested = leaf.prop_recursive(6, 30, 4, move |inner| {
        let fields = vec((quoted.clone(), inner.clone()), 0..4).prop_map(|fields| {
            let fields: Vec<_> = fields.into_iter().map(|(name, value)| format!("{name} :\t{value}")).collect();
            format!("{{{}}}", fields.join(" ,\n"))
        });
        prop_oneof![vec(inner, 0..4).prop_map(|items| format!("[ {} ]", items.join(","))), fields]
    });
    nested.prop_map(|text: String| Json::parse(&text).expect("the strategy writes JSON"))
}

pub fn action() -> impl Strategy<Value = ActionName> {
    "[a-zé\"\\\\ ]{1,6}".prop_map(|name| ActionName::new(&name).expect("a name"))
}

pub fn event() -> impl Strategy<Value = Event> {
    (any::<[u8; 16]>(), text(), json()).prop_map(|(id, kind, payload)| Event {
        id: EventId(id),
        kind: kind.into(),
        payload,
    })
}

pub fn failure() -> impl Strategy<Value = Failure> {
    (any::<bool>(), option::of(any::<u32>()), text(), text(), option::of(json())).prop_map(
        |(retryable, retry_after_ms, kind, message, details)| Failure {
            retryable,
            retry_after_ms,
            kind,
            message,
            details,
        },
    )
}

pub fn path() -> impl Strategy<Value = MemoryPath> {
    vec("[a.\\\\\u{0}\u{1}é]{1,3}", 0..4).prop_map(|names| {
        let names: Vec<_> = names.iter().map(|name| name.replace('\\', "\\\\").replace('.', "\\.")).collect();
        MemoryPath::parse(&names.join(".")).expect("a path")
    })
}

fn updates() -> impl Strategy<Value = Vec<MemoryUpdate>> {
    let update = prop_oneof![
        (path(), json()).prop_map(|(path, json)| MemoryUpdate::Set(path, json)),
        path().prop_map(MemoryUpdate::NewObject),
        path().prop_map(MemoryUpdate::Remove),
    ];
    vec(update, 0..4)
}

pub fn call_result() -> impl Strategy<Value = CallResult> {
    let status = prop_oneof![
        any::<u64>().prop_map(|effect_ends_at_ms| CallStatus::Pending { effect_ends_at_ms }),
        json().prop_map(CallStatus::Succeeded),
        failure().prop_map(CallStatus::Failed),
    ];
    (text(), any::<[u8; 32]>(), status, any::<bool>(), any::<u64>()).prop_map(
        |(function_id, arguments_digest, status, retryable, completed_at_ms)| {
            let pending = matches!(status, CallStatus::Pending { .. });
            CallResult {
                function_id: function_id.into(),
                arguments_digest,
                status,
                retryable: retryable && !pending,
                completed_at_ms: if pending { 0 } else { completed_at_ms },
            }
        },
    )
}

fn failed() -> impl Strategy<Value = Failed> {
    use {Decision as D, FailureClass as C};
    let class = proptest::sample::select(vec![C::Retryable, C::Fatal, C::Trap, C::Limit, C::Timeout, C::Divergence]);
    let decision = proptest::sample::select(vec![D::Quarantine, D::Stop, D::Discard, D::Skip, D::Retry]);
    (any::<u32>(), class, failure(), option::of(decision), any::<u32>(), any::<u64>()).prop_map(
        |(attempts, class, failure, decision, repairs, not_before_ms)| Failed {
            attempts,
            failure: ActionFailure { class, failure },
            decision,
            repairs,
            not_before_ms,
        },
    )
}

/// A state without call results, which have records of their own.
pub fn state() -> impl Strategy<Value = ActionState> {
    let emitted =
        (event(), vec(action(), 0..3)).prop_map(|(event, matched_actions)| EmittedEvent { event, matched_actions });
    let effects = (updates(), updates(), vec(emitted, 0..3), vec(dropped(), 0..3));
    (action(), any::<u64>(), text(), option::of(event()), effects, any::<bool>(), option::of(failed())).prop_map(
        |(action, started_at_ms, component, task_event, effects, completed, failed)| {
            let (sensory_updates, short_term_updates, output_events, dropped_input) = effects;
            ActionState {
                action,
                started_at_ms,
                component: component.into(),
                task_event,
                sensory_updates,
                short_term_updates,
                output_events,
                call_results: Default::default(),
                completed,
                failed,
                dropped_input,
            }
        },
    )
}

pub fn key() -> impl Strategy<Value = Key> {
    prop_oneof![vec(any::<u8>(), 0..12), "[_#?@0-9]{0,8}".prop_map(String::into_bytes)].prop_map(Key::new)
}

pub fn state_key() -> impl Strategy<Value = StateKey> {
    (key(), any::<u64>(), any::<[u8; 16]>(), any::<[u8; 16]>()).prop_map(|(key, number, event, action)| StateKey {
        key,
        sequence_number: SequenceNumber(number),
        event: EventId(event),
        action: ActionId(action),
    })
}

pub fn input() -> impl Strategy<Value = InputEvent> {
    (key(), event(), any::<u64>(), option::of(any::<u64>()), vec((text(), text()), 0..3)).prop_map(
        |(key, event, position, timestamp_ms, headers)| InputEvent {
            key,
            event,
            position: SourcePosition(position),
            timestamp_ms,
            headers: Arc::from(headers),
        },
    )
}

pub fn run() -> impl Strategy<Value = RunRecord> {
    let roots = proptest::collection::vec((event().prop_map(|event| event.id), action()), 0..3);
    (any::<u64>(), input(), any::<u64>(), roots).prop_map(|(number, input, tasks_made, roots)| RunRecord {
        sequence_number: SequenceNumber(number),
        input,
        tasks_made,
        roots,
    })
}

pub fn queued() -> impl Strategy<Value = QueuedTask> {
    (event(), action()).prop_map(|(event, action)| QueuedTask { event, action })
}

pub fn header() -> impl Strategy<Value = Header> {
    (any::<u64>(), any::<u64>(), vec(dropped(), 0..3)).prop_map(|(next, completed_below, dropped_input)| Header {
        next,
        completed_below,
        dropped_input,
    })
}

fn dropped() -> impl Strategy<Value = DroppedInput> {
    let positions = (any::<u64>(), any::<u64>());
    positions.prop_map(|(first, last)| DroppedInput { first: SourcePosition(first), last: SourcePosition(last) })
}

pub fn node() -> impl Strategy<Value = Node> {
    prop_oneof![json().prop_map(Node::Leaf), Just(Node::EmptyObject)]
}
