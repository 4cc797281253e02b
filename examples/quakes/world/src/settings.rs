use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};

use crate::interruption::Interruption;
use crate::ledger::Request;

/// Asked at each arrival whether the harness wants to step in; called with the ledger locked, so it must not read it.
pub type OnArrival = Box<dyn FnMut(&Request) -> Option<Interruption> + Send>;

/// How rough the world is to one endpoint. Rates are in thousandths of all requests and add up to at most 1,000.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Faults {
    /// The effect happens, then the connection is cut before the answer.
    pub lost_answers_per_mille: u16,
    /// The connection is cut before the effect.
    pub lost_requests_per_mille: u16,
    /// Answered 503, no effect.
    pub refusals_per_mille: u16,
    /// The effect happens, the answer comes late.
    pub delays_per_mille: u16,
    /// The longest such delay.
    pub delay_ms_max: u64,
    /// Delay of every answer, before any other.
    pub latency_ms: u64,
    /// After so many faults other than delays, requests with this content pass: a client that tries often enough gets through.
    pub per_effect_max: u32,
}

impl Faults {
    /// A world in which everything works at once.
    pub const NONE: Faults = Faults {
        lost_answers_per_mille: 0,
        lost_requests_per_mille: 0,
        refusals_per_mille: 0,
        delays_per_mille: 0,
        delay_ms_max: 0,
        latency_ms: 0,
        per_effect_max: 0,
    };

    /// A bad day: each sixth request fails in some way.
    pub const ROUGH: Faults = Faults {
        lost_answers_per_mille: 70,
        lost_requests_per_mille: 40,
        refusals_per_mille: 60,
        delays_per_mille: 200,
        delay_ms_max: 40,
        latency_ms: 5,
        per_effect_max: 2,
    };
}

/// What a world is made from.
pub struct WorldSettings {
    /// Where it listens; port 0 takes any free one.
    pub listen: SocketAddr,
    /// The same seed and the same requests meet the same faults.
    pub seed: u64,
    /// Faults of all endpoints that `faults_of` does not name.
    pub faults: Faults,
    /// Faults by endpoint (`page`, `map`, or the name of an effect).
    pub faults_of: BTreeMap<String, Faults>,
    /// The harness's chance to kill its client at a given request.
    pub on_arrival: Option<OnArrival>,
}

impl Default for WorldSettings {
    fn default() -> Self {
        WorldSettings {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            seed: 0,
            faults: Faults::NONE,
            faults_of: BTreeMap::new(),
            on_arrival: None,
        }
    }
}
