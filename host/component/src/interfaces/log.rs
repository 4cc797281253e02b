//! `log`: lines of the guest.

use crate::bindings::log::{Host, Level as GuestLevel};
use crate::state::HostState;
use tracing::Level;

impl Host for HostState {
    fn write(&mut self, level: GuestLevel, message: String) -> wasmtime::Result<()> {
        let level = match level {
            GuestLevel::Trace => Level::TRACE,
            GuestLevel::Debug => Level::DEBUG,
            GuestLevel::Info => Level::INFO,
            GuestLevel::Warn => Level::WARN,
            GuestLevel::Error => Level::ERROR,
        };
        self.log().write(level, &message);
        Ok(())
    }
}
