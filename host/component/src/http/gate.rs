//! The last look before a byte leaves the host [S32].

use hyper::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::net::TcpStream;
use tower_service::Service;

/// Whether a shard may make effects now: implemented by a driver whose partitions move between hosts.
pub trait EffectGate: Send + Sync + 'static {
    /// Looked at in the step that writes to a connection.
    fn is_open(&self) -> bool;

    /// Resolves when it is open: somebody waits to make an effect.
    fn opened(&self) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

/// That a gate was closed when a request was to be written.
#[derive(Debug)]
struct GateClosed {
    /// Whether a part of the request had left the host before.
    part_left: bool,
}

impl fmt::Display for GateClosed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the host may make no effect for this key any more")
    }
}

impl Error for GateClosed {}

/// Whether this error says that a gate was closed before any byte of the request had left.
pub(super) fn was_closed_before(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(cause) = next {
        let inner = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        if let Some(closed) = inner.and_then(|inner| inner.downcast_ref::<GateClosed>()) {
            return !closed.part_left;
        }
        next = cause.source();
    }
    false
}

/// Makes connections that look at the gate before each write.
#[derive(Clone)]
pub(super) struct GatedConnector {
    inner: HttpConnector,
    gate: Option<Arc<dyn EffectGate>>,
}

impl GatedConnector {
    pub(super) fn new(gate: Option<Arc<dyn EffectGate>>) -> Self {
        let mut inner = HttpConnector::new();
        // TLS is above it.
        inner.enforce_http(false);
        Self { inner, gate }
    }
}

type Connecting<T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send>>;

impl Service<Uri> for GatedConnector {
    type Response = GatedStream;
    type Error = <HttpConnector as Service<Uri>>::Error;
    type Future = Connecting<GatedStream, Self::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let (connecting, gate) = (self.inner.call(uri), self.gate.clone());
        Box::pin(async move { Ok(GatedStream { inner: connecting.await?, gate, part_left: false }) })
    }
}

/// A connection that writes nothing while its gate is closed.
pub(super) struct GatedStream {
    inner: TokioIo<TcpStream>,
    gate: Option<Arc<dyn EffectGate>>,
    /// Whether something was written since something was read.
    part_left: bool,
}

impl GatedStream {
    fn check(&self) -> io::Result<()> {
        match &self.gate {
            Some(gate) if !gate.is_open() => {
                Err(io::Error::new(io::ErrorKind::PermissionDenied, GateClosed { part_left: self.part_left }))
            }
            _ => Ok(()),
        }
    }

    fn on_written(&mut self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        self.part_left |= matches!(written, Poll::Ready(Ok(bytes)) if bytes > 0);
        written
    }
}

impl Read for GatedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.inner).poll_read(context, buffer);
        if matches!(read, Poll::Ready(Ok(()))) {
            self.part_left = false;
        }
        read
    }
}

impl Write for GatedStream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.check()?;
        let written = Pin::new(&mut self.inner).poll_write(context, bytes);
        self.on_written(written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check()?;
        let written = Pin::new(&mut self.inner).poll_write_vectored(context, slices);
        self.on_written(written)
    }
}

impl Connection for GatedStream {
    fn connected(&self) -> Connected {
        self.inner.connected()
    }
}
