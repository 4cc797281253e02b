use std::collections::BTreeSet;
use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::fault::Fault;

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It had its effect: the page was sent.
    Sent,
    /// Its idempotency key was known: no effect, the first answer again.
    Repeated,
    /// Its idempotency key was known with another body: no effect, 422.
    Conflict,
    /// Answered 503, no effect.
    Refused,
    /// Lost on its way: no effect.
    Lost,
}

/// One request that reached the world, in the order of arrival.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// From 1.
    pub number: u64,
    /// `page`, `map`, or the name of an effect.
    pub endpoint: String,
    /// The header `Idempotency-Key`.
    pub idempotency_key: Option<String>,
    /// As text; what is not UTF-8 is replaced.
    pub body: String,
    /// SHA-256 of the body's bytes, hex.
    pub body_digest: String,
    /// How many requests with this endpoint and body came before.
    pub ordinal: u32,
    /// What the world chose to do to it.
    pub fault: Fault,
    /// What became of it.
    pub outcome: Outcome,
    /// Whether its whole answer was handed to the network.
    /// Only then can the client have noted an outcome.
    pub answered: bool,
    /// How often the client had been killed when it came; see [`crate::World::note_kill`].
    pub kills_before: u32,
    /// Milliseconds since the world began.
    pub arrived_at_ms: u64,
    /// Milliseconds since the world began.
    pub answered_at_ms: Option<u64>,
}

/// One logical effect: all requests with the same endpoint and body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effect {
    /// `page`, `map`, or the name of an effect.
    pub endpoint: String,
    /// As text.
    pub body: String,
    /// How many requests arrived.
    pub requests: u32,
    /// How many different idempotency keys they had.
    pub idempotency_keys: u32,
    /// How many came without one.
    pub requests_without_key: u32,
    /// How often the effect took place: one more than once is a page too many.
    pub sent: u32,
    /// How many requests were answered completely.
    pub answered: u32,
}

/// Everything that reached the world.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// In the order of arrival.
    pub requests: Vec<Request>,
}

/// The ledger as `GET /ledger` shows it: what was counted, and what it was counted from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerPage {
    /// In the order of their first requests.
    pub effects: Vec<Effect>,
    /// In the order of arrival.
    pub requests: Vec<Request>,
}

impl Ledger {
    /// The logical effects, in the order of their first requests.
    pub fn effects(&self) -> Vec<Effect> {
        let mut effects: Vec<Effect> = Vec::new();
        let mut keys: Vec<BTreeSet<&str>> = Vec::new();
        let mut index_of: HashMap<(&str, &str), usize> = HashMap::new();
        for request in &self.requests {
            let content = (request.endpoint.as_str(), request.body_digest.as_str());
            let index = *index_of.entry(content).or_insert_with(|| {
                effects.push(Effect::begin(request));
                keys.push(BTreeSet::new());
                effects.len() - 1
            });
            let effect = &mut effects[index];
            effect.requests += 1;
            effect.sent += u32::from(request.outcome == Outcome::Sent);
            effect.answered += u32::from(request.answered);
            match &request.idempotency_key {
                Some(key) => _ = keys[index].insert(key),
                None => effect.requests_without_key += 1,
            }
        }
        for (effect, keys) in effects.iter_mut().zip(keys) {
            effect.idempotency_keys = keys.len() as u32;
        }
        effects
    }

    /// The effects of one endpoint.
    pub fn effects_of(&self, endpoint: &str) -> Vec<Effect> {
        let mut effects = self.effects();
        effects.retain(|effect| effect.endpoint == endpoint);
        effects
    }

    /// What `GET /ledger` answers.
    pub fn page(&self) -> LedgerPage {
        LedgerPage { effects: self.effects(), requests: self.requests.clone() }
    }
}

impl Effect {
    fn begin(request: &Request) -> Effect {
        Effect {
            endpoint: request.endpoint.clone(),
            body: request.body.clone(),
            requests: 0,
            idempotency_keys: 0,
            requests_without_key: 0,
            sent: 0,
            answered: 0,
        }
    }
}
