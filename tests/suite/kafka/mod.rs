//! Applications on Kafka, against real brokers.

mod application;
mod freeze;
mod kill;
mod reader;
mod secured;
mod topics;
