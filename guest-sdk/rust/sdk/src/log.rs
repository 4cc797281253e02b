//! Lines to the host's log, which adds key, sequence number and action.
//!
//! `println!`, `eprintln!` and panics reach the log too.
//!
//! ```
//! # let (region, n) = ("Taiwan", 11);
//! weir_sdk::log::info!("{n} quakes at {region}");
//! ```

use crate::host::Host;
pub use crate::host::Level;

/// Writes a line of any level.
pub fn write(level: Level, message: &str) {
    Host::log(level, message);
}

#[doc(hidden)]
#[macro_export]
macro_rules! __log_trace { ($($part:tt)*) => { $crate::log::write($crate::log::Level::Trace, &::std::format!($($part)*)) } }
#[doc(hidden)]
#[macro_export]
macro_rules! __log_debug { ($($part:tt)*) => { $crate::log::write($crate::log::Level::Debug, &::std::format!($($part)*)) } }
#[doc(hidden)]
#[macro_export]
macro_rules! __log_info { ($($part:tt)*) => { $crate::log::write($crate::log::Level::Info, &::std::format!($($part)*)) } }
#[doc(hidden)]
#[macro_export]
macro_rules! __log_warn { ($($part:tt)*) => { $crate::log::write($crate::log::Level::Warn, &::std::format!($($part)*)) } }
#[doc(hidden)]
#[macro_export]
macro_rules! __log_error { ($($part:tt)*) => { $crate::log::write($crate::log::Level::Error, &::std::format!($($part)*)) } }

/// Writes a line of level debug, from a format string and its arguments.
pub use crate::__log_debug as debug;
/// Writes a line of level error, from a format string and its arguments.
pub use crate::__log_error as error;
/// Writes a line of level info, from a format string and its arguments.
pub use crate::__log_info as info;
/// Writes a line of level trace, from a format string and its arguments.
pub use crate::__log_trace as trace;
/// Writes a line of level warn, from a format string and its arguments.
pub use crate::__log_warn as warn;
