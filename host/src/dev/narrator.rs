//! Tells people what runs do: one block an invocation, when it has ended.

use crate::cli::{Paint, escape_controls, readable};
use std::collections::HashMap;
use std::fmt::Write;
use std::time::Duration;
use weir_component::{Ending, KnownCall, MemoryOperation, Seen, Step};
use weir_core::event::KIND_OUTPUT;
use weir_core::failure::{Failure, FailureClass};
use weir_core::memory::Scope;

/// What is longer is cut, for a block is to be read at a glance.
const VALUE_CHARS_MAX: usize = 400;
/// Lines of a block; more are counted.
const LINES_MAX: usize = 200;
/// Width of the words that lines begin with.
const WORD_WIDTH: usize = 7;

/// Makes text of what is seen, and counts it.
#[derive(Debug)]
pub struct Narrator {
    paint: Paint,
    blocks: HashMap<u64, Block>,
    /// Actions that completed.
    pub completed: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// Outputs of those that completed.
    pub outputs: u64,
}

/// What is told of one invocation.
#[derive(Debug)]
struct Block {
    text: String,
    lines: usize,
    calls: HashMap<u32, String>,
}

impl Narrator {
    /// One that has told nothing.
    pub fn new(paint: Paint) -> Self {
        Self { paint, blocks: HashMap::new(), completed: 0, failed: 0, outputs: 0 }
    }

    /// Takes in what an invocation did; its block, if it has ended now.
    pub fn see(&mut self, seen: Seen) -> Option<String> {
        let paint = self.paint;
        if let Step::Began { task, attempt } = &seen.step {
            let place = format!("{} #{}", task.key.to_text(), task.sequence_number.0);
            let mut text = format!("{} {}", paint.strong(task.action.as_str()), escape_controls(&place));
            if *attempt > 1 {
                text += &paint.odd(&format!(" attempt {attempt}"));
            }
            let event = format!("{} {}", &*task.event.kind, shown(task.event.payload.as_str()));
            text += &format!("  {}\n", paint.faint(&event));
            let block = Block { text, lines: 0, calls: HashMap::new() };
            self.blocks.insert(seen.invocation, block);
            return None;
        }
        let block = self.blocks.get_mut(&seen.invocation)?;
        let Step::Ended { ending, took } = seen.step else {
            block.step(seen.step, paint);
            return None;
        };
        let mut block = self.blocks.remove(&seen.invocation)?;
        match &ending {
            Ending::Completed(events) => {
                self.completed += 1;
                self.outputs += events.iter().filter(|event| &*event.kind == KIND_OUTPUT).count() as u64;
            }
            Ending::Failed(_) => self.failed += 1,
            Ending::Interrupted => {}
        }
        block.end(ending, took, paint);
        Some(block.text)
    }
}

impl Block {
    fn step(&mut self, step: Step, paint: Paint) {
        match step {
            Step::Memory { scope, operation, path, value } => self.memory(scope, operation, &path, value, paint),
            Step::CallBegun { position, function_id, arguments, known } => {
                let call = format!("{function_id} {}", shown(&arguments));
                match known {
                    KnownCall::New => {}
                    KnownCall::Recorded(outcome) => self.call("replay", &call, &outcome, paint),
                    KnownCall::CutOff => self.line("asks", &format!("what became of {call}"), paint),
                }
                self.calls.insert(position, call);
            }
            Step::CallEnded { position, outcome } => {
                let call = self.calls.get(&position).cloned().unwrap_or_default();
                self.call("call", &call, &outcome, paint);
            }
            Step::Requested { method, url, replayed, answer } => {
                let word = if replayed { "replay" } else { "request" };
                let answer = match answer {
                    Ok((status, bytes)) if status < 400 => format!("{status}, {bytes} bytes"),
                    Ok((status, bytes)) => paint.odd(&format!("{status}, {bytes} bytes")),
                    Err(error) => paint.bad(&escape_controls(&error)),
                };
                self.painted(
                    word,
                    &format!("{} {} {answer}", escape_controls(&format!("{method} {url}")), arrow(paint)),
                    paint,
                );
            }
            Step::Logged { level, line } => self.line("log", &format!("{level} {}", cut(&line)), paint),
            Step::Began { .. } | Step::Ended { .. } => unreachable!("they make and end a block"),
        }
    }

