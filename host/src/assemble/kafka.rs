//! A host on Kafka: shards that share nothing, and what watches over them.

use super::{RunEnd, RunError, RunOptions};
use crate::application::{Application, Secrets};
use crate::driver::{
    CheckpointCounts, ENDS_MAX, KafkaShardStart, ORDERS_MAX, SetAsideRecords, ShardControl, ShardEnd, Shards,
    run_kafka_shard,
};
use crate::kafka::kafka_settings;
use crate::scratch::Scratch;
use crate::service::{self, Service};
use crate::settings::{OnQuarantineFull, Settings};
use crate::source::EventParser;
use anyhow::{Context, anyhow};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use weir_core::limits::{InvocationLimits, OnQueueFull, OperatorLimits};
use weir_kafka::{CommitError, KafkaSettings, RecordSizes, Topics};

/// Beside its value a record has a key, headers and what the broker adds: so much is left for them.
const RECORD_OVERHEAD_BYTES: usize = 70_000;

/// Runs an application on Kafka until it is told to stop, or fails.
pub(super) fn run(settings: &Settings, options: &RunOptions) -> Result<RunEnd, RunError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let kafka = kafka_settings(settings).map_err(RunError::of_use)?;
    let kafka = Arc::new(kafka.expect("settings of a store on Kafka are those of an application on Kafka"));
    let topics = weir_kafka::ensure(&kafka).map_err(|error| match error.is_refusal() {
        true => RunError::of_use(error),
        false => error.into(),
    })?;
    let settings = &fitting(settings, &topics);
    let application = Application::load(settings, Secrets::Read, None).map_err(RunError::Use)?;
    let counts = Arc::new(CheckpointCounts::default());
    let (ends_sender, ends) = mpsc::channel(ENDS_MAX * settings.host.shards + 1);
    let start = HostStart { settings, options, kafka, topics, counts: counts.clone(), ends: ends_sender };
    // Before there is something that a signal should not just cut off: partitions that nobody released.
    let signals = runtime.block_on(async {
        let signals = service::signals();
        tokio::task::yield_now().await;
        signals
    });
    let (shards, threads) = start.shards(application)?;
    let service = Service {
        application: settings.name.clone(),
        store: None,
        shards: shards.clone(),
        counts,
        partitions: start.topics.partitions,
    };
    drop(start);
    let ended = runtime.block_on(async {
        service::listen_to_metrics(settings, &service).await.map_err(RunError::Use)?;
        let progress = service::show_progress(settings, &service);
        let ended = watch(&shards, ends, signals, Duration::from_millis(settings.limits.drain_ms_max)).await;
        progress.finish();
        ended.map_err(|error| match error.downcast_ref() {
            Some(CommitError::Denied(_)) => RunError::Use(error),
            _ => RunError::Run(error),
        })
    });
    runtime.shutdown_background();
    drop((shards, service));
    for thread in threads {
        let _ = thread.join();
    }
    ended.map(|()| RunEnd::Stopped)
}

/// The settings, with no event larger than the topic of outputs takes: a record that it refuses would keep each checkpoint
/// from being committed, while an event over a limit only fails its action [S26].
fn fitting(settings: &Settings, topics: &Topics) -> Settings {
    let mut settings = settings.clone();
    let Some(sink) = &topics.sink else { return settings };
    let taken = sink.record_bytes_max.saturating_sub(RECORD_OVERHEAD_BYTES).max(1);
    for component in settings.components.iter_mut().filter(|component| component.limits.event_bytes_max > taken) {
        let set = component.limits.event_bytes_max;
        if set != InvocationLimits::default().event_bytes_max {
            tracing::warn!(
                "limits.event_bytes_max of {} is {taken} instead of {set}: topic {} takes no more, raise its \
                 max.message.bytes",
                component.path.display(),
                sink.name
            );
        }
        component.limits.event_bytes_max = taken;
    }
    settings
}

