//! What an operator reports, as log lines.

use weir_core::operator::Report;

/// Logs a report once, where it is handled. Why something failed is a field of its own: `weir dev` has shown it by then.
pub(super) fn log_report(report: &Report) {
    match report {
        Report::AttemptFailed(key, failure, attempts, wait) => {
            tracing::warn!(%failure, "action state {key}: attempt {attempts} failed, next in {wait} ms");
        }
        Report::Failed(key, failure, decision) => tracing::error!(%failure, "action state {key} failed, {decision}"),
        Report::Divergence(key, what) => tracing::warn!("action state {key} diverges: {what}"),
        Report::QueueFull(key) => {
            tracing::warn!("key {key}: the queue of the quarantined key is full, its input events become dead letters");
        }
    }
}
