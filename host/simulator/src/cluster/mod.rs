//! Several hosts that share the partitions of a topic out, over simulated brokers.
//!
//! Each host drives the same core as the one machine: operator, guests and ledger are the same. What it owns it takes over
//! by the core's machine, step by step, each step between those of the others. Hosts are killed, stand still, lose their
//! connection, are given up by the group though they live; what they had sent arrives late, or never.
//!
//! | file | what it is |
//! |---|---|
//! | `topic` | the action-state topic: compacted at any moment, records of fenced owners arrive |
//! | `changelog`, `broker` | keyed state in transactions; transactional ids, producer epochs, offsets |
//! | `group`, `membership` | generations, members, what their clients learn and when their hosts look |
//! | `takeover`, `checkpoint`, `network`, `work` | what a host does |
//! | `faults`, `scenario` | what goes wrong, and in the midst of what |
//!
//! *Invariant:* hosts share nothing but the brokers and the world outside; of their clocks only durations count.

mod broker;
mod changelog;
mod check;
mod checkpoint;
mod faults;
mod group;
mod history;
mod host;
mod membership;
mod mistake;
mod network;
mod run;
mod scenario;
mod shrink;
mod steps;
mod takeover;
mod tamper;
mod topic;
mod work;

pub use mistake::ClusterMistake;
pub use scenario::{ClusterScenario, Fault, FaultKind, Moment};
