//! `durable-call`: side effects whose outcome survives [S12] [S13].

use super::types::{from_guest, outcome_to_guest, to_guest};
use crate::bindings::durable_call::{Begun as GuestBegun, NextStep as GuestStep};
use crate::bindings::types::Failure as GuestFailure;
use crate::state::{HostState, Job, with_job};
use crate::watch::{KnownCall, Step};
use std::time::Duration;
use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, WasmStr};
use weir_core::invocation::{Begun, CallMode, NextStep};
use weir_core::json::Json;

type Store<'a> = StoreContextMut<'a, HostState>;

pub(super) fn add_to_linker(linker: &mut Linker<HostState>) -> wasmtime::Result<()> {
    let mut calls = linker.instance("weir:action/durable-call@0.1.0")?;
    calls.func_wrap("begin", begin)?;
    calls.func_wrap_async("begin-reconcilable", |store, (function_id, arguments): (String, String)| {
        Box::new(begin_reconcilable(store, function_id, arguments))
    })?;
    calls.func_wrap("complete", complete)
}

fn begin(mut store: Store<'_>, (function_id, arguments): (WasmStr, WasmStr)) -> wasmtime::Result<(GuestBegun,)> {
    with_job(&mut store, |job, store| {
        let begun = job.begin_call(&function_id.to_str(store)?, &arguments.to_str(store)?, CallMode::Plain)?;
        Ok((begun_to_guest(begun),))
    })
}

async fn begin_reconcilable(
    mut store: Store<'_>,
    function_id: String,
    arguments: String,
) -> wasmtime::Result<(GuestBegun,)> {
    let state = store.data_mut();
    let begun = state.job()?.begin_call(&function_id, &arguments, CallMode::Reconcilable)?;
    if let NextStep::Reconcile { not_before_ms } = begun.step {
        state.wait_until(not_before_ms).await?;
    }
    Ok((begun_to_guest(begun),))
}

fn complete(
    mut store: Store<'_>,
    (position, outcome): (u32, Result<WasmStr, GuestFailure>),
) -> wasmtime::Result<(Option<GuestFailure>,)> {
    with_job(&mut store, |job, store| {
        let outcome = match outcome {
            // Checked by the core, within its limit.
            Ok(text) => Ok(Json::from_checked(&*text.to_str(store)?)),
            Err(failure) => Err(from_guest(failure)?),
        };
        let now_ms = job.wall_ms();
        let told = job.watch.as_ref().map(|watch| watch.outcome(&outcome));
        let instead = job.invocation.complete(position, outcome, now_ms)?;
        if let Some(outcome) = told {
            let outcome = instead.clone().map_or(outcome, Err);
            job.watch(|_| Step::CallEnded { position, outcome });
        }
        job.put();
        Ok((instead.map(to_guest),))
    })
}

impl Job {
    fn begin_call(&mut self, function_id: &str, arguments: &str, mode: CallMode) -> wasmtime::Result<Begun> {
        // Only a reconcilable call asks for the time.
        let now_ms = if mode == CallMode::Reconcilable { self.wall_ms() } else { 0 };
        let begun = self.invocation.begin(function_id, arguments, mode, now_ms)?;
        self.watch(|watch| Step::CallBegun {
            position: begun.position,
            function_id: watch.text(function_id),
            arguments: watch.text(arguments),
            known: match &begun.step {
                NextStep::Execute => KnownCall::New,
                NextStep::Replay(outcome) => KnownCall::Recorded(watch.outcome(outcome)),
                NextStep::Reconcile { .. } => KnownCall::CutOff,
            },
        });
        self.put();
        Ok(begun)
    }
}

impl HostState {
    /// Waits until a cut-off effect has ended: its reconciler must not ask while it is on its way.
    async fn wait_until(&mut self, time_ms: u64) -> wasmtime::Result<()> {
        loop {
            let now_ms = self.job()?.wall_ms();
            if now_ms >= time_ms {
                return Ok(());
            }
            self.sleep(Duration::from_millis(time_ms - now_ms)).await;
        }
    }
}

fn begun_to_guest(begun: Begun) -> GuestBegun {
    let step = match begun.step {
        NextStep::Execute => GuestStep::Execute,
        NextStep::Replay(outcome) => GuestStep::Replay(outcome_to_guest(outcome)),
        NextStep::Reconcile { .. } => GuestStep::Reconcile,
    };
    GuestBegun { position: begun.position, id: begun.id, step }
}
