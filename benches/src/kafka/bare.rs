//! The loop that a host on Kafka is compared with: rdkafka alone. Each event is read, put twice to a log, the second time
//! when the first is acknowledged, and then gives an output; outputs and offsets go in a transaction each 500 ms.
//!
//! As fast as it gets: producers are polled without waiting, one wake-up serves consumer and producers, and a commit
//! begins when nothing is in flight any more (`commit_transaction` would wait for that in steps of 100 ms).

use crate::bare::Bare;
use crate::child::Run;
use crate::clock::process_cpu_s;
use crate::kafka::PARTITIONS;
use crate::kafka::topics::{ANSWER_MAX, ends, list};
use crate::kafka::wake::Wake;
use anyhow::{Context as _, anyhow, bail, ensure};
use rdkafka::client::ClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{DeliveryResult, Message};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Barrier, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// Events in flight, of one thread.
const IN_FLIGHT_MAX: usize = 512;
/// From one transaction to the next.
pub const INTERVAL: Duration = Duration::from_millis(500);
/// Records that are read before the rest is looked after.
const READ_MAX: usize = 64;
/// Bytes of the names of the log's records beside the key, and of their values: as many as the host's have.
const NAME_BYTES: usize = 92;
const VALUE_BYTES: [usize; 2] = [60, 250];

/// `run-kafka-bare BOOTSTRAP SOURCE LOG SINK THREADS [GUEST]`: all events of the source, the first tenth to warm up. With a
/// guest, each event goes through the other bare loop too.
pub fn run_child(arguments: &[String]) -> anyhow::Result<()> {
    let (arguments, guest) = match arguments {
        [arguments @ .., guest] if arguments.len() == 5 => (arguments, Some(std::fs::read(guest)?)),
        _ => (arguments, None),
    };
    let [bootstrap, source, log, sink, threads] = arguments else {
        bail!("run-kafka-bare BOOTSTRAP SOURCE LOG SINK THREADS [GUEST]")
    };
    let threads: u32 = threads.parse()?;
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap);
    let ends = ends(&config, source)?;
    let events: u64 = ends.iter().sum();
    let job = Job {
        config,
        topics: [source, log, sink].map(String::as_str),
        ends,
        threads,
        guest,
        done: AtomicU64::new(0),
        ready: Barrier::new(threads as usize + 1),
    };
    let job = &job;
    let run = std::thread::scope(|scope| {
        let all: Vec<_> = (0..threads).map(|thread| scope.spawn(move || job.work(thread))).collect();
        job.ready.wait();
        let run = job.watch(events);
        all.into_iter().try_for_each(|thread| thread.join().expect("no thread panics"))?;
        run
    })?;
    run.tell()
}

struct Job<'a> {
    config: ClientConfig,
    topics: [&'a str; 3],
    ends: Vec<u64>,
    threads: u32,
    guest: Option<Vec<u8>>,
    done: AtomicU64,
    ready: Barrier,
}

/// One look at a run.
struct Sample {
    events: u64,
    at: Instant,
    cpu_s: f64,
}

/// What became durable of each partition: first puts, second puts.
#[derive(Default)]
struct Deliveries(Mutex<Counts>);

type Puts = [[u64; PARTITIONS as usize]; 2];

#[derive(Default)]
struct Counts {
    puts: Puts,
    failed: Option<String>,
}

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, which: usize) {
        let mut counts = self.0.lock().expect("nobody panics with it");
        match result {
            Ok(message) => counts.puts[which][message.partition() as usize] += 1,
            Err((error, _)) => drop(counts.failed.get_or_insert(error.to_string())),
        }
    }
}

impl Deliveries {
    fn puts(&self) -> anyhow::Result<Puts> {
        let counts = self.0.lock().expect("nobody panics with it");
        ensure!(counts.failed.is_none(), "a record did not arrive: {:?}", counts.failed);
        Ok(counts.puts)
    }
}

