use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use crate::desk::Desk;
use crate::ledger::Ledger;
use crate::server;
use crate::settings::WorldSettings;

/// A running world: a server on a thread of its own, stopped when this is dropped.
pub struct World {
    address: SocketAddr,
    desk: Arc<Desk>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl World {
    /// Starts listening; the address is taken when this returns.
    pub fn start(settings: WorldSettings) -> io::Result<World> {
        let listener = std::net::TcpListener::bind(settings.listen)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
        let desk = Arc::new(Desk::new(settings));
        let (stop, stopped) = oneshot::channel();
        let serving = Arc::clone(&desk);
        let listener = {
            let _inside = runtime.enter();
            tokio::net::TcpListener::from_std(listener)?
        };
        let thread = std::thread::Builder::new().name("world".into()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    never = server::serve(listener, serving) => match never {},
                    _ = stopped => {}
                }
            });
        })?;
        Ok(World { address, desk, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://host:port`.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A copy of the ledger as it is now.
    pub fn ledger(&self) -> Ledger {
        self.desk.ledger()
    }

    /// Notes that the client was killed, so that later requests tell how many kills came before them.
    /// Interruptions note themselves.
    pub fn note_kill(&self) {
        self.desk.note_kill();
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // An error means that the thread has ended by itself.
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
