//! Applications on Kafka, against real brokers.

mod application;
mod begin;
mod eviction;
mod failure;
mod freeze;
mod keys;
mod kill;
mod reader;
mod records;
mod secured;
mod topics;
mod torture;
