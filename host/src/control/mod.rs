//! The control socket: how the command line looks into a host, and repairs its quarantined keys.

pub mod client;
pub mod look;
pub mod offline;
#[cfg(feature = "kafka")]
mod progress;
pub mod protocol;
pub mod report;
pub mod stopped;
#[cfg(feature = "kafka")]
pub mod topics;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// What the system takes as a socket's path, bytes, with some to spare.
const PATH_BYTES_MAX: usize = 90;

/// The socket of the host that runs on this store's folder.
pub fn socket_path(store_directory: &Path) -> PathBuf {
    store_directory.join("control.sock")
}

/// A name of the socket that the system takes, however long the folder's is. It holds as long as this lives.
#[derive(Debug)]
pub struct SocketName {
    path: PathBuf,
    _folder: Option<File>,
}

impl SocketName {
    /// The name of the socket in this store's folder.
    pub fn new(store_directory: &Path) -> io::Result<Self> {
        let path = socket_path(store_directory);
        if !cfg!(target_os = "linux") || path.as_os_str().len() <= PATH_BYTES_MAX {
            return Ok(Self { path, _folder: None });
        }
        use std::os::fd::AsRawFd;
        let folder = File::open(store_directory)?;
        let path = socket_path(Path::new(&format!("/proc/self/fd/{}", folder.as_raw_fd())));
        Ok(Self { path, _folder: Some(folder) })
    }

    /// The path to bind or to connect to.
    pub fn path(&self) -> &Path {
        &self.path
    }
}
