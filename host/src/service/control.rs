//! The host's side of the control socket: `weir inspect` and `weir quarantine` on a running host.

use super::Service;
use crate::control::protocol::{Answer, KeyHeader, KeyName, LINE_BYTES_MAX, QuarantinedKey, Request};
use crate::control::{SocketName, look, protocol, socket_path};
use crate::driver::{Observation, RepairRequest, ShardControl, ShardObservation};
use anyhow::Context;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use weir_core::key::Key;
use weir_core::operator::KeyReport;
use weir_core::partition::partition_of;

/// How long a host that ends waits for answers that are on their way.
const LAST_ANSWERS_MAX: Duration = Duration::from_secs(2);

/// The control socket of a host that runs.
pub struct ControlSocket {
    accepting: JoinHandle<()>,
    /// Closed when nobody is being answered any more.
    answering: mpsc::Receiver<Infallible>,
}

impl ControlSocket {
    /// Accepts nobody any more, and waits for whoever asked before: a repair that was taken is told as taken.
    pub async fn finish(mut self) {
        self.accepting.abort();
        let _ = tokio::time::timeout(LAST_ANSWERS_MAX, self.answering.recv()).await;
    }
}

/// Opens the socket in the store's folder, for the user who runs the host alone.
pub(super) fn listen(directory: &Path, service: Service) -> anyhow::Result<ControlSocket> {
    use std::os::unix::fs::PermissionsExt;
    let path = socket_path(directory);
    // The store's lock is held, so a socket that is there is a dead host's.
    let _ = std::fs::remove_file(&path);
    let listener = SocketName::new(directory).and_then(|name| UnixListener::bind(name.path()));
    let listener = listener.with_context(|| format!("open control socket {}", path.display()))?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    let (asking, answering) = mpsc::channel(1);
    let accepting = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (service, asking) = (service.clone(), asking.clone());
            tokio::spawn(async move {
                if let Err(error) = serve(stream, &service).await {
                    tracing::debug!("control socket: {error:#}");
                }
                drop(asking);
            });
        }
    });
    Ok(ControlSocket { accepting, answering })
}

async fn serve(stream: UnixStream, service: &Service) -> anyhow::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut line = String::new();
    BufReader::new(read.take(LINE_BYTES_MAX as u64)).read_line(&mut line).await?;
    let answer = match serde_json::from_str(&line) {
        Ok(request) => answer(service, request).await.unwrap_or_else(|error| refused(&format!("{error:#}"))),
        Err(error) => refused(&format!("the host does not understand what it is asked ({error}); is it older?")),
    };
    let mut line = serde_json::to_string(&answer)?;
    line.push('\n');
    write.write_all(line.as_bytes()).await?;
    Ok(())
}

fn refused(message: &str) -> Answer {
    Answer::Refused { message: message.to_owned() }
}

async fn answer(service: &Service, request: Request) -> anyhow::Result<Answer> {
    Ok(match request {
        Request::Keys { after, limit } => keys(service, look::key_of(after)?, limit).await?,
        Request::Key { key } => key_detail(service, key).await?,
        Request::States { after, limit } => look::states_page(states(service).await, look::key_of(after)?, limit),
        Request::Quarantine => Answer::Quarantine { keys: quarantined(service).await },
        Request::Repair(request) => repair(service, request).await?,
    })
}

async fn keys(service: &Service, after: Option<Key>, limit: usize) -> anyhow::Result<Answer> {
    let stored = service.store()?.keys(&[], after.as_ref(), limit.saturating_add(1))?;
    let mut found: BTreeMap<look::Order, KeyHeader> = BTreeMap::new();
    for (key, _) in stored {
        let entries = service.store()?.load_key(&key)?.unwrap_or_default();
        found.insert(look::order(&key), KeyHeader::from(&weir_core::operator::report_of_entries(&key, entries)?));
    }
    let after = after.as_ref().map(look::order);
    for report in resident(service).await {
        let order = look::order(&report.key);
        if after.as_ref().is_none_or(|after| *after < order) {
            found.insert(order, KeyHeader::from(&report));
        }
    }
    let more = found.len() > limit;
    Ok(Answer::Keys { keys: found.into_values().take(limit).collect(), more })
}

async fn resident(service: &Service) -> Vec<KeyReport> {
    let answers = service.observe(Observation::Keys).await.into_iter();
    let keys = answers.filter_map(|answer| match answer {
        ShardObservation::Keys(keys) => Some(keys),
        _ => None,
    });
    keys.flatten().collect()
}

async fn key_detail(service: &Service, name: KeyName) -> anyhow::Result<Answer> {
    let key = name.to_key().context("the key is not percent-encoded")?;
    let partition = partition_of(key.as_bytes(), service.partitions);
    let answers = service.observe(Observation::Key(partition, key.clone())).await;
    let resident = answers.into_iter().find_map(|answer| match answer {
        ShardObservation::Key(found) => found,
        _ => None,
    });
    let (report, states) = match resident {
        Some((report, states)) => (report, states),
        None => match service.store()?.load_key(&key)? {
            None => return Ok(Answer::UnknownKey),
            Some(entries) => (weir_core::operator::report_of_entries(&key, entries)?, Vec::new()),
        },
    };
    let quarantine = quarantined(service).await.into_iter().find(|found| found.name == name);
    Ok(Answer::Key(Box::new(protocol::KeyDetail::new(&report, &states, quarantine))))
}

async fn states(service: &Service) -> look::States {
    let answers = service.observe(Observation::States).await.into_iter();
    let states = answers.filter_map(|answer| match answer {
        ShardObservation::States(states) => Some(states),
        _ => None,
    });
    states.flatten().collect()
}

async fn quarantined(service: &Service) -> Vec<QuarantinedKey> {
    let answers = service.observe(Observation::Quarantine).await.into_iter();
    let reports = answers.filter_map(|answer| match answer {
        ShardObservation::Quarantine(reports) => Some(reports),
        _ => None,
    });
    let mut reports: Vec<_> = reports.flatten().collect();
    reports.sort_by(|a, b| a.state.cmp(&b.state));
    reports.iter().map(QuarantinedKey::from).collect()
}

async fn repair(service: &Service, request: protocol::RepairRequest) -> anyhow::Result<Answer> {
    let state = request.state.to_state_key().context("the repair names no action state")?;
    let partition = partition_of(state.key.as_bytes(), service.partitions);
    let (sender, receiver) = oneshot::channel();
    let request = RepairRequest { partition, state, repairs: request.repairs, repair: request.repair.into() };
    let shard = service.shards.owner(partition);
    let sent = service.shards.orders[shard].send(ShardControl::Repair(request, sender)).await;
    sent.ok().context("the host is stopping: repair again when it runs")?;
    Ok(match receiver.await.context("the host stopped before the repair was durable: repair again")? {
        Ok(()) => Answer::Repaired,
        Err(message) => Answer::Refused { message },
    })
}
