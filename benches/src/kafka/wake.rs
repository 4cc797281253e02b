//! Wakes a thread when one of its Kafka clients has something for it.

#![expect(unsafe_code, reason = "rdkafka has no safe way to be told of a queue that is no longer empty")]

use rdkafka::client::{Client, ClientContext};
use rdkafka_sys as sys;
use std::io::Read;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// How long a thread sleeps at most.
const SLEEP_MAX: Duration = Duration::from_millis(20);

/// A pair of sockets into one of which librdkafka writes a byte whenever a watched queue gets its first element. It
/// outlives the clients that it watches.
pub struct Wake {
    sender: UnixStream,
    receiver: UnixStream,
}

impl Wake {
    /// One that watches nothing yet.
    pub fn new() -> std::io::Result<Self> {
        let (sender, receiver) = UnixStream::pair()?;
        sender.set_nonblocking(true)?;
        receiver.set_read_timeout(Some(SLEEP_MAX))?;
        Ok(Self { sender, receiver })
    }

    /// Watches the records of a consumer.
    pub fn watch_consumer<C: ClientContext>(&self, client: &Client<C>) {
        // SAFETY: the client lives while its pointer is used here.
        self.watch(unsafe { sys::rd_kafka_queue_get_consumer(client.native_ptr()) });
    }

    /// Watches the delivery reports of a producer.
    pub fn watch_producer<C: ClientContext>(&self, client: &Client<C>) {
        // SAFETY: as above.
        self.watch(unsafe { sys::rd_kafka_queue_get_main(client.native_ptr()) });
    }

    fn watch(&self, queue: *mut sys::rd_kafka_queue_t) {
        let byte = [1u8];
        // SAFETY: the handle of the queue was just given, and is given back; librdkafka copies the byte; the socket stays
        // open as long as this, which outlives the client.
        unsafe {
            sys::rd_kafka_queue_io_event_enable(queue, self.sender.as_raw_fd(), byte.as_ptr().cast(), byte.len());
            sys::rd_kafka_queue_destroy(queue);
        }
    }

    /// Sleeps until something came up in a watched queue since the last call, but not for long.
    pub fn sleep(&self) {
        let _ = (&self.receiver).read(&mut [0; 256]);
    }
}
