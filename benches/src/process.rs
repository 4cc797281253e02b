//! (g): the host as a process: what it holds when idle, and how soon it works again after kill -9.

use crate::Bench;
use crate::child::median;
use crate::clock::resident_bytes;
use crate::job::{KEYS, Setup, write_events, write_manifest};
use crate::report::{Bound, Figure};
use anyhow::{Context, ensure};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a host that does not come up is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

/// Measures idle memory and restarts.
pub fn measure(bench: &Bench) -> anyhow::Result<Vec<Figure>> {
    let idle_mb = idle_mb(bench)?;
    let restart_s = median((0..bench.rounds).map(|_| restart_s(bench)).collect::<Result<_, _>>()?);
    Ok(vec![
        Figure::megabytes("g", "idle host, resident", idle_mb, Bound::AtMost(60.0))
            .saying("`weir run` with `listen`, embedded store"),
        Figure::seconds("g", "restart to work after kill -9", restart_s, Bound::AtMost(1.0))
            .saying("from the start of the process until an action has completed"),
    ])
}

fn idle_mb(bench: &Bench) -> anyhow::Result<f64> {
    let folder = tempfile::tempdir()?;
    let source = format!("listen = \"{}\"", free_address()?);
    let host = Host::start(bench, folder.path(), &source)?;
    host.wait_for("weir_input_events_total", 0.0)?;
    std::thread::sleep(Duration::from_secs(2));
    Ok(resident_bytes(&host.process.id().to_string())? as f64 / 1e6)
}

fn restart_s(bench: &Bench) -> anyhow::Result<f64> {
    let folder = tempfile::tempdir()?;
    write_events(&folder.path().join("events.jsonl"), 10 * bench.events, KEYS)?;
    let source = "file = \"events.jsonl\"";
    let mut host = Host::start(bench, folder.path(), source)?;
    host.wait_for("weir_checkpoints_total", 2.0)?;
    host.process.kill()?;
    host.process.wait()?;
    let began = Instant::now();
    let host = Host::start(bench, folder.path(), source)?;
    host.wait_for("weir_actions_completed_total", 1.0)?;
    Ok(began.elapsed().as_secs_f64())
}

/// A host that runs; killed when it is dropped.
struct Host {
    process: Child,
    address: SocketAddr,
}

impl Host {
    fn start(bench: &Bench, folder: &Path, source: &str) -> anyhow::Result<Self> {
        let address = free_address()?;
        let manifest = folder.join("weir.toml");
        let setup = Setup { guest: &bench.guest, source, store: "embedded", shards: 2, has_sink: true };
        write_manifest(&manifest, &setup)?;
        let listen = format!("host.listen={address}");
        let mut command = Command::new(&bench.weir);
        command.arg("run").arg(&manifest).args(["--set", &listen]).stdout(Stdio::null()).stderr(Stdio::null());
        Ok(Self { process: command.spawn()?, address })
    }

    /// Waits until a metric has at least this value.
    fn wait_for(&self, metric: &str, value: f64) -> anyhow::Result<()> {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            if self.metric(metric).is_ok_and(|found| found >= value) {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        ensure!(false, "{metric} did not come to {value} within {} s", PATIENCE.as_secs());
        Ok(())
    }

    fn metric(&self, name: &str) -> anyhow::Result<f64> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: weir\r\nconnection: close\r\n\r\n")?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        let line = text.lines().find(|line| line.starts_with(name)).with_context(|| format!("no {name}"))?;
        Ok(line.rsplit(' ').next().unwrap_or_default().parse()?)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}