impl Job<'_> {
    fn sample(&self) -> Sample {
        let cpu_s = process_cpu_s("self").unwrap_or(0.0);
        Sample { events: self.done.load(Ordering::Relaxed), at: Instant::now(), cpu_s }
    }

    /// From a tenth of the events to the last look before their end.
    fn watch(&self, events: u64) -> anyhow::Result<Run> {
        let mut samples: Vec<Sample> = Vec::new();
        loop {
            let sample = self.sample();
            match sample.events {
                done if done >= events * 95 / 100 => break,
                done if done >= events / 10 => samples.push(sample),
                _ => {}
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let (first, last) = samples.first().zip(samples.last()).context("the run is too short")?;
        Ok(Run {
            events: last.events - first.events,
            wall_s: (last.at - first.at).as_secs_f64(),
            cpu_s: last.cpu_s - first.cpu_s,
        })
    }

    fn work(&self, thread: u32) -> anyhow::Result<()> {
        let wake = Wake::new()?;
        let worker = Worker::start(self, thread, &wake);
        self.ready.wait();
        let mut worker = worker?;
        if let Some(guest) = &self.guest {
            worker.actions = Some(Actions::new(guest)?);
        }
        worker.run(self, &wake)
    }
}

/// One thread of the loop.
struct Worker<'a> {
    consumer: BaseConsumer,
    log: BaseProducer<Deliveries>,
    outputs: BaseProducer<Deliveries>,
    topics: [&'a str; 3],
    partitions: Vec<PartitionInFlight>,
    in_flight: usize,
    actions: Option<Actions>,
}

/// The bare loop of wasmtime, and the memory of each key.
struct Actions {
    bare: Bare,
    memories: HashMap<Vec<u8>, BTreeMap<String, String>>,
}

impl Actions {
    fn new(guest: &[u8]) -> anyhow::Result<Self> {
        let bare = Bare::new(guest).map_err(|error| anyhow!("{error:#}"))?;
        Ok(Self { bare, memories: HashMap::new() })
    }

    fn serve(&mut self, key: &[u8], payload: &[u8]) -> anyhow::Result<()> {
        let memory = match self.memories.get_mut(key) {
            Some(memory) => memory,
            None => self.memories.entry(key.to_vec()).or_default(),
        };
        let served = pin!(self.bare.serve(std::str::from_utf8(payload)?.to_owned(), memory));
        // It waits for nothing.
        match served.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(outputs) => ensure!(outputs.map_err(|error| anyhow!("{error:#}"))? == 1, "an output each"),
            Poll::Pending => bail!("an action waits, though none of its calls does"),
        }
        Ok(())
    }
}

/// The keys of a partition's events whose first or second put is on its way, and how many have come so far.
struct PartitionInFlight {
    partition: u32,
    keys: [VecDeque<Vec<u8>>; 2],
    through: [u64; 2],
}

impl<'a> Worker<'a> {
    fn start(job: &Job<'a>, thread: u32, wake: &Wake) -> anyhow::Result<Self> {
        let [source, ..] = job.topics;
        let partitions = (0..PARTITIONS).filter(|partition| partition % job.threads == thread);
        let id = format!("{source}-{}", std::process::id());
        let mut config = job.config.clone();
        config.set("group.id", &id).set("enable.auto.commit", "false").set("fetch.queue.backoff.ms", "10");
        let consumer: BaseConsumer = config.create().context("make a consumer")?;
        consumer.assign(&list(source, partitions.clone(), Offset::Beginning)?)?;
        let mut config = job.config.clone();
        config.set("linger.ms", "1").set("acks", "all").set("enable.idempotence", "true");
        let log = config.create_with_context(Deliveries::default()).context("make a producer")?;
        config.set("transactional.id", format!("{id}-{thread}")).set("partitioner", "murmur2");
        let outputs: BaseProducer<_> = config.create_with_context(Deliveries::default()).context("make a producer")?;
        outputs.init_transactions(ANSWER_MAX)?;
        wake.watch_consumer(consumer.client());
        wake.watch_producer(Producer::client(&log));
        wake.watch_producer(Producer::client(&outputs));
        let in_flight = |partition| PartitionInFlight { partition, keys: Default::default(), through: [0; 2] };
        let partitions = partitions.map(in_flight).collect();
        Ok(Self { consumer, log, outputs, topics: job.topics, partitions, in_flight: 0, actions: None })
    }

