//! `invocation`: where this invocation stands.

use crate::bindings::invocation::Host;
use crate::state::HostState;

impl Host for HostState {
    fn key(&mut self) -> wasmtime::Result<String> {
        Ok(self.invocation()?.task().key.to_text().into_owned())
    }

    fn key_is_text(&mut self) -> wasmtime::Result<bool> {
        Ok(self.invocation()?.task().key.is_text())
    }

    fn sequence_number(&mut self) -> wasmtime::Result<u64> {
        Ok(self.invocation()?.task().sequence_number.0)
    }

    fn source_timestamp_ms(&mut self) -> wasmtime::Result<Option<u64>> {
        Ok(self.invocation()?.task().source_timestamp_ms)
    }

    fn header(&mut self, name: String) -> wasmtime::Result<Option<String>> {
        Ok(self.invocation()?.header(&name).map(str::to_owned))
    }

    fn now_ms(&mut self) -> wasmtime::Result<u64> {
        self.job()?;
        Ok(self.now_us() / 1000)
    }

    fn random_u32(&mut self) -> wasmtime::Result<u32> {
        Ok(self.invocation()?.random_u32())
    }
}
