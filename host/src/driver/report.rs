//! What an operator reports, as log lines.

use super::unheard::warn_of;
use weir_core::operator::Report;

/// Logs a report once, where it is handled.
pub(super) fn log_report(report: &Report) {
    match report {
        Report::AttemptFailed(key, failure, attempts, wait) => {
            tracing::warn!("action state {key}: attempt {attempts} failed, next in {wait} ms: {failure}");
        }
        Report::Failed(key, failure, decision) => tracing::error!("action state {key} failed, {decision}: {failure}"),
        Report::Divergence(key, what) => tracing::warn!("action state {key} diverges: {what}"),
        Report::Unheard(kind) => warn_of(kind),
        Report::QueueFull(key) => {
            tracing::warn!("key {key}: the queue of the quarantined key is full, its input events become dead letters");
        }
    }
}
