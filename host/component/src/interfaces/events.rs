//! `events`: what an action emits.

use crate::bindings::events::Host;
use crate::state::HostState;

impl Host for HostState {
    fn emit(&mut self, kind: String, payload: String) -> wasmtime::Result<String> {
        let id = self.invocation()?.emit(&kind, &payload)?;
        Ok(id.as_text(&mut [0; 36]).to_owned())
    }
}
