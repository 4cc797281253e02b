//! Applications on Kafka, against real brokers.

mod secured;
mod topics;
