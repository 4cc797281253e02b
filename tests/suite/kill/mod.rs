//! The real binary, killed with -9 at random moments, before an outside ledger.

mod listen;
mod probe;
mod quakes;
mod tally;

pub use quakes::undisturbed as undisturbed_quakes;
