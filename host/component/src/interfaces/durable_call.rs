//! `durable-call`: side effects whose outcome survives [S12] [S13].

use super::types::{from_guest, outcome_to_guest, to_guest};
use crate::bindings::durable_call::{Begun as GuestBegun, Host, NextStep as GuestStep};
use crate::bindings::types::Failure as GuestFailure;
use crate::state::HostState;
use std::time::Duration;
use weir_core::invocation::{Begun, CallMode, NextStep};
use weir_core::json::Json;

impl HostState {
    fn begin_call(&mut self, function_id: &str, arguments: &str, mode: CallMode) -> wasmtime::Result<Begun> {
        let job = self.job()?;
        // Only a reconcilable call asks for the time.
        let now_ms = if mode == CallMode::Reconcilable { job.wall_ms() } else { 0 };
        let begun = job.invocation.begin(function_id, arguments, mode, now_ms)?;
        job.put();
        Ok(begun)
    }

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

impl Host for HostState {
    fn begin(&mut self, function_id: String, arguments: String) -> wasmtime::Result<GuestBegun> {
        Ok(begun_to_guest(self.begin_call(&function_id, &arguments, CallMode::Plain)?))
    }

    async fn begin_reconcilable(&mut self, function_id: String, arguments: String) -> wasmtime::Result<GuestBegun> {
        let begun = self.begin_call(&function_id, &arguments, CallMode::Reconcilable)?;
        if let NextStep::Reconcile { not_before_ms } = begun.step {
            self.wait_until(not_before_ms).await?;
        }
        Ok(begun_to_guest(begun))
    }

    fn complete(
        &mut self,
        position: u32,
        outcome: Result<String, GuestFailure>,
    ) -> wasmtime::Result<Option<GuestFailure>> {
        let outcome = match outcome {
            // Checked by the core, within its limit.
            Ok(text) => Ok(Json::from_checked(text)),
            Err(failure) => Err(from_guest(failure)?),
        };
        let job = self.job()?;
        let now_ms = job.wall_ms();
        let instead = job.invocation.complete(position, outcome, now_ms)?;
        job.put();
        Ok(instead.map(to_guest))
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
