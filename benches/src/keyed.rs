//! (d) (e): checkpoints of many keys, and restarts over them.
//!
//! The core and the embedded store are driven directly, with an action in place of a guest, to get so many keys and
//! states quickly; restarts are those of the host's own binary over the folder made so.

use crate::Bench;
use crate::job::{Setup, payload, write_manifest};
use crate::report::{Bound, Figure};
use anyhow::{Context, ensure};
use std::ops::Range;
use std::path::Path;
use std::process::{Command as Process, Stdio};
use std::sync::Arc;
use std::time::Instant;
use weir::assemble::PARTITIONS;
use weir::embedded::{Checkpoint, CheckpointRecord, EmbeddedStore, PartitionProgress, Store, StoreLog, StoreSettings};
use weir_core::event::{ActionName, Event, InputEvent, KIND_INPUT, PartitionId, SourcePosition};
use weir_core::id::EventId;
use weir_core::invocation::{GuestEnd, Invocation};
use weir_core::json::Json;
use weir_core::key::Key;
use weir_core::limits::{InvocationLimits, OperatorLimits};
use weir_core::memory::Scope;
use weir_core::operator::{Command, Operator, OperatorStart};
use weir_core::partition::partition_of;
use weir_core::plan::{ActionPolicy, Plan, PlannedAction};
use weir_core::store::ActionStateStore;
use weir_core::store::log::{ActionStateLog, Append};

/// Keys that are busy at a restart.
const BUSY_KEYS: u64 = 1_000;
/// Appends handed to the log at once, as a shard does.
const APPENDS_MAX: usize = 64;

/// Measures checkpoints in this process, and restarts in others.
pub fn measure(bench: &Bench) -> anyhow::Result<Vec<Figure>> {
    let folder = tempfile::tempdir()?;
    let setup =
        Setup { guest: &bench.guest, source: "file = \"none.jsonl\"", store: "embedded", shards: 2, has_sink: false };
    let manifest = folder.path().join("weir.toml");
    write_manifest(&manifest, &setup)?;
    std::fs::write(folder.path().join("none.jsonl"), "")?;
    let (store, many) = (folder.path().join("store"), bench.many);

    let mut keyed = Keyed::open(&store, many)?;
    keyed.feed(0..many, Feed::Complete)?;
    let first_s = keyed.checkpoint()?;
    keyed.feed(0..many / 100, Feed::Complete)?;
    let hundredth_s = keyed.checkpoint()?;
    keyed.feed(0..BUSY_KEYS, Feed::Begin)?;
    keyed.checkpoint()?;
    drop(keyed);
    let restart_s = restart(&bench.weir, &manifest)?;

    let mut keyed = Keyed::open(&store, many)?;
    keyed.feed(0..many, Feed::Complete)?;
    keyed.acknowledge()?;
    drop(keyed);
    let rebuild_s = restart(&bench.weir, &manifest)?;
    let what = format!("a checkpoint after 1 % of {many} keys changed, against the first of all of them");
    Ok(vec![
        Figure::ratio("d", what, hundredth_s / first_s, Bound::AtMost(0.03))
            .saying(format!("{hundredth_s:.3} against {first_s:.2} s")),
        Figure::seconds("e", format!("{many} action states, of as many keys, rebuilt"), rebuild_s, Bound::AtMost(10.0))
            .saying("`weir run` from its start to its end, with nothing else to do"),
        Figure::seconds(
            "e",
            format!("restart with {many} keys, {BUSY_KEYS} of them busy"),
            restart_s,
            Bound::AtMost(2.0),
        )
        .saying("`weir run` from its start to its end, the tasks of the busy keys included"),
    ])
}

/// Seconds that a host over this folder takes, whose source has nothing more.
fn restart(weir: &Path, manifest: &Path) -> anyhow::Result<f64> {
    let began = Instant::now();
    let status = Process::new(weir).arg("run").arg(manifest).stdout(Stdio::null()).stderr(Stdio::inherit()).status()?;
    ensure!(status.success(), "weir run failed: {status}");
    Ok(began.elapsed().as_secs_f64())
}

/// What is done with the invocations of events that are fed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Feed {
    /// They complete.
    Complete,
    /// They never end: their keys stay busy.
    Begin,
}

/// All partitions of an embedded store, driven in this thread.
struct Keyed {
    store: Store,
    log: StoreLog,
    operators: Vec<Operator>,
    appends: Vec<Append>,
    keys: u64,
}

