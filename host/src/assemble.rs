//! Settings are data, what runs is objects: here the first become the second. The one file that names the backends.

#[cfg(feature = "kafka")]
mod kafka;

mod check;
mod end;

pub use end::{RunEnd, RunError};

use crate::application::{Application, Secrets};
use crate::distinct::check_files;
use crate::driver::{
    CheckpointCounts, Coordinator, CoordinatorStart, Outcome, Recovery, SetAsideRecords, Shard, ShardControl, ShardEnd,
    ShardStart, Shards, Sinks, value_names,
};
use crate::embedded::{CheckpointRecord, EmbeddedStore, MemoryStore, Store, StoreLog, StoreSettings};
use crate::service::{self, Service};
use crate::settings::{DeadLetters, OnQuarantineFull, Settings, Source, StoreKind};
use crate::sink::{FileSink, Lines, Sink};
use crate::source::{
    Batch, Consumed, EventParser, FileSource, InboxContent, InboxSignal, InboxSource, Reader, SourceKind, StdinFeed,
};
use anyhow::{Context, anyhow};
use check::{check_sink_folders, check_source, check_source_file, check_source_key};
use std::io::BufReader;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use tokio::sync::mpsc;
use weir_component::Watcher;
use weir_core::event::PartitionId;
use weir_core::key::Key;
use weir_core::limits::{OnQueueFull, OperatorLimits};
use weir_core::operator::Operator;
use weir_core::plan::Plan;

/// Shares of the keys; fixed when a store is made [S20].
pub const PARTITIONS: u32 = 64;

/// What settings say wherever they are read.
const ON_KAFKA: &str = "source, sink and dead letters are on Kafka where the store is, and only there";

/// What `weir run` is told beside the settings.
#[derive(Clone, Debug, Default)]
pub struct RunOptions {
    /// Put action-state records that can't be decoded into a file beside the store, and go on [S27].
    pub set_aside_undecodable: bool,
    /// On Kafka: go on without input events that were deleted before they were read.
    pub skip_deleted_input: bool,
    /// Told what actions do, where somebody watches.
    pub watcher: Option<Watcher>,
}

/// Runs an application until its source is at its end, it is told to stop, or it fails.
pub fn run(settings: &Settings, options: &RunOptions) -> Result<RunEnd, RunError> {
    match settings.store.kind {
        StoreKind::Kafka => run_on_kafka(settings, options),
        StoreKind::Embedded | StoreKind::Memory => run_here(settings, options),
    }
}

/// Runs an application whose source, store and sink are Kafka.
#[cfg(feature = "kafka")]
fn run_on_kafka(settings: &Settings, options: &RunOptions) -> Result<RunEnd, RunError> {
    kafka::run(settings, options)
}

#[cfg(not(feature = "kafka"))]
fn run_on_kafka(_: &Settings, _: &RunOptions) -> Result<RunEnd, RunError> {
    unreachable!("settings for Kafka are refused by a build without it")
}

/// Runs an application whose store is this machine's.
fn run_here(settings: &Settings, options: &RunOptions) -> Result<RunEnd, RunError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    check_files(settings).map_err(RunError::Use)?;
    check_source_file(settings)?;
    check_sink_folders(settings)?;
    let application = Application::load(settings, Secrets::Read, options.watcher.clone()).map_err(RunError::Use)?;
    let store = open_store(settings)?;
    let record = store.read_checkpoint()?;
    check_source(settings, record.as_ref()).map_err(RunError::Use)?;
    let sinks = open_sinks(settings, record.as_ref()).map_err(RunError::Use)?;
    let stop = Arc::new(AtomicBool::new(false));
    let signal = Arc::new(InboxSignal::default());

    let plan = Arc::new(application.plan.clone());
    let shard_threads = start_shards(settings, options, application, &plan, &store, record.as_ref())?;
    let ShardThreads { shards, ends, ends_sender, offset, threads } = shard_threads;
    let reader = open_reader(settings, &store, record.as_ref(), offset, &signal, &stop)?;
    if let Source::Stdin = settings.source.from {
        start_stdin(settings, &store, &signal, &stop, ends_sender.clone())?;
    }
    let counts = Arc::new(CheckpointCounts::default());
    let service = Service {
        application: settings.name.clone(),
        store: Some(store.clone()),
        shards: shards.clone(),
        counts: counts.clone(),
        partitions: PARTITIONS,
    };
    let ended = runtime.block_on(async {
        let signals = service::signals();
        let control = service::listen(settings, &service, &signal, &stop).await.map_err(RunError::Use)?;
        let start = CoordinatorStart {
            store,
            shards: shards.clone(),
            ends,
            reader,
            stop,
            sinks,
            source: source_kind(settings),
            source_key: settings.source.key.as_ref().map(ToString::to_string),
            record,
            interval: Duration::from_millis(settings.store.checkpoint_interval_ms),
            drain: Duration::from_millis(settings.limits.drain_ms_max),
            counts,
        };
        // Who watches sees how far it is.
        let progress = options.watcher.is_none().then(|| service::show_progress(settings, &service));
        let outcome = Coordinator::run(start, signals).await.map_err(RunError::Run);
        if let Some(progress) = progress {
            progress.finish();
        }
        if let Some(control) = control {
            control.finish().await;
        }
        outcome
    });
    runtime.shutdown_background();
    drop((shards, service));
    let quarantined: u64 = threads.into_iter().map(|thread| thread.join().unwrap_or(0)).sum();
    match ended? {
        Outcome::Stopped => Ok(RunEnd::Stopped),
        Outcome::End if quarantined > 0 => Ok(RunEnd::Quarantined(quarantined)),
        Outcome::End => Ok(RunEnd::Done),
    }
}

