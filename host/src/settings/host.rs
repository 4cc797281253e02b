//! The process: `[host]`.

use super::error::Problem;
use serde::Deserialize;
use std::net::SocketAddr;

/// More shards than partitions would have nothing to do [S20].
pub(super) const SHARDS_MAX: usize = 64;

/// `[host]` as it may be written.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HostManifest {
    shards: Option<usize>,
    listen: Option<String>,
    on_quarantine_full: Option<OnQuarantineFull>,
}

/// How the process is laid out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostSettings {
    /// Shards, a thread each.
    pub shards: usize,
    /// Where `/metrics` and `/health` are answered, if anywhere.
    pub listen: Option<SocketAddr>,
    /// What becomes of an input event for a quarantined key whose queue is full.
    pub on_quarantine_full: OnQuarantineFull,
}

/// What becomes of an input event for a quarantined key whose queue is full [S29].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnQuarantineFull {
    /// It becomes a dead letter.
    DeadLetter,
    /// Its partition waits until the key is repaired.
    Pause,
}

impl HostManifest {
    /// The settings.
    pub(super) fn resolve(self) -> Result<HostSettings, Problem> {
        let shards = self.shards.unwrap_or_else(cores).min(if self.shards.is_none() { SHARDS_MAX } else { usize::MAX });
        if !(1..=SHARDS_MAX).contains(&shards) {
            return Err(Problem::new(
                "host.shards",
                format!("{shards} shards: from 1 to {SHARDS_MAX} can share the partitions"),
            ));
        }
        Ok(HostSettings {
            shards,
            listen: self.listen.map(|text| address("host.listen", &text)).transpose()?,
            on_quarantine_full: self.on_quarantine_full.unwrap_or(OnQuarantineFull::DeadLetter),
        })
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// The address in a setting; `localhost` is the one name that needs no look-up.
pub(super) fn address(path: &str, text: &str) -> Result<SocketAddr, Problem> {
    let numeric = text.strip_prefix("localhost:").map_or(text.to_owned(), |port| format!("127.0.0.1:{port}"));
    numeric.parse().map_err(|_| {
        Problem::new(path, format!("{text:?} is no address to listen on: write IP and port, such as 127.0.0.1:8080"))
    })
}
