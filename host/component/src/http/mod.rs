//! Outgoing HTTP: what is granted, sent, answered and recorded.

mod client;
mod gate;
mod grants;
pub(crate) mod outcome;
mod outgoing;
mod race;

pub(crate) use client::{HttpClient, Reply, TlsRoots};
pub use gate::EffectGate;
pub(crate) use grants::GrantedOrigins;
pub use grants::{GrantError, HttpGrant};
pub(crate) use outgoing::Outgoing;
pub(crate) use race::Race;