/// Opens the store that the settings name.
pub fn open_store(settings: &Settings) -> Result<Store, RunError> {
    let limits = &settings.limits;
    let store_settings = StoreSettings {
        partitions: PARTITIONS,
        inbox_events_max: limits.inbox_events_max as u64,
        inbox_bytes_max: limits.inbox_bytes_max,
        inbox_idempotency_ms: limits.inbox_idempotency_ms,
    };
    match settings.store.kind {
        StoreKind::Kafka => Err(RunError::Use(anyhow!(
            "store.kind is \"kafka\": what it holds is asked of a running host, there is no store here to open"
        ))),
        StoreKind::Memory => Ok(Store::Memory(MemoryStore::new(store_settings))),
        StoreKind::Embedded => match EmbeddedStore::open(&settings.store.directory, &settings.name, store_settings) {
            Ok(store) => Ok(Store::Embedded(store)),
            Err(error) if error.is_refusal() => Err(RunError::of_use(error)),
            Err(error) => Err(RunError::Run(error.into())),
        },
    }
}

/// The name of the source in ids of events [S4].
fn source_name(settings: &Settings) -> &'static str {
    match settings.source.from {
        Source::File(_) => "file",
        Source::Stdin | Source::Listen(_) => "inbox",
        Source::Kafka { .. } => unreachable!("{ON_KAFKA}"),
    }
}

/// What a checkpoint says of its source. Lines and posts stand in the inbox differently, so its offset is not enough.
fn source_kind(settings: &Settings) -> &'static str {
    match settings.source.from {
        Source::File(_) => "file",
        Source::Stdin => "stdin",
        Source::Listen(_) => "listen",
        Source::Kafka { .. } => unreachable!("{ON_KAFKA}"),
    }
}

fn open_sinks(settings: &Settings, record: Option<&CheckpointRecord>) -> anyhow::Result<Sinks> {
    let length = |name: &str| record.and_then(|record| record.values.get(name)).and_then(|value| value.as_u64());
    let output = match &settings.sink {
        crate::settings::Sink::File(path) => {
            Sink::File(FileSink::open(Lines::Outputs, path, length(value_names::SINK_LENGTH))?)
        }
        crate::settings::Sink::Stdout => {
            tracing::info!("sink stdout: after a crash lines since the last checkpoint are written again");
            Sink::Stdout
        }
        crate::settings::Sink::Nowhere => Sink::Nowhere,
        crate::settings::Sink::Kafka { .. } => unreachable!("{ON_KAFKA}"),
    };
    let DeadLetters::File(dead_letters) = &settings.dead_letters else { unreachable!("{ON_KAFKA}") };
    let dead_letters = FileSink::open(Lines::DeadLetters, dead_letters, length(value_names::DEAD_LETTER_LENGTH))?;
    Ok(Sinks { output, dead_letters })
}

/// Shards that run.
struct ShardThreads {
    shards: Shards,
    ends: mpsc::Receiver<ShardEnd>,
    ends_sender: mpsc::Sender<ShardEnd>,
    /// Where the source goes on: the least offset of all partitions.
    offset: u64,
    /// Each gives the number of keys that are quarantined when it ends.
    threads: Vec<std::thread::JoinHandle<u64>>,
}