    fn memory(
        &mut self,
        scope: Scope,
        operation: MemoryOperation,
        path: &str,
        value: Result<Option<String>, String>,
        paint: Paint,
    ) {
        let (word, operator) = match operation {
            MemoryOperation::Get => ("reads", " ="),
            MemoryOperation::Fields => ("reads", " has"),
            MemoryOperation::Exists => ("reads", " exists:"),
            MemoryOperation::Set | MemoryOperation::NewObject => ("writes", " ="),
            MemoryOperation::Remove => ("removes", ""),
        };
        let path = match (scope, path) {
            (Scope::ShortTerm, "") => "all memory".to_owned(),
            (Scope::Sensory, "") => "all sensory memory".to_owned(),
            (Scope::ShortTerm, path) => path.to_owned(),
            (Scope::Sensory, path) => format!("sensory {path}"),
        };
        let path = escape_controls(&path);
        let text = match value {
            Ok(Some(value)) => format!("{path}{operator} {}", shown(&value)).trim_end().to_owned(),
            Ok(None) => format!("{path}{}", paint.faint(": nothing is there")),
            Err(error) => format!("{path}: {}", paint.bad(&escape_controls(&error))),
        };
        self.painted(word, &text, paint);
    }

    fn call(&mut self, word: &str, call: &str, outcome: &Result<String, Failure>, paint: Paint) {
        let outcome = match outcome {
            Ok(json) => shown(json),
            Err(failure) => paint.bad(&told(failure)),
        };
        self.painted(word, &format!("{} {} {outcome}", escape_controls(call), arrow(paint)), paint);
    }

    fn end(&mut self, ending: Ending, took: Duration, paint: Paint) {
        let took = format!("in {}", readable(took));
        match ending {
            Ending::Completed(events) => {
                for event in &events {
                    let payload = shown(event.payload.as_str());
                    match &*event.kind {
                        KIND_OUTPUT => self.painted("output", &paint.good(&payload), paint),
                        kind => self.painted("emits", &format!("{} {payload}", escape_controls(kind)), paint),
                    }
                }
                self.count_left_out(paint);
                self.text += &format!("  {}\n", paint.faint(&format!("done {took}")));
            }
            Ending::Failed(failure) => {
                self.count_left_out(paint);
                let what = match failure.class {
                    FailureClass::Retryable => format!("failed {took}, may be tried again:"),
                    FailureClass::Fatal => format!("failed {took}:"),
                    class => format!("failed ({}) {took}:", class.as_str()),
                };
                self.text += &format!("  {} {}\n", paint.bad(&what), told(&failure.failure));
            }
            Ending::Interrupted => {
                self.text += &format!("  {}\n", paint.odd(&format!("given up {took}: the host stops")));
            }
        }
    }

    /// A line of what may hold anything.
    fn line(&mut self, word: &str, text: &str, paint: Paint) {
        self.painted(word, &escape_controls(text), paint);
    }

    /// A line whose text is fit for a terminal.
    fn painted(&mut self, word: &str, text: &str, paint: Paint) {
        self.lines += 1;
        if self.lines <= LINES_MAX {
            writeln!(self.text, "  {} {text}", paint.faint(&format!("{word:WORD_WIDTH$}")))
                .expect("a string takes all");
        }
    }

    fn count_left_out(&mut self, paint: Paint) {
        if self.lines > LINES_MAX {
            self.text += &format!("  {}\n", paint.faint(&format!("… and {} lines more", self.lines - LINES_MAX)));
        }
    }
}

fn arrow(paint: Paint) -> String {
    paint.faint("→")
}

/// A failure in a line, fit for a terminal.
fn told(failure: &Failure) -> String {
    escape_controls(&cut(&failure.to_string()))
}

/// A value in a line, fit for a terminal.
fn shown(value: &str) -> String {
    escape_controls(&cut(value))
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(VALUE_CHARS_MAX) {
        Some((at, _)) => format!("{}… ({} bytes)", &text[..at], text.len()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
