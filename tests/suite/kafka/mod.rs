//! Applications on Kafka, against real brokers.

mod application;
mod kill;
mod secured;
mod topics;
