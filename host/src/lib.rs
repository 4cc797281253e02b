//! The host.

pub mod embedded;
pub mod settings;
