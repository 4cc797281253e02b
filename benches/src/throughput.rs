//! (a) (b) (f): events in a second, against a bare loop, with a durable store, on two shards.

use crate::Bench;
use crate::bare;
use crate::child::{Run, median, run};
use crate::report::{Bound, Figure};
use std::ffi::OsStr;

/// What the ancestor of Weir does on two threads, without sandbox and store.
const ANCESTOR_RATE: f64 = 89_000.0;

/// One turn of everything that is compared.
struct Round {
    bare: Run,
    memory: Run,
    memory_two: Run,
    embedded: Run,
}

/// Measures in turns, and takes medians of the ratios.
pub fn measure(bench: &Bench) -> anyhow::Result<Vec<Figure>> {
    let mut rounds = Vec::new();
    for number in 1..=bench.rounds {
        let round = Round {
            bare: bare::run(bench, 1)?,
            memory: host(bench, "memory", "1")?,
            memory_two: host(bench, "memory", "2")?,
            embedded: host(bench, "embedded", "1")?,
        };
        for (name, run) in round.named() {
            let (rate, cpu_us) = (run.rate(), run.cpu_us());
            eprintln!("  round {number}: {name}: {rate:.0} events/s, {cpu_us:.2} us on the processor for each");
        }
        rounds.push(round);
    }
    let of = |value: fn(&Round) -> f64| median(rounds.iter().map(value).collect());
    let rate = |pick: fn(&Round) -> &Run| median(rounds.iter().map(|round| pick(round).rate()).collect());
    let cpu_us = |pick: fn(&Round) -> &Run| median(rounds.iter().map(|round| pick(round).cpu_us()).collect());
    let (bare, memory) = (rate(|r| &r.bare), rate(|r| &r.memory));
    let two = rate(|r| &r.memory_two);
    let embedded = rate(|r| &r.embedded);
    Ok(vec![
        Figure::ratio(
            "a",
            "memory store, one shard, against a bare wasmtime loop",
            of(|r| r.memory.rate() / r.bare.rate()),
            Bound::AtLeast(0.80),
        )
        .saying(format!("{memory:.0} against {bare:.0} events/s")),
        Figure::ratio(
            "a",
            "the same in time on the processor (bare / shard)",
            of(|r| r.bare.cpu_us() / r.memory.cpu_us()),
            Bound::None,
        )
        .saying(format!("{:.1} against {:.1} µs for each event", cpu_us(|r| &r.memory), cpu_us(|r| &r.bare))),
        Figure::ratio(
            "a",
            "two shards, beside 89,000 events/s without sandbox and store",
            two / ANCESTOR_RATE,
            Bound::None,
        )
        .saying(format!("{two:.0} events/s")),
        Figure::ratio(
            "b",
            "embedded store with sync, against memory store",
            of(|r| r.embedded.rate() / r.memory.rate()),
            Bound::AtLeast(0.60),
        )
        .saying(format!("{embedded:.0} events/s")),
        Figure::times(
            "f",
            "two shards against one",
            of(|r| r.memory_two.rate() / r.memory.rate()),
            Bound::AtLeast(1.5),
        )
        .saying(format!("{two:.0} against {memory:.0} events/s")),
    ])
}

impl Round {
    fn named(&self) -> [(&'static str, Run); 4] {
        [
            ("bare loop", self.bare),
            ("memory store, one shard", self.memory),
            ("memory store, two shards", self.memory_two),
            ("embedded store, one shard", self.embedded),
        ]
    }
}

fn host(bench: &Bench, store: &str, shards: &str) -> anyhow::Result<Run> {
    let events = bench.events.to_string();
    run("run-host", &[bench.guest.as_os_str(), OsStr::new(store), OsStr::new(shards), OsStr::new(&events)])
}
