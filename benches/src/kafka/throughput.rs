//! (h): time on the processor for each event, and events in a second, against the two bare loops together.

use super::bare::INTERVAL;
use super::host::Application;
use super::topics::{fill, make};
use crate::Bench;
use crate::child::{Run, median, run};
use crate::report::{Bound, Figure};
use std::ffi::OsStr;
use weir_tests::kafka::Cluster;

/// Above the sum of the bare loops.
const CPU_RATIO_MAX: f64 = 1.25;
const CPU_RATIO_FLOOR: f64 = 1.5;
/// 50,000 events/s where the bare loop of two threads does 190,000.
const RATE_RATIO_MIN: f64 = 50.0 / 190.0;

/// One turn of everything that is compared.
struct Round {
    wasm: [Run; 2],
    kafka: [Run; 2],
    both: [Run; 2],
    host: [Run; 2],
}

impl Round {
    fn measure(bench: &Bench, cluster: &Cluster, source: &str) -> anyhow::Result<Self> {
        Ok(Self {
            wasm: [crate::bare::run(bench, 1)?, crate::bare::run(bench, 2)?],
            kafka: [bare(cluster, source, "1", None)?, bare(cluster, source, "2", None)?],
            both: [bare(cluster, source, "1", Some(bench))?, bare(cluster, source, "2", Some(bench))?],
            host: [host(bench, cluster, 1)?, host(bench, cluster, 2)?],
        })
    }

    /// Time on the processor, against the sum of the bare loops.
    fn cpu_ratio(&self, at: usize) -> f64 {
        self.host[at].cpu_us() / (self.wasm[at].cpu_us() + self.kafka[at].cpu_us())
    }

    fn tell(&self, number: usize) {
        let [wasm, wasm_two] = self.wasm;
        let [kafka, kafka_two] = self.kafka;
        let [both, both_two] = self.both;
        let [host, host_two] = self.host;
        let named = [
            ("bare wasmtime, one thread", wasm),
            ("bare wasmtime, two threads", wasm_two),
            ("bare rdkafka, one thread", kafka),
            ("bare rdkafka, two threads", kafka_two),
            ("both bare loops in one, one thread", both),
            ("both bare loops in one, two threads", both_two),
            ("host, one shard", host),
            ("host, two shards", host_two),
        ];
        for (name, run) in named {
            let (rate, cpu_us) = (run.rate(), run.cpu_us());
            eprintln!("  round {number}: {name}: {rate:.0} events/s, {cpu_us:.2} us on the processor for each");
        }
        eprintln!("  round {number}: ratios {:.2} and {:.2}", self.cpu_ratio(0), self.cpu_ratio(1));
    }
}

/// Measures in turns, and takes medians of the ratios.
pub fn measure(bench: &Bench, cluster: &Cluster) -> anyhow::Result<Vec<Figure>> {
    let source = make(cluster, "events");
    fill(cluster, &source, bench.events)?;
    // A broker that has just started compiles its own code for a while, on the cores of what is measured.
    Round::measure(bench, cluster, &source)?;
    let mut rounds = Vec::new();
    for number in 1..=bench.rounds {
        let round = Round::measure(bench, cluster, &source)?;
        round.tell(number);
        rounds.push(round);
    }
    let of = |value: &dyn Fn(&Round) -> f64| median(rounds.iter().map(value).collect());
    let cpu = |at: usize, what: &str| {
        let (host, wasm) = (of(&|r| r.host[at].cpu_us()), of(&|r| r.wasm[at].cpu_us()));
        let kafka = of(&|r| r.kafka[at].cpu_us());
        Figure::times("h", what, of(&|r| r.cpu_ratio(at)), Bound::AtMostOrFloor(CPU_RATIO_MAX, CPU_RATIO_FLOOR))
            .saying(format!("{host:.1} against {wasm:.1} (wasmtime) + {kafka:.1} (rdkafka) µs for each event"))
    };
    let both = |at: usize, what: &str| {
        let (host, both) = (of(&|r| r.host[at].cpu_us()), of(&|r| r.both[at].cpu_us()));
        Figure::times("h", what, of(&|r| r.host[at].cpu_us() / r.both[at].cpu_us()), Bound::None)
            .saying(format!("{host:.1} against {both:.1} µs for each event"))
    };
    let rate = |pick: &dyn Fn(&Round) -> Run| of(&|r| pick(r).rate());
    let (one, two) = (rate(&|r| r.host[0]), rate(&|r| r.host[1]));
    let bare = rate(&|r| r.kafka[1]);
    Ok(vec![
        cpu(0, "one shard, time on the processor, against the sum of a bare wasmtime and a bare rdkafka loop"),
        cpu(1, "two shards, the same"),
        both(0, "one shard, time on the processor, against both bare loops in one process"),
        both(1, "two shards, the same"),
        Figure::ratio(
            "h",
            "two shards, events/s, against the bare rdkafka loop on two threads (50,000 where that does 190,000)",
            of(&|r| r.host[1].rate() / r.kafka[1].rate()),
            Bound::AtLeast(RATE_RATIO_MIN),
        )
        .saying(format!("{two:.0} against {bare:.0} events/s; one shard {one:.0}; the broker on the same machine")),
    ])
}

/// Events/s that two shards are to do here, by the bare loop of rdkafka on two threads.
pub fn rate_wanted(bench: &Bench, cluster: &Cluster) -> anyhow::Result<f64> {
    let source = make(cluster, "events");
    fill(cluster, &source, bench.events)?;
    // The first does not count: see `measure`.
    bare(cluster, &source, "2", None)?;
    Ok(bare(cluster, &source, "2", None)?.rate() * RATE_RATIO_MIN)
}

/// The bare loop of rdkafka; with a benchmark's guest, that of wasmtime in it.
fn bare(cluster: &Cluster, source: &str, threads: &str, with: Option<&Bench>) -> anyhow::Result<Run> {
    let (log, sink) = (make(cluster, "bare-log"), make(cluster, "bare-outputs"));
    let mut arguments = [cluster.bootstrap(), source, &*log, &*sink, threads].map(OsStr::new).to_vec();
    arguments.extend(with.map(|bench| bench.guest.as_os_str()));
    run("run-kafka-bare", &arguments)
}

/// A host over so many events, with transactions as often as the bare loop has them. The events are there at once when its
/// shards have shared the partitions out.
fn host(bench: &Bench, cluster: &Cluster, shards: usize) -> anyhow::Result<Run> {
    let source = make(cluster, "events");
    let application = Application::new(cluster, &bench.guest, &source, shards).with_checkpoint_interval(INTERVAL);
    let mut host = application.start();
    host.settle()?;
    fill(cluster, &source, bench.events)?;
    host.measure(bench.events)
}
