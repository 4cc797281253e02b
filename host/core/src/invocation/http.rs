//! HTTP requests as durable calls [S36].

use super::calls::{CallMode, EndedCall, NewCall, NextStep, Outcome};
use super::{Abort, Invocation, check_size};
use crate::failure::Failure;
use crate::id::digest_of_parts;

/// What of a request names it as a call. Headers and timeout do not count.
#[derive(Clone, Copy, Debug)]
pub struct RequestSummary<'a> {
    /// Such as `POST`.
    pub method: &'a str,
    /// The whole URL.
    pub url: &'a str,
    /// Scheme, host and port of the URL.
    pub origin: &'a str,
    /// Path of the URL, with its leading slash, without the query.
    pub path: &'a str,
    /// The body's bytes.
    pub body: &'a [u8],
}

/// What to do about a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestStep {
    /// Recorded: this is its outcome.
    Replay(Outcome),
    /// It is a call of its own: send it with this id as `Idempotency-Key`, then complete.
    Execute {
        /// The call's position.
        position: u32,
        /// The call's id.
        id: String,
    },
    /// It belongs to the open call: send it.
    InOpenCall {
        /// By when it must have ended, milliseconds since 1970 UTC: the host cuts the connection then [S13].
        cut_at_ms: Option<u64>,
    },
}

/// How a request that is a call of its own ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestOutcome {
    /// `{"status","headers","text" | "base64"}`, or a failure of kind `http/<case>`.
    pub outcome: Outcome,
    /// A transport error, 408, 425, 429 or 5xx, or nothing left the host: not recorded if the attempt ends with it.
    pub counts_as_retryable: bool,
    /// Whether a byte left the host.
    pub left_host: bool,
}

impl Invocation {
    /// Begins requests that are sent together, one for `send`. Before the first of them leaves the host, the puts of
    /// [`Invocation::take_puts_before_waiting`] and all earlier ones of the key must be durable [S33].
    pub fn begin_requests(&mut self, requests: &[RequestSummary<'_>], now_ms: u64) -> Result<Vec<RequestStep>, Abort> {
        if self.calls.has_open() {
            let cut_at_ms = self.calls.on_request_leaves();
            return Ok(requests.iter().map(|_| RequestStep::InOpenCall { cut_at_ms }).collect());
        }
        self.calls.release_held();
        let batch_from = self.calls.begun() as usize;
        let mut steps = Vec::with_capacity(requests.len());
        let max = self.limits.value_bytes_max;
        for request in requests {
            let what = format_args!("send a request: its URL");
            check_size("limits.value_bytes_max", what, request.url.len(), max)?;
            let function_id = format!("{} {}{}", request.method, request.origin, request.path);
            let digest = digest_of_parts(&[request.method.as_bytes(), request.url.as_bytes(), request.body]);
            let call = NewCall {
                action: &self.task.action,
                function_id: &function_id,
                digest,
                mode: CallMode::Plain,
                batch_from,
            };
            let begun = self.calls.begin(call, now_ms)?;
            steps.push(match begun.step {
                NextStep::Replay(outcome) => RequestStep::Replay(outcome),
                NextStep::Execute => RequestStep::Execute { position: begun.position, id: begun.id },
                NextStep::Reconcile { .. } => unreachable!("a request is a plain call"),
            });
        }
        self.clock.on_call_ended(self.calls.latest_end_ms());
        Ok(steps)
    }

    /// Ends a request that is a call of its own; answers what was recorded instead, if the outcome passed a limit.
    pub fn complete_request(
        &mut self,
        position: u32,
        ended: RequestOutcome,
        now_ms: u64,
    ) -> Result<Option<Failure>, Abort> {
        if ended.left_host {
            self.calls.on_request_left(position);
        }
        let RequestOutcome { outcome, counts_as_retryable, .. } = ended;
        let instead = self.calls.complete(
            position,
            EndedCall { action: &self.task.action, outcome, counts_as_retryable },
            now_ms,
        )?;
        self.clock.on_call_ended(self.calls.latest_end_ms());
        Ok(instead)
    }
}