fn start_shards(
    settings: &Settings,
    options: &RunOptions,
    application: Application,
    plan: &Arc<Plan>,
    store: &Store,
    record: Option<&CheckpointRecord>,
) -> Result<ShardThreads, RunError> {
    let count = settings.host.shards;
    let (ends_sender, ends) = mpsc::channel(crate::driver::ENDS_MAX * count + 1);
    let busy = store.busy_keys()?;
    let actions = Arc::new(application.actions);
    let on_queue_full = match settings.host.on_quarantine_full {
        OnQuarantineFull::DeadLetter => OnQueueFull::DeadLetter,
        OnQuarantineFull::Pause => OnQueueFull::Pause,
    };
    let limits = Arc::new(OperatorLimits { on_queue_full, ..settings.limits.operator.clone() });
    let set_aside = match options.set_aside_undecodable {
        true => SetAsideRecords::To(settings.store.directory.join("undecodable.jsonl")),
        false => SetAsideRecords::No,
    };
    let recovery = Recovery { store, record, plan, limits: &limits, partitions: PARTITIONS, set_aside: &set_aside };
    let recovered = recover(&recovery, store, count, &busy)?;
    check_source_key(settings, store, record, &recovered)?;
    let mut shards = Shards { batches: Vec::new(), orders: Vec::new() };
    let mut threads = Vec::new();
    let mut offset = u64::MAX;
    let host = Arc::new(application.host);
    for (index, RecoveredShard { log, operators, offsets }) in recovered.into_iter().enumerate() {
        let (batch_sender, batches) = mpsc::channel::<Batch>(crate::driver::BATCHES_MAX);
        let (order_sender, orders) = mpsc::channel::<ShardControl>(crate::driver::ORDERS_MAX);
        shards.batches.push(batch_sender);
        shards.orders.push(order_sender);
        offset = offset.min(offsets.iter().copied().min().unwrap_or(u64::MAX));
        let start = ShardStart {
            index,
            operators,
            offsets,
            log,
            store: store.clone(),
            invoker: host.invoker(),
            actions: actions.clone(),
            invocations_max: settings.limits.invocations_max.div_ceil(count),
            batches,
            orders,
            ends: ends_sender.clone(),
        };
        let host = host.clone();
        let thread = std::thread::Builder::new().name(format!("weir-shard-{index}")).spawn(move || {
            let quarantined = run_shard(start);
            drop(host);
            quarantined
        })?;
        threads.push(thread);
    }
    Ok(ShardThreads { shards, ends, ends_sender, offset, threads })
}

/// What recovery gives for one shard.
struct RecoveredShard {
    log: StoreLog,
    operators: Vec<Operator>,
    offsets: Vec<u64>,
}

/// Recovers all shards, each on a thread.
fn recover(recovery: &Recovery<'_>, store: &Store, shards: usize, busy: &[Key]) -> anyhow::Result<Vec<RecoveredShard>> {
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..shards)
            .map(|index| {
                scope.spawn(move || {
                    let mine = (0..PARTITIONS).filter(|partition| *partition as usize % shards == index);
                    let partitions: Vec<PartitionId> = mine.map(PartitionId).collect();
                    let log = store.log(partitions.clone())?;
                    let (operators, offsets) = recovery.recover(&partitions, &log, busy)?;
                    Ok(RecoveredShard { log, operators, offsets })
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("recovery does not panic")).collect()
    })
}

fn run_shard(start: ShardStart) -> u64 {
    let ends = start.ends.clone();
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => {
            let local = tokio::task::LocalSet::new();
            local.block_on(&runtime, Shard::new(start).run())
        }
        Err(error) => {
            let _ = ends.blocking_send(ShardEnd::Failed(anyhow!(error).context("start a shard")));
            0
        }
    }
}

fn open_reader(
    settings: &Settings,
    store: &Store,
    record: Option<&CheckpointRecord>,
    offset: u64,
    signal: &Arc<InboxSignal>,
    stop: &Arc<AtomicBool>,
) -> Result<Reader, RunError> {
    let bytes_max = settings.limits.input_event_bytes_max;
    let source = match &settings.source.from {
        Source::File(path) => {
            let consumed = record.and_then(|record| record.values.get(value_names::CONSUMED)).cloned();
            let consumed: Option<Consumed> = consumed.map(serde_json::from_value).transpose()?;
            let file = FileSource::open(path, offset, consumed.as_ref(), bytes_max).map_err(RunError::of_use)?;
            SourceKind::File(Box::new(file))
        }
        Source::Stdin => {
            SourceKind::Inbox(InboxSource::new(store.clone(), InboxContent::Lines, offset, signal.clone()))
        }
        Source::Listen(_) => {
            SourceKind::Inbox(InboxSource::new(store.clone(), InboxContent::Posted, offset, signal.clone()))
        }
        Source::Kafka { .. } => unreachable!("{ON_KAFKA}"),
    };
    Ok(Reader {
        source,
        parser: EventParser::new(source_name(settings), &settings.source, bytes_max),
        on_bad_event: settings.source.on_bad_event,
        partitions: PARTITIONS,
        stop: stop.clone(),
    })
}

fn start_stdin(
    settings: &Settings,
    store: &Store,
    signal: &Arc<InboxSignal>,
    stop: &Arc<AtomicBool>,
    ends: mpsc::Sender<ShardEnd>,
) -> anyhow::Result<()> {
    let feed = StdinFeed {
        store: store.clone(),
        signal: signal.clone(),
        stop: stop.clone(),
        line_bytes_max: settings.limits.input_event_bytes_max,
    };
    // A read of standard input can't be called off: the process ends under it.
    std::thread::Builder::new()
        .name("weir-stdin".to_owned())
        .spawn(move || {
            if let Err(error) = feed.run(BufReader::new(std::io::stdin())) {
                let _ = ends.blocking_send(ShardEnd::Failed(error));
            }
        })
        .context("start reading standard input")?;
    Ok(())
}