struct HostStart<'a> {
    settings: &'a Settings,
    options: &'a RunOptions,
    kafka: Arc<KafkaSettings>,
    topics: Topics,
    counts: Arc<CheckpointCounts>,
    ends: mpsc::Sender<ShardEnd>,
}

impl HostStart<'_> {
    fn shards(&self, application: Application) -> anyhow::Result<(Shards, Vec<JoinHandle<()>>)> {
        let Self { settings, .. } = self;
        let plan = Arc::new(application.plan.clone());
        let (host, actions) = (Arc::new(application.host), Arc::new(application.actions));
        let scratch = Scratch::make(&settings.store.directory)?;
        let limits = Arc::new(self.operator_limits());
        let set_aside = match self.options.set_aside_undecodable {
            true => SetAsideRecords::To(settings.store.directory.join("undecodable.jsonl")),
            false => SetAsideRecords::No,
        };
        let count = settings.host.shards;
        let mut shards = Shards { batches: Vec::new(), orders: Vec::new() };
        let mut threads = Vec::new();
        for index in 0..count {
            let (order_sender, orders) = mpsc::channel(ORDERS_MAX);
            shards.orders.push(order_sender);
            let parser =
                EventParser::new(&self.kafka.source_topic, &settings.source, settings.limits.input_event_bytes_max);
            let start = KafkaShardStart {
                kafka: self.kafka.clone(),
                host: host.clone(),
                actions: actions.clone(),
                plan: plan.clone(),
                limits: limits.clone(),
                scratch: scratch.clone(),
                parser: parser.fitting_into(limits.record_bytes_max),
                on_bad_event: settings.source.on_bad_event,
                partitions: self.topics.partitions,
                action_state_bytes_max: self.topics.action_state.record_bytes_max,
                committed_sizes: self.committed_sizes(),
                dead_letter_bytes_max: self.topics.dead_letter.record_bytes_max,
                reading_max: self.reading_max(),
                set_aside: set_aside.clone(),
                skip_deleted_input: self.options.skip_deleted_input,
                invocations_max: settings.limits.invocations_max.div_ceil(count),
                interval: Duration::from_millis(settings.store.checkpoint_interval_ms),
                drain: Duration::from_millis(settings.limits.drain_ms_max),
                counts: self.counts.clone(),
                orders,
                ends: self.ends.clone(),
            };
            let thread = std::thread::Builder::new().name(format!("weir-shard-{index}"));
            threads.push(thread.spawn(move || run_shard(start)).context("start a shard")?);
        }
        Ok((shards, threads))
    }

    /// What the topics of a checkpoint take. What goes to one that takes less than others is limited where it is made.
    fn committed_sizes(&self) -> RecordSizes {
        let Topics { keyed_state, sink, dead_letter, .. } = &self.topics;
        let all = [keyed_state, dead_letter].into_iter().chain(sink).map(|topic| topic.record_bytes_max);
        RecordSizes { least: all.clone().min().unwrap_or(0), most: all.max().unwrap_or(0) }
    }

    /// A reader that is slower than the cleaner may miss a tombstone.
    fn reading_max(&self) -> Duration {
        let Topics { action_state, keyed_state, .. } = &self.topics;
        Duration::from_millis(action_state.reading_ms_max.min(keyed_state.reading_ms_max))
    }

    /// What an operator may hold: no record is larger than what the topics take [S26].
    fn operator_limits(&self) -> OperatorLimits {
        let limits = &self.settings.limits.operator;
        let Topics { action_state, keyed_state, .. } = &self.topics;
        let taken = action_state.record_bytes_max.min(keyed_state.record_bytes_max);
        let taken = taken.saturating_sub(RECORD_OVERHEAD_BYTES).max(1);
        OperatorLimits {
            on_queue_full: match self.settings.host.on_quarantine_full {
                OnQuarantineFull::DeadLetter => OnQueueFull::DeadLetter,
                OnQuarantineFull::Pause => OnQueueFull::Pause,
            },
            record_bytes_max: limits.record_bytes_max.min(taken),
            ..limits.clone()
        }
    }
}

