//! (k): how long the partitions of a host that is killed, or stopped, stand still.

use super::PARTITIONS;
use super::host::Application;
use super::topics::{ANSWER_MAX, follow, make, producer, send};
use crate::Bench;
use crate::child::median;
use crate::report::{Bound, Figure};
use anyhow::{Context, ensure};
use rdkafka::consumer::BaseConsumer;
use rdkafka::message::Message;
use rdkafka::producer::Producer;
use rdkafka::topic_partition_list::Offset;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use weir_core::action_state::RecordKey;
use weir_tests::kafka::Cluster;

/// As short as brokers allow by themselves.
const SESSION_S: f64 = 6.0;
/// The default.
const LEASE_S: f64 = 1.0;
/// What a takeover may take beside them.
const MARGIN_S: f64 = 1.0;
/// Light load.
const EVENTS_PER_S: u64 = 400;
/// How long nothing may come.
const PATIENCE: Duration = Duration::from_secs(60);

/// How a host ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Killed,
    Stopped,
}

/// Measures both ends.
pub fn measure(bench: &Bench, cluster: &Cluster) -> anyhow::Result<Vec<Figure>> {
    let times = |end| -> anyhow::Result<(f64, f64)> {
        let times: Vec<f64> = (0..bench.rounds).map(|_| takeover_s(bench, cluster, end)).collect::<Result<_, _>>()?;
        Ok((median(times.clone()), times.into_iter().fold(0.0, f64::max)))
    };
    let ((killed, killed_max), (stopped, stopped_max)) = (times(End::Killed)?, times(End::Stopped)?);
    let from = "until the other's first record of the last partition; the longest";
    Ok(vec![
        Figure::seconds("k", "takeover after kill -9", killed, Bound::AtMost(SESSION_S + LEASE_S + MARGIN_S))
            .saying(format!("from the signal {from} {killed_max:.2} s; session {SESSION_S} s, lease {LEASE_S} s")),
        Figure::seconds("k", "takeover after a graceful stop", stopped, Bound::AtMost(MARGIN_S))
            .saying(format!("from SIGTERM {from} {stopped_max:.2} s")),
    ])
}

fn takeover_s(bench: &Bench, cluster: &Cluster, end: End) -> anyhow::Result<f64> {
    let source = make(cluster, "events");
    let session = (SESSION_S * 1e3).to_string();
    let application = Application::new(cluster, &bench.guest, &source, 1).with_client("session.timeout.ms", &session);
    let mut leaver = application.start();
    leaver.wait_for_partitions(PARTITIONS as usize, Instant::now())?;
    let stayer = application.start();
    // It gets its half of them.
    stayer.wait_for_partitions(PARTITIONS as usize / 2, Instant::now())?;
    let records = follow(cluster, &application.action_states(), 0..PARTITIONS, Offset::Beginning)?;
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let load = scope.spawn(|| send_until(&stop, cluster, &source));
        let taken = (|| {
            let mut writers = Writers::default();
            writers.follow(&records, |writers| writers.have_begun(PARTITIONS as usize, &[0; 4]))?;
            // What came in meanwhile is read, so that nothing old is taken for new.
            let until = Instant::now() + Duration::from_secs(2);
            writers.follow(&records, |_| Instant::now() > until)?;
            let before = writers.epochs;
            let began = Instant::now();
            match end {
                End::Killed => leaver.weir.kill_in_place(),
                End::Stopped => leaver.weir.terminate(),
            }
            writers.follow(&records, |writers| writers.have_begun(PARTITIONS as usize / 2, &before))?;
            anyhow::Ok(began.elapsed().as_secs_f64())
        })();
        stop.store(true, Ordering::Relaxed);
        load.join().expect("it does not panic")?;
        taken
    })
}

/// The highest epoch of which each partition has a record of an action state.
#[derive(Default)]
struct Writers {
    epochs: [u32; PARTITIONS as usize],
}

impl Writers {
    /// Follows the topic until this is so.
    fn follow(&mut self, records: &BaseConsumer, is_so: impl Fn(&Self) -> bool) -> anyhow::Result<()> {
        let began = Instant::now();
        while !is_so(self) {
            ensure!(began.elapsed() < PATIENCE, "nobody took over");
            let Some(message) = records.poll(Duration::from_millis(5)) else { continue };
            let message = message.context("follow the action states")?;
            let name = message.key().unwrap_or_default();
            if message.payload().is_some() && !name.starts_with(b"fence@") {
                let writer = RecordKey::parse(name)?.writer.context("a record that does not say who wrote it")?;
                let epoch = &mut self.epochs[message.partition() as usize];
                *epoch = writer.epoch.0.max(*epoch);
            }
        }
        Ok(())
    }

    /// Whether so many partitions have a record of a later epoch than these.
    fn have_begun(&self, count: usize, before: &[u32; PARTITIONS as usize]) -> bool {
        self.epochs.iter().zip(before).filter(|(epoch, before)| epoch > before).count() >= count
    }
}

fn send_until(stop: &AtomicBool, cluster: &Cluster, source: &str) -> anyhow::Result<()> {
    let producer = producer(cluster)?;
    let mut number = 0;
    while !stop.load(Ordering::Relaxed) {
        send(&producer, source, number)?;
        number += 1;
        producer.poll(Duration::ZERO);
        std::thread::sleep(Duration::from_micros(1_000_000 / EVENTS_PER_S));
    }
    Ok(producer.flush(ANSWER_MAX)?)
}
