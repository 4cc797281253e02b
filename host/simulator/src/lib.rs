//! The deterministic simulator: drives the real core through histories made from a seed, with crashes, power losses,
//! aborted checkpoints, deploys, failures and repairs, and compares what is seen outside with what the contract says.
//!
//! *Invariant:* no clock, no thread, no chance but the seed: the same seed gives the same bytes.

mod application;
mod calls;
mod check;
mod cluster;
mod driver;
mod facts;
mod guest;
mod history;
mod keyed;
mod ledger;
mod log;
mod machine;
mod mistake;
mod process;
mod repairs;
mod rng;
mod scenario;
mod shrink;
mod tamper;
mod world;

pub use cluster::{ClusterMistake, ClusterScenario, Fault, FaultKind, Moment};
pub use history::{History, Outcome, first_violation};
pub use mistake::Mistake;
pub use rng::Digest;
pub use scenario::{Crash, CrashKind, Deploy, Scenario};
pub use shrink::{explain, shrink, tell};
