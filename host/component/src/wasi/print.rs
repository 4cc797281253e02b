//! `wasi:cli/stdout` and `stderr`: what a guest prints goes to its log.

use crate::guest_log::{GuestLog, PrintStream};
use crate::state::HostState;
use std::sync::Arc;
use wasmtime::component::Resource;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::bindings::cli::{stderr, stdout};
use wasmtime_wasi::p2::{DynOutputStream, OutputStream, Pollable, StreamResult};

/// Bytes that a guest may print at once.
const WRITE_BYTES_MAX: usize = 64 << 10;

impl HostState {
    fn printer(&mut self, stream: PrintStream) -> wasmtime::Result<Resource<DynOutputStream>> {
        let printer: DynOutputStream = Box::new(Printer { log: self.log().clone(), stream });
        Ok(self.wasi.table.push(printer)?)
    }
}

impl stdout::Host for HostState {
    fn get_stdout(&mut self) -> wasmtime::Result<Resource<DynOutputStream>> {
        self.printer(PrintStream::Stdout)
    }
}

impl stderr::Host for HostState {
    fn get_stderr(&mut self) -> wasmtime::Result<Resource<DynOutputStream>> {
        self.printer(PrintStream::Stderr)
    }
}

struct Printer {
    log: Arc<GuestLog>,
    stream: PrintStream,
}

impl OutputStream for Printer {
    fn write(&mut self, bytes: bytes::Bytes) -> StreamResult<()> {
        self.log.print(self.stream, &bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(WRITE_BYTES_MAX)
    }
}

#[async_trait]
impl Pollable for Printer {
    async fn ready(&mut self) {}
}
