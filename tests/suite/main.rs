//! The suite.

mod log_conformance;
