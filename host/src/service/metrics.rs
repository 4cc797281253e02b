//! `/metrics` in the text format of Prometheus, and `/health`.

use super::Service;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::get;
use std::fmt::Write;
use std::sync::atomic::Ordering;

/// The routes: `GET /metrics`, `GET /health`.
pub(super) fn router(service: Service) -> Router {
    Router::new().route("/metrics", get(metrics)).route("/health", get(health)).with_state(service)
}

async fn health(State(service): State<Service>) -> impl IntoResponse {
    let shards = service.shards.orders.len();
    let alive = service.shards.orders.iter().filter(|orders| !orders.is_closed()).count();
    let status = if alive == shards { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = serde_json::json!({ "application": service.application, "shards": shards, "shards_alive": alive });
    (status, [("content-type", "application/json")], body.to_string() + "\n")
}

async fn metrics(State(service): State<Service>) -> impl IntoResponse {
    let body = render(&service).await;
    ([("content-type", "text/plain; version=0.0.4; charset=utf-8")], body)
}

async fn render(service: &Service) -> String {
    let counters = service.counters().await;
    let counts = &service.counts;
    let application = service.application.replace('\\', "\\\\").replace('"', "\\\"");
    let mut page = Page { text: String::new(), application };
    let mut metric = |name: &str, kind: &str, help: &str, value: f64| page.metric(name, kind, help, &[(None, value)]);
    let total = "counter";
    metric("input_events_total", total, "Input events taken since the start.", counters.input_events as f64);
    metric("runs_finished_total", total, "Runs that ended.", counters.runs_finished as f64);
    metric("invocations_total", total, "Invocations begun.", counters.invocations as f64);
    metric("actions_completed_total", total, "Actions that completed by running.", counters.actions_completed as f64);
    metric(
        "actions_recovered_total",
        total,
        "Completed actions that recovery found and applied without running.",
        counters.actions_recovered as f64,
    );
    metric("attempts_failed_total", total, "Attempts at actions that failed.", counters.attempts_failed as f64);
    metric("divergences_total", total, "Calls that differ from recorded ones.", counters.divergences as f64);
    metric("events_unheard_total", total, "Events that no action listens to.", counters.events_unheard as f64);
    metric("output_events_total", total, "Output events emitted.", counters.output_events as f64);
    metric("dead_letters_total", total, "Dead letters.", counters.dead_letters as f64);
    let now = "gauge";
    metric("keys_quarantined", now, "Keys that are quarantined.", counters.keys_quarantined as f64);
    metric("keys_running", now, "Keys with a run in progress.", counters.keys_running as f64);
    metric("keys_resident", now, "Keys in memory.", counters.keys_resident as f64);
    metric("pending_input_events", now, "Input events that wait for their key.", counters.pending_events as f64);
    let count = |value: &std::sync::atomic::AtomicU64| value.load(Ordering::Relaxed) as f64;
    metric("checkpoints_total", total, "Durable checkpoints.", count(&counts.completed));
    metric("checkpoint_seconds", now, "How long the last checkpoint took to write.", count(&counts.last_us) / 1e6);
    metric("outputs_durable_total", total, "Output events that are durable in the sink.", count(&counts.outputs));
    let offsets = match &service.store {
        Some(_) => vec![(None, count(&counts.source_offset))],
        None => counts.source_offsets.all().into_iter().map(|(at, offset)| (Some(at), offset as f64)).collect(),
    };
    page.metric("source_offset", now, "Position in the source by the last checkpoint.", &offsets);
    page.text
}

/// A page in the making.
struct Page {
    text: String,
    application: String,
}

impl Page {
    /// A metric with its samples, one for all or one for each partition.
    fn metric(&mut self, name: &str, kind: &str, help: &str, samples: &[(Option<u32>, f64)]) {
        let Self { text, application } = self;
        writeln!(text, "# HELP weir_{name} {help}\n# TYPE weir_{name} {kind}").expect("strings take all");
        for (partition, value) in samples {
            let partition = partition.map(|number| format!(",partition=\"{number}\"")).unwrap_or_default();
            writeln!(text, "weir_{name}{{application=\"{application}\"{partition}}} {value}")
                .expect("strings take all");
        }
    }
}
