//! `quakes-world serve`: the pager and the map of the example, until stopped.
//! `quakes-world naive`: the naive loop over the same events.

use std::io::Write;
use std::net::SocketAddr;

use anyhow::Context;
use clap::Parser;
use quakes_world::naive::Naive;
use quakes_world::{Faults, World, WorldSettings};

/// The world outside of the quakes example.
#[derive(Parser)]
enum Arguments {
    /// Serve the pager and the map; shows its address, and the ledger at /ledger.
    Serve {
        /// Where to listen; port 0 takes any free one.
        #[arg(long, default_value = "127.0.0.1:8099")]
        listen: SocketAddr,
        /// Decides which requests fail, and how.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Never lose, delay or refuse anything.
        #[arg(long)]
        calm: bool,
    },
    /// Do the job of the example as people do by hand.
    Naive(Naive),
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse() {
        Arguments::Serve { listen, seed, calm } => serve(listen, seed, calm),
        Arguments::Naive(naive) => naive.run(),
    }
}

fn serve(listen: SocketAddr, seed: u64, calm: bool) -> anyhow::Result<()> {
    let world = World::start(WorldSettings {
        listen,
        seed,
        faults: if calm { Faults::NONE } else { Faults::ROUGH },
        ..WorldSettings::default()
    })
    .with_context(|| format!("listen on {listen}"))?;
    println!("{}", world.origin());
    std::io::stdout().flush()?;
    loop {
        std::thread::park();
    }
}
