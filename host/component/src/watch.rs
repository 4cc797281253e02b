//! What invocations do, step by step, for people who watch (`weir dev`).
//!
//! Nothing rests on it: a host without a watcher does the same, and tells nobody. Texts have secrets taken out.

use crate::load::GuestSettings;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;
use tracing::Level;
use weir_core::event::Event;
use weir_core::failure::{ActionFailure, Failure};
use weir_core::invocation::{InvocationResult, Outcome, Task};
use weir_core::memory::Scope;

/// Steps that wait for whoever watches; then invocations wait, too.
const STEPS_MAX: usize = 4_096;

/// A step of an invocation.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// Names the invocation.
    pub invocation: u64,
    /// What it did.
    pub step: Step,
}

/// What an invocation did.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// It began.
    Began {
        /// What it runs.
        task: Box<Task>,
        /// 1 for the first attempt.
        attempt: u32,
    },
    /// It looked into memory, or changed it.
    Memory {
        /// Whose memory.
        scope: Scope,
        /// What it did.
        operation: MemoryOperation,
        /// Where.
        path: String,
        /// What it found or put, as JSON; none where nothing is there. Or why not.
        value: Result<Option<String>, String>,
    },
    /// It began a durable call.
    CallBegun {
        /// The call's position in the action.
        position: u32,
        /// Its function id.
        function_id: String,
        /// Its arguments, as JSON.
        arguments: String,
        /// What is known of it.
        known: KnownCall,
    },
    /// A durable call ended.
    CallEnded {
        /// Its position in the action.
        position: u32,
        /// What it gave, as JSON, or its failure.
        outcome: Result<String, Failure>,
    },
    /// It made a request.
    Requested {
        /// Such as `POST`.
        method: String,
        /// The whole URL.
        url: String,
        /// Whether the answer was recorded by an earlier attempt, and nothing sent.
        replayed: bool,
        /// Status and bytes of the body, or why there is no answer.
        answer: Result<(u16, usize), String>,
    },
    /// It logged or printed a line.
    Logged {
        /// How much it matters.
        level: Level,
        /// The line.
        line: String,
    },
    /// It ended.
    Ended {
        /// How.
        ending: Ending,
        /// From its beginning, waits for its turn left out.
        took: Duration,
    },
}

/// An operation on memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryOperation {
    /// Reads a value.
    Get,
    /// Lists the fields of an object.
    Fields,
    /// Asks whether something is there.
    Exists,
    /// Puts a value.
    Set,
    /// Makes an object.
    NewObject,
    /// Removes what is there.
    Remove,
}

/// What is known of a durable call that begins.
#[derive(Clone, Debug, PartialEq)]
pub enum KnownCall {
    /// Nothing: it is made now.
    New,
    /// Its outcome: it is not made again.
    Recorded(Result<String, Failure>),
    /// That it was begun and cut off: its reconciler is asked.
    CutOff,
}

/// How an invocation ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Ending {
    /// It completed, and emitted these events.
    Completed(Vec<Event>),
    /// It failed, and nothing of it counts.
    Failed(ActionFailure),
    /// It was given up before it ended.
    Interrupted,
}

/// Told what invocations do. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Watcher(SyncSender<Seen>);

impl Watcher {
    /// A watcher, and what it sees; that ends when the last clone of the watcher is gone.
    pub fn new() -> (Self, Receiver<Seen>) {
        let (sender, receiver) = sync_channel(STEPS_MAX);
        (Self(sender), receiver)
    }
}

/// Watches one invocation.
#[derive(Clone)]
pub(crate) struct Watch {
    watcher: Watcher,
    guest: Arc<GuestSettings>,
    invocation: u64,
}

impl Watch {
    pub(crate) fn new(watcher: Watcher, guest: Arc<GuestSettings>, invocation: u64) -> Self {
        Self { watcher, guest, invocation }
    }

    /// Tells a step. Whoever watched may be gone.
    pub(crate) fn tell(&self, step: Step) {
        let _ = self.watcher.0.send(Seen { invocation: self.invocation, step });
    }

    /// A text without secrets.
    pub(crate) fn text(&self, text: &str) -> String {
        let mut text = text.to_owned();
        self.guest.redactor.redact(&mut text);
        text
    }

    /// An outcome without secrets.
    pub(crate) fn outcome(&self, outcome: &Outcome) -> Result<String, Failure> {
        match outcome {
            Ok(json) => Ok(self.text(json.as_str())),
            Err(failure) => Err(Failure { message: self.text(&failure.message), ..failure.clone() }),
        }
    }
}

/// How an invocation ended, of what it came to.
pub(crate) fn ending(result: &InvocationResult) -> Ending {
    match result {
        InvocationResult::Completed(effects) => Ending::Completed(effects.events.clone()),
        InvocationResult::Failed { failure, .. } => Ending::Failed(failure.clone()),
    }
}
