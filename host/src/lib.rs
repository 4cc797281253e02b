//! The host: files, inbox, embedded store, command line, assemble.

pub mod application;
pub mod assemble;
pub mod beginning;
pub mod build;
pub mod cli;
pub mod clock;
pub mod control;
pub mod dev;
mod distinct;
pub mod driver;
pub mod embedded;
#[cfg(feature = "kafka")]
pub mod kafka;
pub mod logging;
mod missing;
pub mod new;
#[cfg(feature = "kafka")]
pub mod scratch;
pub mod service;
pub mod settings;
pub mod sink;
pub mod source;

/// Bytes as hexadecimal text.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