fn run_shard(start: KafkaShardStart) {
    let ends = start.ends.clone();
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.context("start a shard")?;
        tokio::task::LocalSet::new().block_on(&runtime, run_kafka_shard(start));
        // A takeover that still waits for a broker is of no use to anyone.
        runtime.shutdown_background();
        Ok(())
    };
    tell_of_failure(&ends, run);
}

/// Runs a shard. One that panics ends the host, as any that fails: the others would go on without its partitions.
fn tell_of_failure(ends: &mpsc::Sender<ShardEnd>, run: impl FnOnce() -> anyhow::Result<()>) {
    let ended = catch_unwind(AssertUnwindSafe(run));
    let ended =
        ended.unwrap_or_else(|_| Err(anyhow!("a shard panicked, as it said above: report it, and start again")));
    if let Err(error) = ended {
        drop(ends.blocking_send(ShardEnd::Failed(error)));
    }
}

/// Waits for a signal, or for the end of a shard: then all end.
async fn watch(
    shards: &Shards,
    mut ends: mpsc::Receiver<ShardEnd>,
    mut signals: mpsc::Receiver<()>,
    drain: Duration,
) -> anyhow::Result<()> {
    let why = tokio::select! {
        Some(()) = signals.recv() => None,
        end = ends.recv() => Some(end),
    };
    match why {
        None => drain_all(shards, &mut ends, drain).await,
        Some(Some(ShardEnd::PolicyStop(what))) => {
            drain_all(shards, &mut ends, drain).await?;
            Err(anyhow!(what))
        }
        Some(Some(ShardEnd::Failed(error))) => {
            for orders in &shards.orders {
                let _ = orders.send(ShardControl::Stop).await;
            }
            Err(error)
        }
        Some(Some(ShardEnd::Idle(_) | ShardEnd::CheckpointWanted) | None) => {
            Err(anyhow!("a shard ended without saying why"))
        }
    }
}

/// Every shard gives its partitions up, with a last checkpoint that says so, and leaves the group [S6].
async fn drain_all(shards: &Shards, ends: &mut mpsc::Receiver<ShardEnd>, drain: Duration) -> anyhow::Result<()> {
    let mut drained = Vec::new();
    for orders in &shards.orders {
        let (sender, receiver) = oneshot::channel();
        if orders.send(ShardControl::Drain(sender)).await.is_ok() {
            drained.push(receiver);
        }
    }
    let all = async {
        for receiver in drained {
            let _ = receiver.await;
        }
    };
    // A shard cuts open calls off by itself; what comes after is a checkpoint and the wait for it.
    let ended = tokio::select! {
        ended = tokio::time::timeout(drain + GIVE_UP_MAX, all) => ended.map_err(|_| anyhow!(
            "shards did not give their partitions up within {} s after limits.drain_ms_max: the next owner waits for \
             their leases",
            GIVE_UP_MAX.as_secs()
        )),
        error = failure(ends) => Err(error),
    };
    for orders in &shards.orders {
        let _ = orders.send(ShardControl::Stop).await;
    }
    ended
}

/// How long the last checkpoint may take.
const GIVE_UP_MAX: Duration = Duration::from_secs(60);

async fn failure(ends: &mut mpsc::Receiver<ShardEnd>) -> anyhow::Error {
    loop {
        match ends.recv().await {
            Some(ShardEnd::Failed(error)) => return error,
            Some(_) => {}
            None => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_that_panics_tells_the_host() {
        let (ends, mut told) = mpsc::channel(1);
        tell_of_failure(&ends, || panic!("a broken invariant"));
        let is_panic = |error: &anyhow::Error| error.to_string().starts_with("a shard panicked");
        assert!(matches!(told.try_recv(), Ok(ShardEnd::Failed(error)) if is_panic(&error)));
        tell_of_failure(&ends, || Ok(()));
        assert!(told.try_recv().is_err());
    }
}
