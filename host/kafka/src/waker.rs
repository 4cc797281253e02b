//! Wakes a shard when one of its Kafka clients has something for it.

#![expect(unsafe_code, reason = "rdkafka has no safe way to be told of a queue that is no longer empty")]

use rdkafka::client::{Client, ClientContext};
use rdkafka_sys as sys;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use tokio::net::unix::pipe;

/// One pipe into which librdkafka writes a byte whenever a watched queue gets its first element: one thread waits for
/// a consumer and several producers at once, without a thread between them.
///
/// Lifecycle: made on the thread that waits; `watch_*` for each client; then `woken`, again and again. A waker outlives
/// the clients that it watches.
#[derive(Debug)]
pub struct Waker {
    /// Kept open: librdkafka knows its number.
    sender: OwnedFd,
    receiver: pipe::Receiver,
}

/// Which of a client's queues is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Queue {
    /// A consumer's records and events.
    Consumer,
    /// A producer's delivery reports.
    Main,
}

impl Waker {
    /// A waker that watches nothing yet. Needs a runtime of tokio with IO.
    pub fn new() -> io::Result<Self> {
        let (sender, receiver) = pipe::pipe()?;
        Ok(Self { sender: sender.into_nonblocking_fd()?, receiver })
    }

    /// Watches one queue of a client.
    pub(crate) fn watch<C: ClientContext>(&self, client: &Client<C>, queue: Queue) {
        let byte = [1u8];
        // SAFETY: the client lives while its pointer is used here, the handle of the queue is given back, and librdkafka
        // copies the byte. The file descriptor stays open as long as this waker, which outlives the client.
        unsafe {
            let handle = match queue {
                Queue::Consumer => sys::rd_kafka_queue_get_consumer(client.native_ptr()),
                Queue::Main => sys::rd_kafka_queue_get_main(client.native_ptr()),
            };
            sys::rd_kafka_queue_io_event_enable(handle, self.sender.as_raw_fd(), byte.as_ptr().cast(), byte.len());
            sys::rd_kafka_queue_destroy(handle);
        }
    }

    /// Waits until something came up in a watched queue since the last call. It may have been taken meanwhile.
    pub async fn woken(&self) -> io::Result<()> {
        self.receiver.readable().await?;
        let mut bytes = [0; 256];
        loop {
            match self.receiver.try_read(&mut bytes) {
                Ok(read) if read == bytes.len() => {}
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }
}
