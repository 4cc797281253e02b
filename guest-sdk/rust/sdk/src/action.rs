//! Actions: what the macros make, and how the host's two questions are answered.

use serde::de::DeserializeOwned;
#[cfg(any(target_family = "wasm", test))]
use serde_json::json;

#[cfg(any(target_family = "wasm", test))]
use crate::host::Event;
use crate::{Context, Failure, Result};

/// A function and the event kinds it listens to. [`action`](macro@crate::action) implements it.
pub trait Action {
    /// The action's name, the same over all releases: Weir knows by it what has been done.
    const NAME: &'static str;
    /// Event kinds.
    const LISTENS_TO: &'static [&'static str];
    /// Runs the action for the context's event.
    fn invoke(ctx: &Context) -> Result;
}

/// An action as a value. [`export!`](crate::export) makes it.
#[derive(Debug, Clone, Copy)]
#[cfg_attr(not(any(target_family = "wasm", test)), allow(dead_code))]
pub struct Definition {
    name: &'static str,
    listens_to: &'static [&'static str],
    invoke: fn(&Context) -> Result,
}

impl Definition {
    /// The definition of an action.
    pub const fn of<A: Action>() -> Self {
        Self { name: A::NAME, listens_to: A::LISTENS_TO, invoke: A::invoke }
    }

    /// Stops the compiler if two actions have the same name.
    pub const fn assert_names_differ(definitions: &[Self]) {
        let mut i = 0;
        while i < definitions.len() {
            let mut j = i + 1;
            while j < definitions.len() {
                assert!(!equal(definitions[i].name, definitions[j].name), "two actions have the same name");
                j += 1;
            }
            i += 1;
        }
    }
}

const fn equal(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() != b.len() {
        return false;
    }
    let mut i = 0;
    while i < a.len() {
        if a[i] != b[i] {
            return false;
        }
        i += 1;
    }
    true
}

/// Runs a function with the payload as it wants it.
pub fn invoke_with_payload<T: DeserializeOwned>(function: impl FnOnce(T, &Context) -> Result, ctx: &Context) -> Result {
    match serde_json::from_str(&ctx.event.payload) {
        Ok(payload) => function(payload, ctx),
        Err(error) => Err(payload_mismatch(std::any::type_name::<T>(), ctx, &error)),
    }
}

fn payload_mismatch(wanted: &str, ctx: &Context, error: &serde_json::Error) -> Failure {
    let kind = &ctx.event.kind;
    Failure::fatal("payload", format!("the payload of this `{kind}` event is no {wanted}: {error}"))
}

#[cfg(any(target_family = "wasm", test))]
pub(crate) fn describe(definitions: &[Definition]) -> String {
    let actions: Vec<_> = definitions.iter().map(|a| json!({"name": a.name, "listens_to": a.listens_to})).collect();
    json!({"sdk": concat!("rust ", env!("CARGO_PKG_VERSION")), "actions": actions}).to_string()
}

#[cfg(any(target_family = "wasm", test))]
pub(crate) fn invoke(definitions: &[Definition], action: &str, event: Event) -> Result {
    match definitions.iter().find(|definition| definition.name == action) {
        Some(definition) => (definition.invoke)(&Context { event }),
        None => Err(Failure::fatal("unknown-action", format!("this component has no action `{action}`"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prelude::*;

    #[action("input", "again", name = "say-hello")]
    fn hello(name: String, _: &Context) -> Result {
        Err(Failure::fatal("heard", name))
    }

    const ACTIONS: &[Definition] = &[Definition::of::<hello>()];

    fn event(payload: &str) -> Event {
        Event { id: "e".into(), kind: "input".into(), payload: payload.into() }
    }

    #[test]
    fn describe_lists_actions_with_their_kinds() {
        let described: Value = serde_json::from_str(&describe(ACTIONS)).unwrap();
        assert_eq!(described["actions"], json!([{"name": "say-hello", "listens_to": ["input", "again"]}]));
        assert!(described["sdk"].as_str().unwrap().starts_with("rust "));
    }

    #[test]
    fn invoke_finds_the_action_and_reads_its_payload() {
        assert_eq!(invoke(ACTIONS, "say-hello", event("\"Ann\"")).unwrap_err().message(), "Ann");
        assert_eq!(invoke(ACTIONS, "hello", event("\"Ann\"")).unwrap_err().kind(), "unknown-action");
    }

    #[test]
    fn payload_of_another_type_is_a_fatal_failure_that_says_so() {
        let failure = invoke(ACTIONS, "say-hello", event("5")).unwrap_err();
        assert_eq!((failure.kind(), failure.is_retryable()), ("payload", false));
        assert!(failure.message().contains("invalid type: integer `5`, expected a string"), "{failure}");
    }
}
