//! One reader splits the source over the partitions; each partition's offset goes along with the reader [S35].

use super::{BadEvent, EventParser, FileSource, InboxSource};
use crate::driver::Shards;
use crate::settings::OnBadEvent;
use anyhow::bail;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::oneshot;
use weir_core::event::{InputEvent, PartitionId};
use weir_core::partition::partition_of;

/// How many events one batch holds at most.
const BATCH_EVENTS_MAX: usize = 256;
/// From how many bytes on a batch is full.
const BATCH_BYTES_MAX: usize = 256 << 10;

/// How far the reader was when it handed a batch over: all before belongs to this or an earlier batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The position after the last event.
    pub offset: u64,
    /// Of a file: SHA-256 of all up to there.
    pub digest: Option<[u8; 32]>,
}

/// What the reader hands to one shard at once, in order.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Events of the shard's partitions.
    pub events: Vec<(PartitionId, InputEvent)>,
    /// What is no event, for the shard of partition 0.
    pub set_aside: Vec<SetAside>,
    /// How far the reader is.
    pub progress: Progress,
    /// Nothing follows.
    pub end: bool,
}

/// What is no event, and goes to the dead letters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetAside {
    /// Where it stands in the source.
    pub position: u64,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Why it is no event.
    pub why: String,
}

/// One event as the source holds it.
#[derive(Debug)]
pub struct Taken {
    /// Where it stands.
    pub position: u64,
    /// The position after it.
    pub next: u64,
    /// For people: `file:line`, or `inbox 17`.
    pub place: String,
    /// Its bytes, where they are no event.
    pub bytes: Vec<u8>,
    /// What was made of them.
    pub event: Result<InputEvent, BadEvent>,
}

/// The source behind the reader.
#[derive(Debug)]
pub enum SourceKind {
    /// Lines of a file.
    File(Box<FileSource>),
    /// The inbox, fed from standard input or by posts.
    Inbox(InboxSource),
}

/// How a reader ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReaderStop {
    /// The source is at its end.
    End,
    /// It was told to.
    Stopped,
}

/// Reads the source, on a thread of its own, until its end or until it is told to stop.
#[derive(Debug)]
pub struct Reader {
    /// The source.
    pub source: SourceKind,
    /// Turns bytes into events.
    pub parser: EventParser,
    /// What becomes of what is no event.
    pub on_bad_event: OnBadEvent,
    /// Partitions of the store.
    pub partitions: u32,
    /// Set to stop it.
    pub stop: Arc<AtomicBool>,
}

impl Reader {
    /// Reads and hands over, on a thread of its own. It ends when it is told to stop or the shards are gone; nobody needs
    /// to wait for it.
    pub fn start(self, shards: Shards) -> oneshot::Receiver<anyhow::Result<ReaderStop>> {
        let (sender, receiver) = oneshot::channel();
        std::thread::spawn(move || sender.send(self.run(&shards)));
        receiver
    }

    /// Reads and hands over.
    pub fn run(mut self, shards: &Shards) -> anyhow::Result<ReaderStop> {
        let mut batches = shards.empty_batches();
        loop {
            if self.stop.load(Ordering::Acquire) {
                return Ok(ReaderStop::Stopped);
            }
            let full = self.fill(&mut batches, shards);
            let progress = self.progress();
            let end = matches!(full, Ok(false));
            for batch in &mut batches {
                batch.progress = progress;
                batch.end = end;
            }
            // What was read before a bad event is handed over before the host stops for it.
            let handed_over = shards.hand_over(&mut batches);
            if full? && handed_over {
                continue;
            }
            return Ok(if end { ReaderStop::End } else { ReaderStop::Stopped });
        }
    }

    /// Reads one batch's worth; whether more may follow.
    fn fill(&mut self, batches: &mut [Batch], shards: &Shards) -> anyhow::Result<bool> {
        let mut bytes = 0;
        for count in 0..BATCH_EVENTS_MAX {
            let taken = match &mut self.source {
                SourceKind::File(file) => file.next(&self.parser)?,
                SourceKind::Inbox(inbox) => inbox.next(&self.parser, count == 0, &self.stop)?,
            };
            let Some(taken) = taken else {
                return Ok(match &self.source {
                    SourceKind::File(_) => false,
                    SourceKind::Inbox(inbox) => !inbox.is_at_end(),
                });
            };
            match taken.event {
                Ok(event) => {
                    bytes += event.event.payload.as_str().len();
                    let partition = partition_of(event.key.as_bytes(), self.partitions);
                    batches[shards.owner(partition)].events.push((partition, event));
                }
                Err(why) => self.on_bad_event(taken.position, taken.place, taken.bytes, why, batches, shards)?,
            }
            if bytes > BATCH_BYTES_MAX {
                break;
            }
        }
        Ok(true)
    }

    fn on_bad_event(
        &mut self,
        position: u64,
        place: String,
        bytes: Vec<u8>,
        why: BadEvent,
        batches: &mut [Batch],
        shards: &Shards,
    ) -> anyhow::Result<()> {
        if self.on_bad_event == OnBadEvent::Stop {
            // It is read again at the next start, mended or not.
            match &mut self.source {
                SourceKind::File(file) => file.give_back(),
                SourceKind::Inbox(inbox) => inbox.give_back(),
            }
            let why = why.to_string();
            let why = why.strip_prefix("is ").map_or_else(|| format!("it {why}"), str::to_owned);
            bail!("{place} is no event: {why}; mend it, or set source.on_bad_event = \"set-aside\"");
        }
        tracing::warn!("{place} is set aside: it {why}");
        let set_aside = SetAside { position, bytes, why: why.to_string() };
        batches[shards.owner(PartitionId(0))].set_aside.push(set_aside);
        Ok(())
    }

    fn progress(&self) -> Progress {
        match &self.source {
            SourceKind::File(file) => file.progress(),
            SourceKind::Inbox(inbox) => inbox.progress(),
        }
    }
}
