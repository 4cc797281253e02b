//! What a component says of itself.

use serde::Deserialize;
use std::collections::BTreeSet;
use weir_core::event::ActionName;

/// The actions of a component, in declared order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// What it was written with, such as `rust 0.1.0`; empty where it does not say.
    pub sdk: String,
    /// Its actions.
    pub actions: Vec<DescribedAction>,
}

/// A named guest function and the event kinds it listens to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribedAction {
    /// Its name.
    pub name: ActionName,
    /// Kinds of events it runs for.
    pub listens_to: Vec<String>,
}

#[derive(Deserialize)]
struct GuestDescription {
    #[serde(default)]
    sdk: String,
    actions: Vec<GuestAction>,
}

#[derive(Deserialize)]
struct GuestAction {
    name: String,
    listens_to: Vec<String>,
}

impl Description {
    /// Reads what `describe` answered.
    pub(crate) fn parse(json: &str) -> Result<Self, String> {
        let read: GuestDescription = serde_json::from_str(json).map_err(|error| error.to_string())?;
        let mut names = BTreeSet::new();
        let mut actions = Vec::with_capacity(read.actions.len());
        for action in read.actions {
            let name = ActionName::new(&action.name).map_err(|error| error.to_string())?;
            if !names.insert(action.name.clone()) {
                return Err(format!("action {:?} is there twice", action.name));
            }
            let kinds: BTreeSet<&String> = action.listens_to.iter().collect();
            if kinds.len() < action.listens_to.len() {
                return Err(format!("action {:?} listens to one kind twice", action.name));
            }
            if let Some(kind) = kinds.iter().find(|kind| kind.is_empty() || kind.len() > 128) {
                return Err(format!("action {:?} listens to kind {kind:?}: 1 to 128 bytes are allowed", action.name));
            }
            actions.push(DescribedAction { name, listens_to: action.listens_to });
        }
        if actions.is_empty() {
            return Err("it has no action".to_owned());
        }
        Ok(Self { sdk: read.sdk, actions })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_fields_are_ignored_and_order_is_kept() {
        let json = r#"{"sdk":"rust 0.1.0","new":1,"actions":[{"name":"b","listens_to":["x","y"],"new":{}},{"name":"a","listens_to":[]}]}"#;
        let description = Description::parse(json).unwrap();
        assert_eq!(description.sdk, "rust 0.1.0");
        let names: Vec<_> = description.actions.iter().map(|action| action.name.as_str()).collect();
        assert_eq!(names, ["b", "a"]);
        assert_eq!(description.actions[0].listens_to, ["x", "y"]);
    }

    #[test]
    fn what_makes_no_plan_is_refused() {
        for (json, expected) in [
            ("", "EOF"),
            ("{}", "actions"),
            (r#"{"actions":[]}"#, "no action"),
            (r#"{"actions":[{"name":"","listens_to":[]}]}"#, "1 to 128"),
            (r#"{"actions":[{"name":"a","listens_to":[]},{"name":"a","listens_to":[]}]}"#, "\"a\" is there twice"),
            (r#"{"actions":[{"name":"a","listens_to":["x","x"]}]}"#, "one kind twice"),
            (r#"{"actions":[{"name":"a","listens_to":[""]}]}"#, "1 to 128"),
        ] {
            let error = Description::parse(json).unwrap_err();
            assert!(error.contains(expected), "{json}: {error}");
        }
    }
}
