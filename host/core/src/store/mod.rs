//! The action-state store: put, get, prune, rebuild, recovery marker.

pub mod log;
