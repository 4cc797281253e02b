//! Standard input: its lines go into the inbox, durable before they are run, for they can't be read again [S1].

use super::InboxSignal;
use crate::clock::now_ms;
use crate::embedded::{InboxAnswer, InboxEvent, Store};
use anyhow::Context;
use std::io::{BufRead, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use weir_core::key::Key;

/// How many lines are taken into the inbox at once, at most.
const BATCH_LINES_MAX: usize = 1_000;
/// How long to wait when the inbox is full.
const FULL_WAIT: Duration = Duration::from_millis(10);

/// Feeds the inbox from standard input, on a thread of its own.
pub struct StdinFeed {
    /// The store whose inbox it is.
    pub store: Store,
    /// Told when lines are there, and at the end.
    pub signal: Arc<InboxSignal>,
    /// Set to stop it.
    pub stop: Arc<AtomicBool>,
    /// The longest line that is kept whole, bytes.
    pub line_bytes_max: usize,
}

impl StdinFeed {
    /// Reads to the end of standard input, or until told to stop.
    pub fn run<R: Read>(self, mut input: BufReader<R>) -> anyhow::Result<()> {
        let mut batch = Vec::new();
        while !self.stop.load(Ordering::Acquire) {
            let line = self.next_line(&mut input).context("read standard input")?;
            let at_end = line.is_none();
            batch.extend(line.filter(|line| !line.trim_ascii().is_empty()).map(event));
            let more_is_there = !at_end && batch.len() < BATCH_LINES_MAX && input.buffer().contains(&b'\n');
            if !more_is_there && !batch.is_empty() {
                self.take(std::mem::take(&mut batch))?;
            }
            if at_end {
                break;
            }
        }
        self.signal.close();
        Ok(())
    }

    /// Puts lines into the inbox and waits until they are durable.
    fn take(&self, mut events: Vec<InboxEvent>) -> anyhow::Result<()> {
        while !events.is_empty() {
            let answers = self.store.inbox_append(events.clone())?;
            self.store.sync()?;
            self.signal.came();
            let full = answers.iter().map(|answer| *answer == InboxAnswer::Full);
            events = events.into_iter().zip(full).filter_map(|(event, full)| full.then_some(event)).collect();
            if !events.is_empty() {
                if self.stop.load(Ordering::Acquire) {
                    return Ok(());
                }
                std::thread::sleep(FULL_WAIT);
            }
        }
        Ok(())
    }

    /// One line, cut off behind the limit: that it is too long is found when it is read as an event.
    fn next_line<R: Read>(&self, input: &mut BufReader<R>) -> std::io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        let limit = self.line_bytes_max as u64 + 2;
        if input.by_ref().take(limit).read_until(b'\n', &mut line)? == 0 {
            return Ok(None);
        }
        if !line.ends_with(b"\n") && line.len() as u64 == limit {
            input.skip_until(b'\n')?;
        }
        let end = line.iter().rposition(|byte| !matches!(byte, b'\n' | b'\r')).map_or(0, |at| at + 1);
        line.truncate(end);
        Ok(Some(line))
    }
}

fn event(payload: Vec<u8>) -> InboxEvent {
    InboxEvent {
        key: Key::new([]),
        kind: None,
        payload,
        headers: Vec::new(),
        received_at_ms: now_ms(),
        idempotency_key: None,
    }
}
