//! Applications on Kafka, against real brokers.

mod application;
mod begin;
mod failure;
mod freeze;
mod handover;
mod keys;
mod kill;
mod records;
mod secured;
mod topics;
mod torture;
