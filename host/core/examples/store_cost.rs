//! What get, put and prune cost in the action-state store, by the number of states in it.
//!
//! Prints one line for each size and spread: nanoseconds for one operation, and bytes of memory for one state. No
//! operation may look at all states, so the figures must hardly grow [D4].

#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "a measurement needs a clock, the size of its own process, and a place to print to"
)]

use std::time::Instant;
use weir_core::action_state::{ActionState, StateKey};
use weir_core::event::{ActionName, Event, PartitionId, SequenceNumber};
use weir_core::id::EventId;
use weir_core::json::Json;
use weir_core::key::Key;
use weir_core::memory::{MemoryPath, MemoryUpdate};
use weir_core::store::ActionStateStore;
use weir_core::store::log::{Acknowledged, AppendKind, Position};

/// Operations that are timed at each size.
const OPERATIONS: u64 = 100_000;
/// The median of so many batches counts.
const BATCHES: u64 = 50;

/// A store with its log, which acknowledges at once.
struct Filled {
    store: ActionStateStore,
    end: u64,
    action: ActionName,
    keys: Vec<Key>,
}

impl Filled {
    fn new(keys: u64) -> Self {
        let keys = (0..keys).map(|n| Key::new(format!("device-{n:08}"))).collect();
        let action = ActionName::new("tally").expect("a name");
        let store = ActionStateStore::new(PartitionId(0), Position(0), 16 << 20);
        Self { store, end: 0, action, keys }
    }

    fn fill(&mut self, states: u64) {
        for n in 0..states {
            let (name, state) = self.state(n);
            self.store.put(&name, state).expect("it fits");
            self.acknowledge();
        }
    }

    /// The n-th state: two memory updates and one event, as of the job "tally".
    fn state(&self, n: u64) -> (StateKey, ActionState) {
        let spread = self.keys.len() as u64;
        let key = self.keys[(n % spread) as usize].clone();
        let mut event = [0; 16];
        event[..8].copy_from_slice(&n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
        let task_event =
            Event { id: EventId(event), kind: "input".into(), payload: Json::from_checked("{\"value\":1}") };
        let name = StateKey {
            key,
            sequence_number: SequenceNumber(n / spread),
            event: task_event.id,
            action: self.action.id(),
        };
        let set = |path: &str| MemoryUpdate::Set(MemoryPath::parse(path).expect("a path"), Json::from_checked("12345"));
        let state = ActionState {
            task_event: Some(task_event),
            short_term_updates: vec![set("count"), set("sum")],
            completed: true,
            ..ActionState::started(self.action.clone(), 1)
        };
        (name, state)
    }

    fn acknowledge(&mut self) {
        for append in self.store.take_appends() {
            let position = Position(self.end);
            if matches!(append.what, AppendKind::Record(_)) {
                self.end += 1;
            }
            self.store.on_acknowledged(Acknowledged { partition: PartitionId(0), ticket: append.ticket, position });
        }
    }
}

/// Nanoseconds for one call: the median of batches, so that what else the machine does counts little.
fn timed(mut operation: impl FnMut(u64)) -> u64 {
    let batch = OPERATIONS / BATCHES;
    let mut batches: Vec<u64> = (0..BATCHES)
        .map(|number| {
            let start = Instant::now();
            (number * batch..(number + 1) * batch).for_each(&mut operation);
            start.elapsed().as_nanos() as u64 / batch
        })
        .collect();
    batches.sort_unstable();
    batches[batches.len() / 2]
}

/// Resident memory of this process in bytes, as Linux tells it; 0 elsewhere.
fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).map_or(0, |pages| pages * 4_096)
}

fn measure(states: u64, keys: u64) {
    let mut filled = Filled::new(keys);
    let before = resident_bytes();
    filled.fill(states);
    let bytes = resident_bytes().saturating_sub(before) / states;
    let names: Vec<_> =
        (0..OPERATIONS).map(|n| filled.state(n.wrapping_mul(0x9e37_79b9_7f4a_7c15) % states).0).collect();
    let get = timed(|n| assert!(filled.store.get(&names[n as usize]).is_some()));
    let mut missing = names.clone();
    missing.iter_mut().for_each(|name| name.event = EventId([0xff; 16]));
    let miss = timed(|n| assert!(filled.store.get(&missing[n as usize]).is_none()));
    // New states: of keys that have some, at their next sequence numbers.
    let mut new: Vec<_> = (0..OPERATIONS).map(|n| Some(filled.state(states + n))).collect();
    let put = timed(|n| {
        let (name, state) = new[n as usize].take().expect("each is put once");
        filled.store.put(&name, state).expect("it fits");
    });
    filled.acknowledge();
    // Each prune takes one state, the oldest of its key. After them all, as many states are left as there were at first.
    let spread = filled.keys.len() as u64;
    let before = filled.store.len() as u64;
    let prune = timed(|n| {
        let key = &filled.keys[(n.wrapping_mul(7_919) % spread) as usize];
        filled.store.prune(key, SequenceNumber(n / spread + 1));
    });
    assert_eq!(before - filled.store.len() as u64, OPERATIONS, "each took one");
    filled.acknowledge();
    println!(
        "{states:>9} states, {keys:>9} keys: get {get:>5} ns, miss {miss:>5} ns, put {put:>5} ns, prune {prune:>5} ns, {bytes:>5} bytes a state"
    );
}

fn main() {
    let arguments: Vec<u64> = std::env::args().skip(1).map(|number| number.parse().expect("a number")).collect();
    if let [states, keys] = arguments[..] {
        return measure(states, keys);
    }
    // Each in a process of its own, so that the memory of one is not that of another.
    let own = std::env::current_exe().expect("this program has a path");
    for states in [1_000u64, 100_000, 1_000_000] {
        for keys in [states, states / 1_000] {
            let arguments = [states.to_string(), keys.to_string()];
            let status = std::process::Command::new(&own).args(arguments).status().expect("this program runs");
            assert!(status.success(), "measure {states} states of {keys} keys: {status}");
        }
    }
}
