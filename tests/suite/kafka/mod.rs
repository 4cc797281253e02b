//! Applications on Kafka, against real brokers.

mod ahead;
mod application;
mod begin;
mod eviction;
mod failure;
mod freeze;
mod handover;
mod inspect;
mod keys;
mod kill;
mod metrics;
mod outage;
mod pressure;
mod quakes;
mod reader;
mod records;
mod repair;
mod secured;
mod topics;
mod torture;
