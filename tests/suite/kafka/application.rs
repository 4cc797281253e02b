//! An application on Kafka, seen from outside: its topics before and behind it.

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Headers, Message};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use weir_core::action_state::RecordKey;
use weir_tests::kafka::{Cluster, manifest, unique};
use weir_tests::process::Weir;
use weir_tests::{Manifest, Output, Project, wait_until};

/// How long a host may be silent before its partitions go to others, milliseconds: short, for tests wait for it.
pub const SESSION_MS: u64 = 2_000;

/// One application with a topic of its own on a cluster.
pub struct Application<'a> {
    pub cluster: &'a Cluster,
    pub name: String,
}

/// A record as a topic holds it.
#[derive(Clone, Debug)]
pub struct Record {
    pub partition: i32,
    pub offset: i64,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: BTreeMap<String, String>,
}

impl<'a> Application<'a> {
    /// Makes its input topic.
    pub fn new(cluster: &'a Cluster, test: &str, partitions: u32) -> Self {
        let name = unique(test);
        cluster.create_topic(&format!("{name}-in"), partitions, &[]);
        cluster.create_topic(&format!("{name}-out"), 3, &[]);
        Self { cluster, name }
    }

    /// The manifest of its hosts: one shard, short sessions.
    pub fn manifest(&self, component: &std::path::Path) -> Manifest {
        let client = format!(
            "client = {{ \"session.timeout.ms\" = \"{SESSION_MS}\", \"heartbeat.interval.ms\" = \"300\" }}\n[host]\nshards = 1"
        );
        let mut manifest = manifest(&self.name, self.cluster.bootstrap(), component);
        manifest.more.push_str(&client);
        manifest.more.push('\n');
        manifest
    }

    /// A host's folder.
    pub fn host(&self, manifest: &Manifest) -> Project {
        Project::new(manifest)
    }

