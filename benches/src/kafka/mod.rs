//! The figures of a host on Kafka, against loops of wasmtime alone and of rdkafka alone, all on the same broker.
//!
//! The broker is one that `scripts/kafka` starts, which ends with this process however that ends, or the one that
//! `WEIR_KAFKA_BOOTSTRAP` names.

pub mod bare;
mod filler;
mod host;
mod latency;
mod recovery;
mod takeover;
mod throughput;
mod topics;
mod wake;

use crate::report::Figure;
use crate::{Bench, Measure};
use anyhow::Context;
use weir_tests::kafka::{Cluster, shared};

/// What is measured on Kafka.
pub const GROUPS: [(&str, Measure); 4] = [
    ("kafka-throughput", |bench| measure(bench, throughput::measure)),
    ("kafka-latency", |bench| measure(bench, latency::measure)),
    ("kafka-recovery", |bench| measure(bench, recovery::measure)),
    ("kafka-takeover", |bench| measure(bench, takeover::measure)),
];

/// Partitions of the source.
const PARTITIONS: u32 = 4;

fn measure(
    bench: &Bench,
    group: impl Fn(&Bench, &Cluster) -> anyhow::Result<Vec<Figure>>,
) -> anyhow::Result<Vec<Figure>> {
    group(bench, shared().context("there is no Kafka: see the lines above")?)
}
