//! Memory, events and where an invocation stands.

use super::{Trial, load};
use serde_json::json;
use weir_component::Grants;
use weir_core::event::SequenceNumber;
use weir_core::failure::FailureClass;
use weir_core::key::Key;
use weir_core::limits::InvocationLimits;

// [S7] [S8]
#[test]
fn an_action_reads_its_own_updates_and_hands_them_over_when_it_completes() {
    let trial = Trial::of(json!([
        {"set": ["order.count", 1]},
        {"count": "order.count"},
        {"get": "order"},
        {"fields": "order"},
        {"exists": "order.total"},
        {"sensory": {"set": ["seen", true]}},
        {"new-object": "empty"},
        {"remove": "missing"},
        {"emit": ["first", {"a": 1}]},
    ]));
    let outcome = trial.run();
    assert_eq!(outcome.seen(), json!([2, {"count": 2}, ["count"], false, false]));
    let effects = outcome.effects();
    assert_eq!(effects.short_term_updates.len(), 3);
    assert_eq!(effects.sensory_updates.len(), 1);
    let kinds: Vec<&str> = effects.events.iter().map(|event| &*event.kind).collect();
    assert_eq!(kinds, ["first", "output"]);
    assert!(outcome.puts().is_empty(), "nothing of it needs a record of its own");
}

// [S8]
#[test]
fn a_guest_gets_memory_errors_and_goes_on() {
    let trial = Trial::of(json!([
        {"set": ["a", 1]},
        {"misuse": {"set": ["a.b", "2"]}},
        {"misuse": {"get": "a..b"}},
    ]));
    let seen = trial.seen().to_string();
    assert!(seen.contains("TypeMismatch") && seen.contains("InvalidPath"), "{seen}");
}

// [S7] [S28]
#[test]
fn a_failed_action_hands_over_its_failure_whole_and_no_effect() {
    let ending = json!({"retryable-after": ["busy", "come back", 1500, {"queue": 3}]});
    let outcome = Trial::of(json!([{"set": ["a", 1]}, {"emit": ["x", 1]}, {"fail": ending}])).run();
    outcome.fails_with(FailureClass::Retryable, "come back");
    let failure = &outcome.failure().failure;
    assert_eq!((failure.kind.as_str(), failure.retry_after_ms), ("busy", Some(1500)));
    assert_eq!(failure.details.as_ref().map(|details| details.as_str()), Some("{\"queue\":3}"));
    let outcome = Trial::of(json!([{"fail": {"fatal": ["gone", "for good"]}}])).run();
    outcome.fails_with(FailureClass::Fatal, "for good");
}

// [S10] [S19]
#[test]
fn a_guest_sees_where_it_stands() {
    let component = load("probe", Grants::default(), &[("threshold", "4.5")], &InvocationLimits::default());
    let steps = json!([
        "key", "key-is-text", "sequence-number", "source-timestamp", "event-kind",
        {"header": "tenant"}, {"header": "other"}, {"config": "threshold"}, {"config": "other"},
    ]);
    let mut trial = Trial::with(component, steps);
    trial.start.task.sequence_number = SequenceNumber(u64::MAX);
    assert_eq!(
        trial.seen(),
        json!(["north", true, u64::MAX, super::STARTED_AT_MS, "input", "blue", null, "4.5", null])
    );
    trial.start.task.key = Key::new([0xff, b'a']);
    trial.start.task.source_timestamp_ms = None;
    let seen = trial.seen();
    assert_eq!((&seen[0], &seen[1], &seen[3]), (&json!("%FFa"), &json!(false), &json!(null)));
}

// [S4]
#[test]
fn events_have_the_same_ids_when_the_task_runs_again() {
    let trial = Trial::of(json!([{"emit-twice": ["x", 1]}, "event-id"]));
    let (first, again) = (trial.seen(), trial.seen());
    assert_eq!(first, again);
    assert_ne!(first[0][0], first[0][1], "two events with equal payloads are two events");
    assert_eq!(first[1], json!(trial.start.task.event.id.as_text(&mut [0; 36])));
}

#[test]
fn a_component_describes_itself() {
    let component = load("probe", Grants::default(), &[], &InvocationLimits::default());
    let description = component.describe();
    let names: Vec<_> = description.actions.iter().map(|action| action.name.as_str()).collect();
    assert_eq!(names, ["script", "first", "second"]);
    assert_eq!(description.actions[0].listens_to, ["input", "script", "again"]);
    assert!(description.sdk.starts_with("rust "), "{:?}", description.sdk);
    assert!(component.imports().iter().any(|import| import == "weir:action/memory@0.1.0"));
    assert_eq!(component.digest().len(), 64);
}
