//! The suite.

mod bad_input;
mod cli;
mod component;
mod conformance;
mod deploy;
mod drain;
mod examples;
mod failure;
mod kafka;
mod kill;
mod log_conformance;
mod metrics;
mod rules;
mod sources_sinks;
mod tally;
mod tidy;
mod triage;
