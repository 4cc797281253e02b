//! The control socket: how the command line looks into a host, and repairs its quarantined keys.

pub mod client;
pub mod look;
pub mod offline;
pub mod protocol;
pub mod report;

use std::path::{Path, PathBuf};

/// The socket of the host that runs on this store's folder.
pub fn socket_path(store_directory: &Path) -> PathBuf {
    store_directory.join("control.sock")
}
