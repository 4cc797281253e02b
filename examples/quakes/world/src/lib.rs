//! The world outside of the quakes example: a pager, a map and any other effect over HTTP,
//! which loses requests and answers, refuses and delays, and keeps a ledger of what really happened.
//!
//! A world is driven by a seed and by the content of the requests, so a run can be had again.
//! It honours `Idempotency-Key` as providers do: a key seen before has no effect again and gets its first answer.
//! A client that sends no key and repeats itself has its effect twice, and the ledger says so.
//!
//! Tests start one in-process:
//!
//! ```
//! use quakes_world::{Faults, World, WorldSettings};
//!
//! let world = World::start(WorldSettings { seed: 1, faults: Faults::ROUGH, ..Default::default() })?;
//! // POST {world.origin()}/page, /map, /effect/anything
//! assert!(world.ledger().effects().iter().all(|effect| effect.sent == 1));
//! # Ok::<(), std::io::Error>(())
//! ```

mod connection;
mod desk;
mod fault;
mod interruption;
mod ledger;
pub mod naive;
pub mod post;
mod quakes;
mod server;
mod settings;
pub mod swarm;
mod world;

pub use fault::Fault;
pub use interruption::{Interruption, Moment};
pub use ledger::{Effect, Ledger, LedgerPage, Outcome, Request};
pub use quakes::{Page, Quake, Regions, due, on_quake};
pub use settings::{Faults, OnArrival, WorldSettings};
pub use world::World;
