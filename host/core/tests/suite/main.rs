//! The pure core by its rules: build a state, make one call, compare what is to be done.

mod harness;

mod arbitrary;
mod calls;
mod checkpoint;
mod clock;
mod codec;
mod cost;
mod divergence;
mod eviction;
mod failure;
mod golden;
mod http;
mod load;
mod memory;
mod model;
mod operator;
mod owned;
mod owned_pending;
mod purity;
mod quarantine;
mod rebuild;
mod recovery;
mod repair;
mod sizes;
mod store;
mod store_marker;
mod unheard;