impl Keyed {
    fn open(directory: &Path, keys: u64) -> anyhow::Result<Self> {
        let store = Store::Embedded(EmbeddedStore::open(directory, "tally", StoreSettings::default())?);
        let partitions = (0..PARTITIONS).map(PartitionId);
        let log = store.log(partitions.clone())?;
        let limits = Arc::new(OperatorLimits::default());
        let plan = Arc::new(plan()?);
        let mut operators = Vec::new();
        for partition in partitions {
            let states = ActionStateStore::new(partition, log.end(partition)?, limits.record_bytes_max);
            let (plan, limits) = (plan.clone(), limits.clone());
            operators.push(Operator::new(OperatorStart { plan, limits, store: states, partition }));
        }
        Ok(Self { store, log, operators, appends: Vec::new(), keys })
    }

    /// One input event for each of these keys.
    fn feed(&mut self, numbers: Range<u64>, feed: Feed) -> anyhow::Result<()> {
        for number in numbers {
            let text = payload(number, self.keys);
            let key = Key::new(format!("key-{number}"));
            let at = partition_of(key.as_bytes(), PARTITIONS).0 as usize;
            let id = EventId::of_input("file", &number.to_be_bytes(), text.as_bytes());
            let event = Event { id, kind: KIND_INPUT.into(), payload: Json::from_checked(text) };
            let headers = Arc::from([]);
            let input = InputEvent { key, event, position: SourcePosition(0), timestamp_ms: None, headers };
            self.operators[at].on_input_event(input, 1);
            self.pump(at, feed)?;
        }
        self.flush()
    }

    fn pump(&mut self, at: usize, feed: Feed) -> anyhow::Result<()> {
        while self.operators[at].has_work() {
            self.appends.extend(self.operators[at].take_appends());
            for command in self.operators[at].take_commands() {
                match command {
                    Command::Load(key) => {
                        let entries = self.store.load_key(&key)?.unwrap_or_default();
                        self.operators[at].on_key_loaded(&key, entries, 1).context("read keyed state")?;
                    }
                    Command::Invoke(invocation) if feed == Feed::Complete => {
                        let key = invocation.task().key.clone();
                        self.operators[at].on_invocation_ended(&key, tally(*invocation)?, 1);
                    }
                    _ => {}
                }
            }
        }
        if self.appends.len() >= APPENDS_MAX {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> anyhow::Result<()> {
        Ok(self.log.append(&mut self.appends)?)
    }

    /// All that was appended is made durable.
    fn acknowledge(&mut self) -> anyhow::Result<()> {
        self.flush()?;
        for acknowledged in self.log.sync()? {
            self.operators[acknowledged.partition.0 as usize].on_acknowledged(acknowledged);
        }
        Ok(())
    }

    /// Seconds that a checkpoint takes, from its begin until what it completes is pruned.
    fn checkpoint(&mut self) -> anyhow::Result<f64> {
        self.acknowledge()?;
        let began = Instant::now();
        let mut entries = Vec::new();
        let mut taken = Vec::new();
        let mut partitions = Vec::new();
        for (at, operator) in self.operators.iter_mut().enumerate() {
            let mut marker = operator.store().recovery_marker();
            if operator.has_changes() {
                let part = operator.begin_checkpoint();
                entries.extend(part.entries);
                marker = part.marker;
                taken.push((at, part.id));
            }
            partitions.push(PartitionProgress { partition: at as u32, source_offset: 0, recovery_marker: marker.0 });
        }
        let mut record = CheckpointRecord { partitions, ..CheckpointRecord::default() };
        record.values.insert(weir::driver::value_names::SOURCE.to_owned(), "file".into());
        self.store.commit_checkpoint(Checkpoint { entries, record })?;
        for (at, id) in taken {
            self.operators[at].on_checkpoint_completed(id);
            self.pump(at, Feed::Complete)?;
        }
        self.flush()?;
        Ok(began.elapsed().as_secs_f64())
    }
}

/// What the guest does, without it.
pub fn tally(mut invocation: Invocation) -> anyhow::Result<weir_core::invocation::InvocationEnd> {
    for (path, value) in [("count", "1"), ("total", "2")] {
        invocation.memory_set(Scope::ShortTerm, path, value)??;
    }
    invocation.emit("output", "{\"n\":1,\"total\":2}")?;
    Ok(invocation.finish(GuestEnd::Returned(Ok(()))))
}

/// The plan of the job.
pub fn plan() -> anyhow::Result<Plan> {
    let action = PlannedAction {
        name: ActionName::new("tally")?,
        listens_to: vec![KIND_INPUT.to_owned()],
        component: 0,
        component_digest: Arc::from("tally"),
        policy: ActionPolicy::default(),
        limits: Arc::new(InvocationLimits::default()),
    };
    Ok(Plan::new(vec![action])?)
}
