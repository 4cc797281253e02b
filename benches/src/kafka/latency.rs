//! (i): from an input event to its acknowledged completion, at half the load that two shards are to bear: 50,000 events/s
//! where the bare loop of rdkafka does 190,000, measured just before.
//!
//! Measured from outside: events are sent at the times of a schedule, whatever became of those before, and a consumer
//! follows the topic of action states. A record is seen there once all replicas in sync have it, which is what its
//! producer is told as an acknowledgement; so what is measured begins at the time in the schedule, and ends when the
//! completion has come to a third party. It follows one partition, for what it takes is taken from broker and host; and
//! the host commits as often as the bare loop.

use super::bare::INTERVAL;
use super::host::Application;
use super::throughput::rate_wanted;
use super::topics::{ends, follow, make, producer, send};
use crate::Bench;
use crate::job::KEYS;
use crate::report::{Bound, Figure};
use anyhow::{Context, anyhow, ensure};
use rdkafka::consumer::BaseConsumer;
use rdkafka::message::Message;
use rdkafka::producer::Producer;
use rdkafka::topic_partition_list::Offset;
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use weir_core::action_state::{RecordKey, RecordKind};
use weir_tests::kafka::Cluster;

/// How long events are sent at half the rate, to warm up: a broker compiles its own code then, and was seen to take half of
/// a processor for it. At the whole rate what it kept waiting would still be there when it is done.
const WARM_UP: Duration = Duration::from_secs(40);
/// How long events are sent at the rate, and how long of it until they count.
const SENDING: Duration = Duration::from_secs(25);
const SETTLING: Duration = Duration::from_secs(5);
/// How long completions may be late.
const LATE_MAX: Duration = Duration::from_secs(30);
/// The partition whose completions are followed.
const FOLLOWED: u32 = 0;

/// Measures with one shard, which leaves a processor to the broker, and with two.
pub fn measure(bench: &Bench, cluster: &Cluster) -> anyhow::Result<Vec<Figure>> {
    let rate = rate_wanted(bench, cluster)? / 2.0;
    let mut figures = measure_shards(bench, cluster, rate, 1)?;
    figures.extend(measure_shards(bench, cluster, rate, 2)?);
    Ok(figures)
}

fn measure_shards(bench: &Bench, cluster: &Cluster, rate: f64, shards: usize) -> anyhow::Result<Vec<Figure>> {
    let source = make(cluster, "events");
    let application = Application::new(cluster, &bench.guest, &source, shards).with_checkpoint_interval(INTERVAL);
    let host = application.start();
    host.settle()?;
    let completions = follow(cluster, &application.action_states(), [FOLLOWED], Offset::Beginning)?;
    let began = Instant::now() + Duration::from_millis(100);
    let schedule = Schedule { began, rate };
    let events = schedule.warm_up() + schedule.at_rate(SENDING);
    let due = OnceLock::new();
    let times = std::thread::scope(|scope| {
        let seen = scope.spawn(|| follow_completions(&completions, &schedule, events, &due));
        schedule.send_all(cluster, &source, events)?;
        due.get_or_init(|| ends(&cluster.client(), &source).map(|ends| ends[FOLLOWED as usize]));
        seen.join().expect("it does not panic")
    })?;
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize] * 1e3;
    let (p50, p99, p999, max) = (at(0.5), at(0.99), at(0.999), at(1.0));
    let load = format!("{rate:.0} events/s");
    let what = match shards {
        1 => "one shard, input to acknowledged completion, at half the load",
        _ => "two shards, the same",
    };
    Ok(vec![
        Figure::milliseconds("i", format!("{what}: p50"), p50, Bound::AtMost(10.0))
            .saying(format!("{load}; from its time in the schedule until another client sees the completion")),
        Figure::milliseconds("i", format!("{what}: p99"), p99, Bound::AtMost(60.0))
            .saying(format!("p99.9 {p999:.0} ms, the longest {max:.0} ms, of {} events", times.len())),
    ])
}

struct Schedule {
    began: Instant,
    rate: f64,
}

impl Schedule {
    /// Events of the warm-up.
    fn warm_up(&self) -> u64 {
        self.at_rate(WARM_UP) / 2
    }

    /// Events of so long a time at the rate.
    fn at_rate(&self, time: Duration) -> u64 {
        (self.rate * time.as_secs_f64()) as u64
    }

    /// When an event is due: one of the warm-up takes twice as long.
    fn at(&self, number: u64) -> Instant {
        let behind = number.saturating_sub(self.warm_up());
        self.began + Duration::from_secs_f64((2 * (number - behind) + behind) as f64 / self.rate)
    }

    fn send_all(&self, cluster: &Cluster, source: &str, events: u64) -> anyhow::Result<()> {
        let producer = producer(cluster)?;
        for number in 0..events {
            let early = self.at(number).saturating_duration_since(Instant::now());
            if early > Duration::from_micros(500) {
                producer.poll(Duration::ZERO);
                std::thread::sleep(early);
            }
            send(&producer, source, number)?;
        }
        Ok(producer.flush(LATE_MAX)?)
    }
}

/// Seconds from the schedule to the completion, in their order, of the events after the warm-up; until those are there
/// that are due, once that is known.
fn follow_completions(
    completions: &BaseConsumer,
    schedule: &Schedule,
    events: u64,
    due: &OnceLock<anyhow::Result<u64>>,
) -> anyhow::Result<Vec<f64>> {
    let until = schedule.at(events) + LATE_MAX;
    let uncounted = schedule.warm_up() + schedule.at_rate(SETTLING);
    let mut seen = vec![None; events as usize];
    let mut completed_count = 0;
    loop {
        let due = match due.get() {
            None => u64::MAX,
            Some(due) => *due.as_ref().map_err(|error| anyhow!("look where the source ends: {error:#}"))?,
        };
        if completed_count >= due {
            break;
        }
        ensure!(Instant::now() < until, "{completed_count} of {due} events completed in time");
        let Some(message) = completions.poll(Duration::from_millis(20)) else { continue };
        let message = message.context("follow the action states")?;
        let now = Instant::now();
        let Some(number) = completed(&message)? else { continue };
        let slot = seen.get_mut(number as usize).context("the completion of an event that was not sent")?;
        completed_count += u64::from(slot.is_none());
        slot.get_or_insert(now.saturating_duration_since(schedule.at(number)).as_secs_f64());
    }
    let mut times: Vec<f64> = seen.into_iter().skip(uncounted as usize).flatten().collect();
    times.sort_by(f64::total_cmp);
    Ok(times)
}

/// The number of the event whose completion this is.
fn completed(message: &impl Message) -> anyhow::Result<Option<u64>> {
    let name = message.key().unwrap_or_default();
    if message.payload().is_none() || name.starts_with(b"fence@") {
        return Ok(None);
    }
    let record = RecordKey::parse(name)?;
    if record.kind != RecordKind::State {
        return Ok(None);
    }
    let key = record.state.key.as_bytes().strip_prefix(b"key-").context("an odd key")?;
    let key: u64 = std::str::from_utf8(key)?.parse()?;
    Ok(Some(record.state.sequence_number.0 * KEYS + key))
}
