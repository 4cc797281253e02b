//! The pure core by its rules: build a state, make one call, compare what is to be done.

mod harness;

mod calls;
mod checkpoint;
mod clock;
mod eviction;
mod failure;
mod http;
mod operator;
mod quarantine;
mod recovery;
mod repair;
