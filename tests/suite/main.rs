//! The suite.

mod kill;
mod log_conformance;
