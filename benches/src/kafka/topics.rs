//! Topics of the benchmarks, and events in them.

use crate::job::{KEYS, payload};
use crate::kafka::PARTITIONS;
use anyhow::{Context, ensure};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::ops::Deref;
use std::time::Duration;
use weir_tests::kafka::{Cluster, unique};

/// How long a broker may take to answer.
pub const ANSWER_MAX: Duration = Duration::from_secs(30);

/// A topic of one measurement. It is deleted with this: else the broker would clean it while the next is measured.
pub struct Topic<'a> {
    cluster: &'a Cluster,
    name: String,
}

impl<'a> Topic<'a> {
    /// One that is there, or will be.
    pub fn named(cluster: &'a Cluster, name: String) -> Self {
        Self { cluster, name }
    }
}

impl Deref for Topic<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.name
    }
}

impl Drop for Topic<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.cluster.delete_topics(&[&self.name]) {
            eprintln!("  topic {} stays: {error}", self.name);
        }
    }
}

/// Makes a topic that is new.
pub fn make<'a>(cluster: &'a Cluster, what: &str) -> Topic<'a> {
    let topic = Topic::named(cluster, unique(what));
    cluster.create_topic(&topic, PARTITIONS, &[]);
    topic
}

/// Puts so many events of the job into a topic.
pub fn fill(cluster: &Cluster, topic: &str, events: u64) -> anyhow::Result<()> {
    let producer = producer(cluster)?;
    for number in 0..events {
        send(&producer, topic, number)?;
    }
    Ok(producer.flush(ANSWER_MAX)?)
}

/// A producer of events.
pub fn producer(cluster: &Cluster) -> anyhow::Result<BaseProducer> {
    let mut config = cluster.client();
    config.set("partitioner", "murmur2").set("acks", "all").set("enable.idempotence", "true");
    config.create().context("make a producer")
}

/// Sends the event of this number.
pub fn send(producer: &BaseProducer, topic: &str, number: u64) -> anyhow::Result<()> {
    let (key, value) = (format!("key-{}", number % KEYS), payload(number, KEYS));
    let mut record = BaseRecord::<str, str>::to(topic).key(&key).payload(&value);
    loop {
        match producer.send(record) {
            Ok(()) => return Ok(()),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                producer.poll(Duration::from_millis(1));
                record = back;
            }
            Err((error, _)) => return Err(error).context("send an event"),
        }
    }
}

/// A consumer that reads these partitions of a topic from there on, whether committed or not.
pub fn follow(
    cluster: &Cluster,
    topic: &str,
    partitions: impl IntoIterator<Item = u32>,
    from: Offset,
) -> anyhow::Result<BaseConsumer> {
    let mut config = cluster.client();
    config.set("group.id", "follower").set("enable.auto.commit", "false");
    config.set("isolation.level", "read_uncommitted").set("fetch.queue.backoff.ms", "10");
    let consumer: BaseConsumer = config.create().context("make a consumer")?;
    consumer.assign(&list(topic, partitions.into_iter(), from)?)?;
    Ok(consumer)
}

/// These partitions of a topic.
pub fn list(topic: &str, partitions: impl Iterator<Item = u32>, at: Offset) -> anyhow::Result<TopicPartitionList> {
    let mut list = TopicPartitionList::new();
    for partition in partitions {
        list.add_partition_offset(topic, partition as i32, at)?;
    }
    Ok(list)
}

/// How many events a topic has, each as long as it is there.
pub fn ends(config: &ClientConfig, topic: &str) -> anyhow::Result<Vec<u64>> {
    let consumer: BaseConsumer = config.create().context("make a consumer")?;
    let end = |partition| Ok(consumer.fetch_watermarks(topic, partition as i32, ANSWER_MAX)?.1 as u64);
    let ends: Vec<u64> = (0..PARTITIONS).map(end).collect::<anyhow::Result<_>>()?;
    ensure!(ends.iter().any(|end| *end > 0), "{topic} is empty");
    Ok(ends)
}
