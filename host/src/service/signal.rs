//! Ctrl-C and SIGTERM: the first drains, the second stops at once.

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

/// Exit code after a second signal.
const INTERRUPTED: i32 = 130;

/// Tells of the first signal; the second ends the process.
pub fn signals() -> mpsc::Receiver<()> {
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
        else {
            tracing::warn!("signals can't be watched: Ctrl-C stops without a last checkpoint");
            return std::future::pending().await;
        };
        for first in [true, false] {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if !first {
                std::process::exit(INTERRUPTED);
            }
            tracing::info!("stopping: open calls may finish; a second signal stops at once");
            let _ = sender.send(()).await;
        }
    });
    receiver
}
