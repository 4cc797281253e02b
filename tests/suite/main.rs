//! The suite.

mod cli;
mod component;
mod kill;
mod log_conformance;
