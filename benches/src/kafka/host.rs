//! Hosts on Kafka as processes.

use crate::child::Run;
use crate::clock::process_cpu_s;
use crate::kafka::PARTITIONS;
use crate::kafka::topics::{Topic, make};
use anyhow::{Context, ensure};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};
use weir_kafka::KafkaSettings;
use weir_tests::kafka::{Cluster, unique};
use weir_tests::process::Weir;
use weir_tests::{Manifest, Project};

/// How long a host that does not go on is waited for.
const PATIENCE: Duration = Duration::from_secs(120);
/// How often a host is asked how far it is: often enough for a run of seconds, and too seldom to cost anything.
const LOOK: Duration = Duration::from_millis(100);

/// How long the group must have been quiet to count as settled: some of the clients' heartbeats, through which a shard
/// hears of the others.
const QUIET: Duration = Duration::from_secs(3);

/// The job as an application on Kafka, of which there may be several hosts.
pub struct Application<'a> {
    /// Its name.
    pub name: String,
    /// Where its outputs go.
    pub sink: Topic<'a>,
    manifest: Manifest,
    /// What it makes by itself.
    _own: Vec<Topic<'a>>,
}

impl<'a> Application<'a> {
    /// A new one that reads this topic.
    pub fn new(cluster: &'a Cluster, guest: &Path, source: &str, shards: usize) -> Self {
        let (name, sink) = (unique("tally"), make(cluster, "outputs"));
        let settings = KafkaSettings::new(&name, cluster.bootstrap(), source);
        let mut manifest = Manifest::new(guest)
            .source(&format!("kafka = {{ topic = {source:?} }}"))
            .sink(Some(&format!("kafka = {{ topic = {:?} }}", &*sink)))
            .with(&format!("[host]\nshards = {shards}\nlisten = \"127.0.0.1:0\""))
            .with(&format!("[kafka]\nbootstrap_servers = {:?}", cluster.bootstrap()));
        manifest.name.clone_from(&name);
        manifest.store = "kind = \"kafka\"".to_owned();
        let own = weir_kafka::topics::specs(&settings).into_iter().filter(|spec| spec.role.is_made());
        let own = own.map(|spec| Topic::named(cluster, spec.name)).collect();
        Self { name, sink, manifest, _own: own }
    }

    /// The same with another time from one checkpoint to the next.
    pub fn with_checkpoint_interval(mut self, interval: Duration) -> Self {
        self.manifest.store += &format!("\ncheckpoint_interval_ms = {}", interval.as_millis());
        self
    }

    /// The same with a property of its clients.
    pub fn with_client(mut self, name: &str, value: &str) -> Self {
        self.manifest = self.manifest.with(&format!("client.{name:?} = {value:?}"));
        self
    }

    /// Its topic of action states.
    pub fn action_states(&self) -> String {
        format!("{}.action-state", self.name)
    }

    /// A host that starts now.
    pub fn start(&self) -> Host<'_> {
        let project = Project::new(&self.manifest);
        Host { weir: project.start(), _project: project, _application: self }
    }
}

/// A host; killed when it is dropped.
pub struct Host<'a> {
    /// The process.
    pub weir: Weir,
    _project: Project,
    /// Its topics are there as long as this is.
    _application: &'a Application<'a>,
}

impl Host<'_> {
    /// Waits until it has taken so many partitions over; seconds since this time.
    pub fn wait_for_partitions(&self, count: usize, began: Instant) -> anyhow::Result<f64> {
        while self.weir.stderr().matches("is taken over").count() < count {
            ensure!(
                began.elapsed() < PATIENCE,
                "partitions are not taken over; the host says:\n{}",
                self.weir.stderr()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(began.elapsed().as_secs_f64())
    }

    /// Waits until the shards have shared all partitions out.
    pub fn settle(&self) -> anyhow::Result<()> {
        let began = Instant::now();
        self.wait_for_partitions(PARTITIONS as usize, began)?;
        let moves = || self.weir.stderr().lines().filter(|line| line.contains("partition")).count();
        let (mut known, mut since) = (moves(), Instant::now());
        while since.elapsed() < QUIET {
            ensure!(began.elapsed() < PATIENCE, "the group does not settle; the host says:\n{}", self.weir.stderr());
            std::thread::sleep(Duration::from_millis(50));
            if moves() != known {
                (known, since) = (moves(), Instant::now());
            }
        }
        Ok(())
    }

    /// What it takes from a tenth of these events to the last look before their end: all threads of the process.
    pub fn measure(&mut self, events: u64) -> anyhow::Result<Run> {
        let address = self.weir.metrics_origin();
        let address = address.trim_start_matches("http://");
        let process = self.weir.id().to_string();
        let (began, mut samples) = (Instant::now(), Vec::new());
        loop {
            let done = completed(address)?;
            let cpu_s = process_cpu_s(&process).context("the host has ended")?;
            match done {
                done if done >= events * 95 / 100 => break,
                done if done >= events / 10 => samples.push((done, Instant::now(), cpu_s)),
                _ => {}
            }
            ensure!(began.elapsed() < PATIENCE, "{done} of {events} events; it says:\n{}", self.weir.stderr());
            std::thread::sleep(LOOK);
        }
        let (first, last) = samples.first().zip(samples.last()).context("the run is too short")?;
        ensure!(first.0 < last.0, "the run is too short");
        Ok(Run { events: last.0 - first.0, wall_s: (last.1 - first.1).as_secs_f64(), cpu_s: last.2 - first.2 })
    }
}

/// How many actions have completed.
fn completed(address: &str) -> anyhow::Result<u64> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: weir\r\nconnection: close\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let line = text.lines().find(|line| line.starts_with("weir_actions_completed_total"));
    let value: f64 = line.and_then(|line| line.rsplit(' ').next()).context("a metric is missing")?.parse()?;
    Ok(value as u64)
}
