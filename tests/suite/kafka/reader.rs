//! Reading a changelog to an end that was looked up before, whatever transactions and empty polls are on the way.

use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use std::time::Duration;
use weir_core::event::PartitionId;
use weir_kafka::{KafkaSettings, Reader};
use weir_tests::kafka::{self, Cluster, unique};

const PARTITION: PartitionId = PartitionId(0);

fn settings(cluster: &Cluster, test: &str) -> KafkaSettings {
    let settings = KafkaSettings::new(&unique(test), cluster.bootstrap(), "in");
    cluster.create_topic(&settings.keyed_state_topic(), 1, &[("cleanup.policy", "compact")]);
    settings
}

fn producer(cluster: &Cluster, id: &str) -> BaseProducer {
    let mut config = cluster.client();
    config.set("transactional.id", id).set("transaction.timeout.ms", "20000");
    let producer: BaseProducer = config.create().expect("make a producer");
    producer.init_transactions(Duration::from_secs(30)).expect("initialise");
    producer
}

fn put(producer: &BaseProducer, topic: &str, keys: &[&str]) {
    for key in keys {
        producer.send(BaseRecord::to(topic).key(*key).payload("v")).map_err(|(error, _)| error).expect("room");
    }
    producer.flush(Duration::from_secs(30)).expect("they arrive");
}

fn keys_to_the_end(reader: &Reader, end: u64) -> Vec<String> {
    let mut keys = Vec::new();
    let mut each = |_, key: &[u8], _: Option<&[u8]>| keys.push(String::from_utf8_lossy(key).into_owned());
    reader.read(PARTITION, 0, end, &mut each).expect("read");
    keys
}

// [S25] [S31] [D6]: the records behind the last committed one are markers and what was aborted: polls that give nothing.
#[test]
fn a_read_ends_where_it_was_to_end_past_markers_and_aborted_records() {
    let Some(cluster) = kafka::shared() else { return };
    let settings = settings(cluster, "markers");
    let topic = settings.keyed_state_topic();
    let producer = producer(cluster, &unique("markers"));
    let wait = Duration::from_secs(30);
    producer.begin_transaction().expect("begin");
    put(&producer, &topic, &["a", "b"]);
    producer.commit_transaction(wait).expect("commit");
    producer.begin_transaction().expect("begin");
    put(&producer, &topic, &["c", "d"]);
    producer.abort_transaction(wait).expect("abort");
    let reader = Reader::of_changelog(&settings).expect("a reader");
    let (_, end) = reader.watermarks(PARTITION).expect("an end");
    assert_eq!(end, 6, "four records and two markers");
    assert_eq!(keys_to_the_end(&reader, end), ["a", "b"]);
    assert_eq!(keys_to_the_end(&reader, 0), [""; 0]);
}

// [S31] [S32]: restored only to the last stable offset, a checkpoint could be torn.
#[test]
fn a_read_waits_for_transactions_that_are_open_below_its_end() {
    let Some(cluster) = kafka::shared() else { return };
    let settings = settings(cluster, "open");
    let topic = settings.keyed_state_topic();
    let producer = producer(cluster, &unique("open"));
    producer.begin_transaction().expect("begin");
    put(&producer, &topic, &["a", "b"]);
    let reader = Reader::of_changelog(&settings).expect("a reader");
    let (_, stable) = reader.stable_watermarks(PARTITION).expect("an end");
    let (_, end) = reader.watermarks(PARTITION).expect("an end");
    assert_eq!((stable, end), (0, 2));
    let keys = std::thread::scope(|scope| {
        let reading = scope.spawn(|| keys_to_the_end(&reader, end));
        // Whenever it is committed, the read sees it.
        std::thread::sleep(Duration::from_millis(300));
        assert!(!reading.is_finished(), "there is nothing committed to be seen");
        producer.commit_transaction(Duration::from_secs(30)).expect("commit");
        reading.join().expect("it does not panic")
    });
    assert_eq!(keys, ["a", "b"]);
}
