//! (j): a host over many action states, and over many keys.

use super::PARTITIONS;
use super::filler::Filler;
use super::host::Application;
use super::topics::make;
use crate::Bench;
use crate::report::{Bound, Figure};
use std::time::Instant;
use weir_tests::kafka::Cluster;

/// Keys of one checkpoint: it is one transaction, and has its limits.
const CHECKPOINT_KEYS: u64 = 100_000;

/// What the topics hold.
#[derive(Clone, Copy)]
enum Filled {
    /// A completed action state of each key, and no checkpoint.
    ActionStates,
    /// Each key in a checkpoint, and no action states.
    Keys,
}

/// Measures both.
pub fn measure(bench: &Bench, cluster: &Cluster) -> anyhow::Result<Vec<Figure>> {
    let many = bench.many;
    let from = "`weir run` from its start until the last of 4 partitions is taken over, two shards";
    let rebuilt_s = taken_over_s(bench, cluster, Filled::ActionStates)?;
    let restored_s = taken_over_s(bench, cluster, Filled::Keys)?;
    Ok(vec![
        Figure::seconds("j", format!("{many} action states, of as many keys, rebuilt"), rebuilt_s, Bound::AtMost(10.0))
            .saying(from),
        Figure::seconds("j", format!("{many} keys, of three entries each, restored"), restored_s, Bound::AtMost(20.0))
            .saying(from),
    ])
}

fn taken_over_s(bench: &Bench, cluster: &Cluster, filled: Filled) -> anyhow::Result<f64> {
    let source = make(cluster, "events");
    let application = Application::new(cluster, &bench.guest, &source, 2);
    let mut filler = Filler::start(cluster, &application, &source)?;
    match filled {
        Filled::ActionStates => filler.feed(0..bench.many, bench.many)?,
        Filled::Keys => {
            for from in (0..bench.many).step_by(CHECKPOINT_KEYS as usize) {
                filler.feed(from..bench.many.min(from + CHECKPOINT_KEYS), bench.many)?;
                filler.checkpoint()?;
            }
        }
    }
    filler.release()?;
    let began = Instant::now();
    let host = application.start();
    let seconds = host.wait_for_partitions(PARTITIONS as usize, began)?;
    let said = host.weir.stderr();
    for line in said.lines().filter(|line| line.contains("is taken over")) {
        eprintln!("  {line}");
    }
    Ok(seconds)
}
