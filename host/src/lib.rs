//! The host.

pub mod settings;
