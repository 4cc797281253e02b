//! WASI 0.2 as far as toolchains import it: empty and deterministic [S10].
//!
//! Environment, arguments, standard input, file system and network are wasmtime's own, over a context that grants
//! nothing and is made only when it is asked for. Clocks, randomness, polling and printing are the invocation's.

mod clocks;
mod poll;
mod print;
mod random;

use crate::state::HostState;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use wasmtime::component::{HasSelf, Linker, ResourceTable};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

/// Resources that a guest may hold at once.
const RESOURCES_MAX: usize = 1_000;

/// Interfaces that toolchains import; the packages of WASI 0.2 that grant something stay empty.
pub(crate) const PACKAGES: [&str; 6] =
    ["wasi:cli/", "wasi:clocks/", "wasi:filesystem/", "wasi:io/", "wasi:random/", "wasi:sockets/"];

/// The WASI side of one instance.
pub(crate) struct WasiState {
    table: ResourceTable,
    context: Option<WasiCtx>,
    /// Made when a guest first asks for one: most never do.
    timers: Option<Arc<Timers>>,
    /// Clock and randomness of a component that describes itself.
    idle: u64,
}

/// What timers share with the poll that asks them.
#[derive(Debug, Default)]
struct Timers {
    now_us: AtomicU64,
    /// The earliest time that a timer waits for.
    next_us: AtomicU64,
}

impl Default for WasiState {
    fn default() -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(RESOURCES_MAX);
        Self { table, context: None, timers: None, idle: 0 }
    }
}

impl WasiView for HostState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: self.wasi.context.get_or_insert_default(), table: &mut self.wasi.table }
    }
}

impl WasiState {
    fn timers(&mut self) -> &Arc<Timers> {
        self.timers.get_or_insert_default()
    }
}

impl Timers {
    fn ask(&self, now_us: u64) {
        self.now_us.store(now_us, Ordering::Relaxed);
        self.next_us.store(u64::MAX, Ordering::Relaxed);
    }

    fn next_us(&self) -> Option<u64> {
        Some(self.next_us.load(Ordering::Relaxed)).filter(|next| *next < u64::MAX)
    }
}

pub(crate) fn add_to_linker(linker: &mut Linker<HostState>) -> wasmtime::Result<()> {
    use wasmtime_wasi::p2::bindings::{cli, clocks, random};
    use wasmtime_wasi_io::bindings::wasi::io;

    type Own = HasSelf<HostState>;
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    linker.allow_shadowing(true);
    clocks::wall_clock::add_to_linker::<_, Own>(linker, |state| state)?;
    clocks::monotonic_clock::add_to_linker::<_, Own>(linker, |state| state)?;
    random::random::add_to_linker::<_, Own>(linker, |state| state)?;
    random::insecure::add_to_linker::<_, Own>(linker, |state| state)?;
    random::insecure_seed::add_to_linker::<_, Own>(linker, |state| state)?;
    cli::stdout::add_to_linker::<_, Own>(linker, |state| state)?;
    cli::stderr::add_to_linker::<_, Own>(linker, |state| state)?;
    io::poll::add_to_linker::<_, Own>(linker, |state| state)?;
    linker.allow_shadowing(false);
    Ok(())
}
