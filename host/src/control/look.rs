//! What running hosts and stopped stores answer alike.

use super::protocol::{Answer, KeyName, StateSummary};
use anyhow::Context;
use std::sync::Arc;
use weir_core::action_state::{ActionState, StateKey};
use weir_core::key::Key;

/// Action states with their names.
pub type States = Vec<(StateKey, Arc<ActionState>)>;

/// The order of keys in lists: shorter ones first, then by their bytes, as the store has them.
pub type Order = (usize, Key);

/// Where a key stands in lists.
pub fn order(key: &Key) -> Order {
    (key.as_bytes().len(), key.clone())
}

/// The key of a name, where one is given.
pub fn key_of(name: Option<KeyName>) -> anyhow::Result<Option<Key>> {
    name.map(|name| name.to_key().context("the key is not percent-encoded")).transpose()
}

/// One page of action states, by key: whole keys, up to the one that makes it `limit` states.
pub fn states_page(mut states: States, after: Option<Key>, limit: usize) -> Answer {
    states.sort_by(|(a, _), (b, _)| (order(&a.key), a).cmp(&(order(&b.key), b)));
    let after = after.as_ref().map(order);
    states.retain(|(name, _)| after.as_ref().is_none_or(|after| *after < order(&name.key)));
    let mut page = Vec::new();
    let mut more = false;
    for of_key in states.chunk_by(|(a, _), (b, _)| a.key == b.key) {
        if page.len() >= limit {
            more = true;
            break;
        }
        page.extend(of_key.iter().map(|(name, state)| StateSummary::new(name, state)));
    }
    Answer::States { states: page, more }
}
