//! What a sandbox has to hold: endless work, memory, and hands stretched out through WASI.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::hint::black_box;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use weir_sdk::prelude::*;

/// Things an action should not do, or not get.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outside {
    Panic(String),
    /// `std::process::exit`.
    Exit(i32),
    LoopForever,
    /// Works for so many rounds.
    Work(u64),
    /// Allocates until it gets no more.
    AllocateForever,
    AllocateBytes(usize),
    /// Recurses until the engine's stack ends.
    RecurseForever,
    /// Recurses until the stack in the guest's memory ends.
    RecurseWithFrames,
    Print(String),
    PrintError(String),
    /// Sees `[system clock in µs since 1970, µs that two readings of the monotonic clock lie apart]`.
    Clock,
    /// Sees the monotonic and the system clock's advance over a sleep, in ms.
    SleepMs(u64),
    /// Sees a number drawn from WASI's randomness.
    Random,
    /// Sees `[arguments, variables]`.
    Environment,
    /// Sees why a file can't be read, or its length.
    ReadFile(String),
    WriteFile(String),
    /// Sees why there is no connection, or "connected".
    Connect(String),
}

impl Outside {
    /// Does it.
    pub fn run(&self, seen: &mut Vec<Value>) {
        match self {
            Self::Panic(message) => panic!("{message}"),
            Self::Exit(code) => std::process::exit(*code),
            Self::LoopForever => loop {
                black_box(());
            },
            Self::Work(rounds) => seen.push(json!((0..*rounds).fold(1, |n, m| black_box(mix(n, m))))),
            Self::AllocateForever => {
                let mut kept = Vec::new();
                loop {
                    kept.push(black_box(vec![1_u8; 1 << 20]));
                }
            }
            Self::AllocateBytes(length) => seen.push(json!(black_box(vec![1_u8; *length]).len())),
            Self::RecurseForever => seen.push(json!(recurse(1))),
            Self::RecurseWithFrames => seen.push(json!(recurse_with_frames(1))),
            Self::Print(text) => println!("{text}"),
            Self::PrintError(text) => eprintln!("{text}"),
            Self::Clock => {
                let start = Instant::now();
                seen.push(json!([system_us(), start.elapsed().as_micros() as u64]));
            }
            Self::SleepMs(ms) => {
                let (start, start_us) = (Instant::now(), system_us());
                std::thread::sleep(Duration::from_millis(*ms));
                seen.push(json!([start.elapsed().as_millis() as u64, (system_us() - start_us) / 1000]));
            }
            Self::Random => seen.push(json!(RandomState::new().hash_one(0))),
            Self::Environment => {
                let arguments: Vec<String> = std::env::args().collect();
                let variables: Vec<(String, String)> = std::env::vars().collect();
                seen.push(json!([arguments, variables]));
            }
            Self::ReadFile(path) => seen.push(told(std::fs::read(path).map(|bytes| json!(bytes.len())))),
            Self::WriteFile(path) => seen.push(told(std::fs::write(path, "x").map(|()| json!("written")))),
            Self::Connect(address) => {
                seen.push(told(std::net::TcpStream::connect(address).map(|_| json!("connected"))));
            }
        }
    }
}

fn told(result: std::io::Result<Value>) -> Value {
    result.unwrap_or_else(|error| json!({ "error": error.kind().to_string() }))
}

fn system_us() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as u64)
}

fn mix(n: u64, m: u64) -> u64 {
    (n ^ m).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31)
}

/// No local of it has an address, so that the engine's stack ends first, and not the guest's own in its memory.
#[inline(never)]
fn recurse(depth: u64) -> u64 {
    if depth == 0 { 1 } else { recurse(depth + 1).wrapping_mul(depth) ^ depth }
}

/// Here the guest's own stack ends first.
#[inline(never)]
fn recurse_with_frames(depth: u64) -> u64 {
    let frame = black_box([depth; 512]);
    if depth == 0 { 1 } else { recurse_with_frames(depth + 1).wrapping_mul(frame[3]) }
}
