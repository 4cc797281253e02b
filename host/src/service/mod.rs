//! What a running host offers beside its work: signals, events over HTTP, metrics and health, the control socket,
//! progress for people.

mod control;
mod metrics;
mod progress;
mod signal;

pub use control::ControlSocket;
pub use progress::{Progress, show_progress};
pub use signal::signals;

use crate::driver::{CheckpointCounts, Observation, ShardControl, ShardObservation, Shards};
use crate::embedded::Store;
use crate::settings::{Settings, Source, StoreKind};
use crate::source::{EventParser, InboxSignal, ListenState, router};
use anyhow::Context;
use std::net::SocketAddr;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use weir_core::operator::Counters;

/// What the services of a host look at. Cheap to clone.
#[derive(Clone)]
pub struct Service {
    /// The application's name.
    pub application: String,
    /// The host's store; on Kafka each shard has its own.
    pub store: Option<Store>,
    /// The ways to its shards.
    pub shards: Shards,
    /// What the coordinator counts.
    pub counts: Arc<CheckpointCounts>,
    /// Shares of the keys.
    pub partitions: u32,
}

impl Service {
    /// The host's store.
    fn store(&self) -> anyhow::Result<&Store> {
        self.store.as_ref().context("keys of a host on Kafka are asked of its topics")
    }

    /// Asks all shards; fewer answers where some are gone.
    pub async fn observe(&self, what: Observation) -> Vec<ShardObservation> {
        let mut replies = Vec::with_capacity(self.shards.orders.len());
        for orders in &self.shards.orders {
            let (sender, receiver) = oneshot::channel();
            if orders.send(ShardControl::Observe(what.clone(), sender)).await.is_ok() {
                replies.push(receiver);
            }
        }
        let mut answers = Vec::with_capacity(replies.len());
        for reply in replies {
            answers.extend(reply.await);
        }
        answers
    }

    /// Sums over all shards.
    pub async fn counters(&self) -> Counters {
        let answers = self.observe(Observation::Counters).await.into_iter();
        let counters = answers.filter_map(|answer| match answer {
            ShardObservation::Counters(counters) => Some(counters),
            _ => None,
        });
        counters.fold(Counters::default(), crate::driver::add_counters)
    }
}

/// Opens what the settings name: the address for events, the one for metrics and health, the control socket.
/// They serve until the runtime ends; of the control socket, where there is one, the end can be waited for.
pub async fn listen(
    settings: &Settings,
    service: &Service,
    signal: &Arc<InboxSignal>,
    stop: &Arc<AtomicBool>,
) -> anyhow::Result<Option<ControlSocket>> {
    if let Source::Listen(address) = settings.source.from {
        let state = ListenState {
            store: service.store.clone().expect("a host that listens for events has a store"),
            signal: signal.clone(),
            stop: stop.clone(),
            parser: EventParser::new("inbox", &settings.source, settings.limits.input_event_bytes_max),
            body_bytes_max: settings.limits.input_event_bytes_max,
            waiting: Mutex::default(),
        };
        let listener = bind("source.listen", address).await?;
        tracing::info!("events are taken at http://{}/KEY", listener.local_addr()?);
        tokio::spawn(axum::serve(listener, router(Arc::new(state))).into_future());
    }
    listen_to_metrics(settings, service).await?;
    match settings.store.kind {
        StoreKind::Embedded => Ok(Some(control::listen(&settings.store.directory, service.clone())?)),
        _ => Ok(None),
    }
}

/// Opens the address for metrics and health, where the settings name one.
pub async fn listen_to_metrics(settings: &Settings, service: &Service) -> anyhow::Result<()> {
    if let Some(address) = settings.host.listen {
        let listener = bind("host.listen", address).await?;
        tracing::info!("metrics are at http://{}/metrics", listener.local_addr()?);
        tokio::spawn(axum::serve(listener, metrics::router(service.clone())).into_future());
    }
    Ok(())
}

async fn bind(setting: &str, address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("listen on {address}: name a free address in {setting}"))
}
