//! A server that takes connections and never answers.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// The server; its thread ends with this process.
pub struct Silence {
    address: SocketAddr,
    taken: Arc<Mutex<Vec<TcpStream>>>,
}

impl Silence {
    /// Begins to listen.
    pub fn listen() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let taken = Arc::new(Mutex::new(Vec::new()));
        let holder = taken.clone();
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                holder.lock().expect("no holder panics").push(connection);
            }
        });
        Ok(Self { address, taken })
    }

    /// What is granted to who is to wait.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Drops the connections that were taken; how many there were.
    pub fn drop_all(&self) -> usize {
        std::mem::take(&mut *self.taken.lock().expect("no holder panics")).len()
    }
}
