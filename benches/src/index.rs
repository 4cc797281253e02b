//! (c): what get, put and prune of the action-state store cost by the number of states in it.

use crate::Bench;
use crate::report::{Bound, Figure};
use anyhow::{Context, ensure};
use std::process::Command;

/// Each operation is to take less, in microseconds, whatever the number of states.
const OPERATION_US_MAX: f64 = 5.0;

/// Runs the core's own measurement, which has no other dependency, and reads its lines.
pub fn measure(bench: &Bench) -> anyhow::Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for states in [1_000, 100_000, bench.many] {
        let keys = states / 1_000;
        let output = Command::new(&bench.store_cost).args([states.to_string(), keys.to_string()]).output()?;
        ensure!(output.status.success(), "{} failed: {}", bench.store_cost.display(), output.status);
        let line = String::from_utf8(output.stdout)?;
        let of = |operation: &str| nanoseconds(&line, operation);
        let (get, put, prune) = (of("get")?, of("put")?, of("prune")?);
        let worst_us = get.max(put).max(prune) / 1e3;
        let what = format!("get, put, prune at {states} states: the slowest of them");
        let from = format!("{get:.0}, {put:.0}, {prune:.0} ns");
        figures.push(Figure::microseconds("c", what, worst_us, Bound::AtMost(OPERATION_US_MAX)).saying(from));
    }
    Ok(figures)
}

fn nanoseconds(line: &str, operation: &str) -> anyhow::Result<f64> {
    let (_, after) =
        line.split_once(&format!(" {operation} ")).with_context(|| format!("no {operation} in {line:?}"))?;
    let number = after.split_whitespace().next().unwrap_or_default();
    number.parse().with_context(|| format!("{operation} in {line:?} is no number"))
}
