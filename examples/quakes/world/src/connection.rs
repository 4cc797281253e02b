use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::desk::Desk;
use crate::interruption::Interruption;

/// The answer that a connection is about to write.
pub(crate) struct Pending {
    pub number: u64,
    pub interruption: Option<Interruption>,
}

/// Where the handler of a connection leaves its pending answer for the connection's writer.
pub(crate) type PendingSlot = Arc<Mutex<Option<Pending>>>;

/// A TCP connection that knows when an answer has been handed to the network completely, and notes it in the ledger.
pub(crate) struct Connection {
    stream: TokioIo<TcpStream>,
    desk: Arc<Desk>,
    pending: PendingSlot,
}

impl Connection {
    pub fn new(stream: TcpStream, desk: Arc<Desk>, pending: PendingSlot) -> Connection {
        Connection { stream: TokioIo::new(stream), desk, pending }
    }

    fn take_pending(&self) -> Option<Pending> {
        self.pending.lock().expect("no holder of the slot panics").take()
    }
}

impl Read for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl Write for Connection {
    /// An answer is small and hyper hands it over whole, head and body; what the kernel left of it comes again.
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &[u8]) -> Poll<std::io::Result<usize>> {
        let Some(pending) = self.take_pending() else {
            return Pin::new(&mut self.stream).poll_write(context, buffer);
        };
        let desk = Arc::clone(&self.desk);
        let polled = desk.answering(pending.number, || {
            let polled = Pin::new(&mut self.stream).poll_write(context, buffer);
            let is_out = matches!(&polled, Poll::Ready(Ok(len)) if *len == buffer.len());
            (is_out, polled)
        });
        match &polled {
            Poll::Ready(Ok(len)) if *len == buffer.len() => {
                if let Some(interruption) = pending.interruption {
                    desk.interrupt(interruption);
                }
            }
            Poll::Ready(Err(_)) => {}
            _ => *self.pending.lock().expect("no holder of the slot panics") = Some(pending),
        }
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
