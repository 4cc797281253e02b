//! The pure core by its rules: build a state, make one call, compare what is to be done.

mod harness;

mod checkpoint;
mod eviction;
mod failure;
mod operator;
mod quarantine;
mod recovery;
mod repair;
