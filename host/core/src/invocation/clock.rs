//! The clock and the randomness of a guest: running a task again shows the same [S10].

use super::Task;
use crate::id::digest_of_parts;

/// Shows the start time, after durable calls the latest time at which one's outcome was recorded, never backwards, plus
/// a microsecond for each reading.
#[derive(Clone, Debug)]
pub(super) struct Clock {
    now_us: u64,
}

impl Clock {
    pub(super) fn starting_at(ms: u64) -> Self {
        Self { now_us: ms.saturating_mul(1000) }
    }

    pub(super) fn read_us(&mut self) -> u64 {
        let now = self.now_us;
        self.now_us += 1;
        now
    }

    pub(super) fn advance_us(&mut self, duration_us: u64) {
        self.now_us = self.now_us.saturating_add(duration_us);
    }

    /// The outcome of a call was recorded then.
    pub(super) fn on_call_ended(&mut self, completed_at_ms: u64) {
        self.now_us = self.now_us.max(completed_at_ms.saturating_mul(1000));
    }
}

/// What all streams of a task start from.
pub(super) fn task_seed(task: &Task) -> [u8; 32] {
    digest_of_parts(&[
        b"random",
        task.key.as_bytes(),
        &task.sequence_number.0.to_be_bytes(),
        &task.event.id.0,
        &task.action.id().0,
    ])
}

/// A stream of numbers, seeded anew by each begin of a call; the body of an open call draws from a stream of its own.
/// The generator is SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
#[derive(Clone, Debug)]
pub(super) struct Random {
    seed: [u8; 32],
    name: &'static str,
    outside: Stream,
    body: Stream,
}

#[derive(Clone, Debug, Default)]
struct Stream {
    /// The number of calls begun that it was seeded with.
    calls: Option<u32>,
    state: u64,
}

impl Random {
    pub(super) fn new(seed: [u8; 32], name: &'static str) -> Self {
        Self { seed, name, outside: Stream::default(), body: Stream::default() }
    }

    pub(super) fn next(&mut self, calls_begun: u32, in_body: bool) -> u64 {
        let (stream, place) = if in_body { (&mut self.body, "body") } else { (&mut self.outside, "outside") };
        if stream.calls != Some(calls_begun) {
            let parts = [&self.seed[..], self.name.as_bytes(), place.as_bytes(), &calls_begun.to_be_bytes()];
            let digest = digest_of_parts(&parts);
            stream.state = u64::from_be_bytes(digest[..8].try_into().expect("eight bytes"));
            stream.calls = Some(calls_begun);
        }
        stream.state = stream.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = stream.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