    fn run(mut self, job: &Job<'_>, wake: &Wake) -> anyhow::Result<()> {
        let events: u64 = self.partitions.iter().map(|of| job.ends[of.partition as usize]).sum();
        let mut completed = 0;
        self.outputs.begin_transaction()?;
        let mut began = Instant::now();
        while completed < events {
            let read = self.read(job.threads)?;
            let done = self.complete()?;
            completed += done;
            job.done.fetch_add(done, Ordering::Relaxed);
            if began.elapsed() >= INTERVAL {
                self.commit()?;
                self.outputs.begin_transaction()?;
                began = Instant::now();
            }
            if read + done == 0 {
                wake.sleep();
            }
        }
        self.commit()
    }

    /// Reads events and puts the first record of each.
    fn read(&mut self, threads: u32) -> anyhow::Result<u64> {
        let mut read = 0;
        while self.in_flight < IN_FLIGHT_MAX && read < READ_MAX {
            let Some(message) = self.consumer.poll(Duration::ZERO) else { break };
            let message = message.context("read an event")?;
            let key = message.key().unwrap_or_default();
            if let Some(actions) = &mut self.actions {
                actions.serve(key, message.payload().unwrap_or_default())?;
            }
            put(&self.log, self.topics[1], message.partition(), key, 0)?;
            self.partitions[(message.partition() as u32 / threads) as usize].keys[0].push_back(key.to_vec());
            self.in_flight += 1;
            read += 1;
        }
        Ok(read as u64)
    }

    /// Puts the second record of events whose first is acknowledged, and sends the outputs of those whose second is.
    fn complete(&mut self) -> anyhow::Result<u64> {
        self.log.poll(Duration::ZERO);
        self.outputs.poll(Duration::ZERO);
        let puts = self.log.context().puts()?;
        let mut done = 0;
        for PartitionInFlight { partition, keys: [first, second], through } in &mut self.partitions {
            while puts[0][*partition as usize] > through[0] {
                let key = first.pop_front().context("an acknowledgement of no put")?;
                put(&self.log, self.topics[1], *partition as i32, &key, 1)?;
                second.push_back(key);
                through[0] += 1;
            }
            while puts[1][*partition as usize] > through[1] {
                let key = second.pop_front().context("an acknowledgement of no put")?;
                let record = BaseRecord::with_opaque_to(self.topics[2], 0).key(&key).payload(b"{\"n\":1,\"total\":2}");
                self.outputs.send(record).map_err(|(error, _)| error).context("send an output")?;
                (through[1], done) = (through[1] + 1, done + 1);
            }
        }
        self.in_flight -= done as usize;
        Ok(done)
    }

    fn commit(&mut self) -> anyhow::Result<()> {
        while self.outputs.in_flight_count() > 0 {
            self.outputs.poll(Duration::ZERO);
            std::thread::sleep(Duration::from_micros(200));
        }
        self.outputs.context().puts()?;
        let mut offsets = TopicPartitionList::new();
        for PartitionInFlight { partition, through, .. } in &self.partitions {
            offsets.add_partition_offset(self.topics[0], *partition as i32, Offset::Offset(through[1] as i64))?;
        }
        let group = self.consumer.group_metadata().context("a consumer without a group")?;
        self.outputs.send_offsets_to_transaction(&offsets, &group, ANSWER_MAX)?;
        Ok(self.outputs.commit_transaction(ANSWER_MAX)?)
    }
}

/// Puts the first or second record of an event.
fn put(log: &BaseProducer<Deliveries>, topic: &str, partition: i32, key: &[u8], which: usize) -> anyhow::Result<()> {
    let mut name = Vec::with_capacity(key.len() + NAME_BYTES);
    name.extend_from_slice(key);
    name.resize(key.len() + NAME_BYTES, b'0' + which as u8);
    let value = &[b'v'; 512][..VALUE_BYTES[which]];
    let record = BaseRecord::<[u8], [u8], usize>::with_opaque_to(topic, which).partition(partition);
    log.send(record.key(&name).payload(value)).map_err(|(error, _)| error).context("put a record")
}
