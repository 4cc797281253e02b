//! Group commit: one thread syncs, one sync serves all that wait.

use super::error::StoreError;
use super::inbox::InboxEnd;
use super::journal::Journal;
use super::poison::Poison;
use fjall::{Database, PersistMode};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;

/// What is called when a sync that covers the request has ended.
type OnSynced = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// The thread that makes the journal durable.
///
/// Life: a request joins the queue; the thread takes the whole queue, syncs once, answers all. A failed sync is final:
/// it poisons the store, and every later request is answered so [S26].
#[derive(Debug)]
pub(super) struct Syncer {
    queue: Arc<Queue>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread syncs.
pub(super) struct SyncTarget {
    pub(super) database: Database,
    pub(super) journal: Journal,
    pub(super) poison: Arc<Poison>,
    pub(super) inbox_end: Arc<InboxEnd>,
}

#[derive(Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    wake: Condvar,
}

#[derive(Default)]
struct Waiting {
    requests: Vec<OnSynced>,
    is_closed: bool,
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Queue")
    }
}

impl Syncer {
    /// Starts the thread.
    pub(super) fn start(target: SyncTarget) -> std::io::Result<Self> {
        let queue = Arc::new(Queue::default());
        let thread = std::thread::Builder::new().name("weir-sync".to_owned()).spawn({
            let queue = queue.clone();
            move || queue.serve(target)
        })?;
        Ok(Self { queue, thread: Some(thread) })
    }

    /// Calls back once all that was appended before is durable, or can never be.
    pub(super) fn request(&self, on_synced: OnSynced) {
        self.queue.lock().requests.push(on_synced);
        self.queue.wake.notify_one();
    }
}

impl Drop for Syncer {
    fn drop(&mut self) {
        self.queue.lock().is_closed = true;
        self.queue.wake.notify_one();
        // The last handle of the store may fall in a callback, so on the very thread that is waited for here.
        let thread = self.thread.take().filter(|thread| thread.thread().id() != std::thread::current().id());
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

impl Queue {
    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting> {
        // A callback never runs under the lock, so nothing can panic while it is held.
        self.waiting.lock().expect("nothing panics under this lock")
    }

    fn serve(&self, mut target: SyncTarget) {
        loop {
            let requests = {
                let mut waiting = self.lock();
                while waiting.requests.is_empty() && !waiting.is_closed {
                    waiting = self.wake.wait(waiting).expect("nothing panics under this lock");
                }
                std::mem::take(&mut waiting.requests)
            };
            if requests.is_empty() {
                return;
            }
            let result = target.sync();
            for on_synced in requests {
                on_synced(result.clone());
            }
        }
    }
}

impl SyncTarget {
    fn sync(&mut self) -> Result<(), StoreError> {
        self.poison.check()?;
        let inbox_end = self.inbox_end.appended();
        // To the system first; this also tells whether a write in the background has failed.
        self.database.persist(PersistMode::Buffer).map_err(|error| self.poison.set_by(&error))?;
        self.journal.sync().map_err(|error| self.poison.set(error.to_string().into()))?;
        self.database.persist(PersistMode::Buffer).map_err(|error| self.poison.set_by(&error))?;
        self.inbox_end.set_durable(inbox_end);
        Ok(())
    }
}