    /// Writes events to the input, and waits until they are there. The partitioner is one of librdkafka's.
    pub fn produce<'e>(
        &self,
        partitioner: &str,
        events: impl IntoIterator<Item = (Option<&'e [u8]>, Option<&'e [u8]>)>,
    ) {
        let mut config = self.cluster.client();
        config.set("partitioner", partitioner).set("linger.ms", "0").set("message.max.bytes", "2000000");
        // Each event is there once, whatever becomes of brokers meanwhile.
        config.set("enable.idempotence", "true");
        let producer: BaseProducer = config.create().expect("make a producer");
        let topic = format!("{}-in", self.name);
        for (key, value) in events {
            let mut record = BaseRecord::<[u8], [u8]>::to(&topic);
            record.key = key;
            record.payload = value;
            producer.send(record).map_err(|(error, _)| error).expect("the queue has room");
        }
        producer.flush(Duration::from_secs(30)).expect("the events arrive");
    }

    /// As `produce`, of JSON whose field `key` is the key.
    pub fn produce_json<'e>(&self, events: impl IntoIterator<Item = &'e Value>) {
        let events: Vec<_> = events
            .into_iter()
            .map(|event| (event["key"].as_str().expect("a key").to_owned(), event.to_string()))
            .collect();
        let events = events.iter().map(|(key, value)| (Some(key.as_bytes()), Some(value.as_bytes())));
        self.produce("murmur2", events);
    }

    /// All committed records of a topic, in the order of each partition.
    pub fn records(&self, topic: &str) -> Vec<Record> {
        let mut config = self.cluster.client();
        config.set("group.id", "reader").set("isolation.level", "read_committed");
        config.set("auto.offset.reset", "earliest").set("enable.auto.commit", "false");
        let consumer: BaseConsumer = config.create().expect("make a consumer");
        let metadata = consumer.fetch_metadata(Some(topic), Duration::from_secs(30)).expect("metadata");
        let mut ends = BTreeMap::new();
        let mut list = TopicPartitionList::new();
        for partition in metadata.topics()[0].partitions() {
            // A broker that has just started may not know it yet.
            let (_, end) = weir_tests::wait::wait_for("the end of a topic", || {
                consumer.fetch_watermarks(topic, partition.id(), Duration::from_secs(10)).ok()
            });
            ends.insert(partition.id(), end);
            list.add_partition_offset(topic, partition.id(), Offset::Beginning).expect("a list");
        }
        consumer.assign(&list).expect("assign");
        let mut records = Vec::new();
        let began = Instant::now();
        loop {
            match consumer.poll(Duration::from_millis(20)) {
                Some(Ok(message)) => {
                    let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
                    let text = |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned();
                    records.push(Record {
                        partition: message.partition(),
                        offset: message.offset(),
                        key: message.key().map(<[u8]>::to_vec),
                        value: message.payload().map(<[u8]>::to_vec),
                        headers: headers.map(|header| (header.key.to_owned(), text(header.value))).collect(),
                    });
                }
                Some(Err(error)) => panic!("read {topic}: {error}"),
                None => {
                    let positions = consumer.position().expect("positions");
                    let is_at_end = |partition: i32, end: i64| {
                        let found = positions.find_partition(topic, partition).expect("it is assigned");
                        end == 0 || matches!(found.offset(), Offset::Offset(at) if at >= end)
                    };
                    if ends.iter().all(|(partition, end)| is_at_end(*partition, *end)) {
                        return records;
                    }
                    assert!(began.elapsed() < Duration::from_secs(60), "{topic} is not read to its end");
                }
            }
        }
    }

    /// The output, each record as the line that a file would have.
    pub fn output(&self) -> Output {
        let line = |record: Record| {
            let header = |name: &str| record.headers.get(name).cloned().unwrap_or_default();
            json!({
                "id": header("weir-id"),
                "key": String::from_utf8_lossy(&record.key.expect("outputs have keys")),
                "sequence_number": header("weir-sequence-number").parse::<u64>().expect("a number"),
                "action": header("weir-action"),
                "triggering_event_id": header("weir-triggering-event-id"),
                "payload": serde_json::from_slice::<Value>(&record.value.expect("outputs have payloads")).expect("JSON"),
            })
        };
        Output { lines: self.records(&format!("{}-out", self.name)).into_iter().map(line).collect() }
    }

    /// How many outputs there are.
    pub fn outputs(&self) -> usize {
        self.records(&format!("{}-out", self.name)).len()
    }

    /// Waits until a host has put so many outputs there.
    #[track_caller]
    pub fn wait_for_outputs(&self, host: &mut Weir, count: usize) {
        // It can be stopped from then on.
        host.wait_for_log("is taken over");
        wait_until(&format!("{count} outputs are there"), || {
            std::thread::sleep(Duration::from_millis(100));
            assert!(!host.has_ended(), "the host ended:\n{}", host.stderr());
            self.outputs() >= count
        });
    }

    /// The records that the cleaner would leave in a compacted topic, by its end.
    pub fn kept(&self, topic: &str) -> Vec<Record> {
        let mut last = BTreeMap::new();
        for record in self.records(&format!("{}{topic}", self.name)) {
            let key = record.key.clone().expect("records of compacted topics have keys");
            last.insert((record.partition, key), record);
        }
        last.into_values().filter(|record| record.value.is_some()).collect()
    }

    /// The names of the action states' records that the cleaner would leave, but for what former owners wrote when they
    /// were none any more: behind the fence of a later one.
    pub fn live_action_states(&self) -> Vec<String> {
        let name = |record: &Record| String::from_utf8_lossy(record.key.as_deref().unwrap_or_default()).into_owned();
        let mut fences: BTreeMap<i32, Vec<(i64, u32)>> = BTreeMap::new();
        for record in self.records(&format!("{}.action-state", self.name)) {
            if let Some(epoch) = name(&record).strip_prefix("fence@").and_then(|epoch| epoch.parse().ok()) {
                fences.entry(record.partition).or_default().push((record.offset, epoch));
            }
        }
        let is_late = |record: &Record| {
            let named = RecordKey::parse(record.key.as_deref().unwrap_or_default()).expect("a name of ours");
            let epoch = named.writer.expect("it says who wrote it").epoch.0;
            let fences = fences.get(&record.partition).map_or(&[][..], Vec::as_slice);
            fences.iter().any(|(offset, later)| *offset < record.offset && *later > epoch)
        };
        let states = self.kept(".action-state").into_iter().filter(|record| !name(record).starts_with("fence@"));
        states.filter(|record| !is_late(record)).map(|record| name(&record)).collect()
    }
}
