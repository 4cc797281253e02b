//! `config`: settings that the manifest gives the component.

use crate::bindings::config::Host;
use crate::state::HostState;

impl Host for HostState {
    fn get(&mut self, name: String) -> wasmtime::Result<Option<String>> {
        Ok(self.guest.config.get(&name).cloned())
    }
}
