//! What every action-state log does, whatever it is made of. Each backend runs all of it.

use std::sync::Arc;
use weir::embedded::{EmbeddedLog, EmbeddedStore, MemoryLog, StoreSettings};
use weir_core::action_state::{RecordKey, RecordKind, StateKey};
use weir_core::event::{PartitionId, SequenceNumber};
use weir_core::id::{ActionId, EventId};
use weir_core::key::Key;
use weir_core::ownership::Epoch;
use weir_core::store::log::{Acknowledged, ActionStateLog, Append, AppendKind, LogKey, Position, RecordPlace, Ticket};

use weir_kafka::{KafkaLog, KafkaSettings};
use weir_tests::kafka;

const ONE: PartitionId = PartitionId(1);
const TWO: PartitionId = PartitionId(2);
const START: Position = Position(0);
const FAR: Position = Position(u64::MAX);

/// How a backend's log of the partitions [`ONE`] and [`TWO`] is come by.
pub trait LogHouse {
    /// The log.
    type Log: ActionStateLog;
    /// A log with nothing in it.
    fn open(&mut self) -> Self::Log;
    /// The log as the next host finds it. One in memory lives on.
    fn reopen(&mut self, log: Self::Log) -> Self::Log;
    /// Who writes to that. Tickets begin anew with each host.
    fn next_writer(&self, writer: Writer) -> Writer {
        Writer::of(writer.partition)
    }
}

/// Writes to one partition with its tickets in a row.
pub struct Writer {
    partition: PartitionId,
    next: u64,
}

impl Writer {
    fn of(partition: PartitionId) -> Self {
        Self { partition, next: 0 }
    }

    fn append(&mut self, key: &[u8], what: AppendKind) -> Append {
        self.next += 1;
        Append { partition: self.partition, ticket: Ticket(self.next - 1), key: name(key), what }
    }

    fn record(&mut self, key: &[u8], value: &[u8]) -> Append {
        self.append(key, AppendKind::Record(value.into()))
    }

    fn tombstone(&mut self, key: &[u8], places: &[RecordPlace]) -> Append {
        self.append(key, AppendKind::Tombstone(places.iter().copied().collect()))
    }
}

fn name(key: &[u8]) -> LogKey {
    let state = StateKey {
        key: Key::new(key),
        sequence_number: SequenceNumber(0),
        event: EventId([0; 16]),
        action: ActionId::of_name("action"),
    };
    LogKey::Record(RecordKey { state, kind: RecordKind::State, writer: None })
}

type Records = Vec<(Position, Vec<u8>, Vec<u8>)>;

fn scan(log: &impl ActionStateLog, partition: PartitionId, from: Position, to: Position) -> Records {
    let mut records = Vec::new();
    log.scan(partition, from, to, &mut |position, name, value| {
        let record = RecordKey::parse(name).expect("a name was written");
        let key = record.state.key.as_bytes().to_vec();
        match value {
            Some(value) => records.push((position, key, value.to_vec())),
            // A log may give what a later tombstone removes.
            None => records.retain(|(_, removed, _)| *removed != key),
        }
    })
    .expect("scan");
    records
}

fn positions(records: &[(Position, Vec<u8>, Vec<u8>)]) -> Vec<Position> {
    records.iter().map(|(position, ..)| *position).collect()
}

fn written<L: ActionStateLog>(log: &mut L, mut appends: Vec<Append>) -> Vec<Acknowledged> {
    log.append(&mut appends).expect("append");
    assert!(appends.is_empty(), "they are taken");
    log.sync().expect("sync")
}

// [S20] [S25]
pub fn records_come_back_in_their_order<H: LogHouse>(house: &mut H) {
    let (mut log, mut one, mut two) = (house.open(), Writer::of(ONE), Writer::of(TWO));
    let appends =
        vec![one.record(b"b", b"1"), two.record(b"other", b"2"), one.record(b"a", b"3"), one.record(b"b", b"4")];
    written(&mut log, appends);
    let records = scan(&log, ONE, START, FAR);
    let keys_and_values: Vec<_> = records.iter().map(|(_, key, value)| (&key[..], &value[..])).collect();
    assert_eq!(keys_and_values, [(&b"b"[..], &b"1"[..]), (b"a", b"3"), (b"b", b"4")]);
    assert!(positions(&records).is_sorted_by(|one, next| one < next), "positions grow: {records:?}");
    assert_eq!(scan(&log, TWO, START, FAR).len(), 1, "a partition has its own records only");
}

// [S26]
pub fn every_append_is_acknowledged_once_where_it_stands<H: LogHouse>(house: &mut H) {
    let (mut log, mut one, mut two) = (house.open(), Writer::of(ONE), Writer::of(TWO));
    log.append(&mut vec![one.record(b"a", b""), two.record(b"b", b"")]).expect("append");
    log.append(&mut vec![]).expect("append of nothing");
    let acknowledged = written(&mut log, vec![one.record(b"c", b""), two.tombstone(b"b", &[])]);
    for (partition, expected) in [(ONE, [0, 1]), (TWO, [0, 1])] {
        let tickets: Vec<_> =
            acknowledged.iter().filter(|item| item.partition == partition).map(|item| item.ticket.0).collect();
        assert_eq!(tickets, expected, "tickets of partition {partition}, in order");
    }
    let of_one: Vec<_> = acknowledged.iter().filter(|item| item.partition == ONE).map(|item| item.position).collect();
    assert_eq!(of_one, positions(&scan(&log, ONE, START, FAR)));
    assert_eq!(log.sync().expect("sync"), [], "nothing is acknowledged twice");
}

// [S23]
pub fn scan_keeps_to_its_range<H: LogHouse>(house: &mut H) {
    let (mut log, mut one) = (house.open(), Writer::of(ONE));
    let appends = (0u8..10).map(|number| one.record(&[number], b"")).collect();
    written(&mut log, appends);
    let all = positions(&scan(&log, ONE, START, FAR));
    assert_eq!(positions(&scan(&log, ONE, all[3], all[7])), all[3..7]);
    assert_eq!(scan(&log, ONE, all[7], all[3]), [], "an empty range has nothing");
    let end = log.end(ONE).expect("end");
    assert_eq!(scan(&log, ONE, end, FAR), [], "nothing stands at the end");
    assert_eq!(positions(&scan(&log, ONE, START, end)), all, "all stands before it");
}

// [S24]
pub fn tombstones_hide_records<H: LogHouse>(house: &mut H) {
    let (mut log, mut one) = (house.open(), Writer::of(ONE));
    let acknowledged = written(&mut log, vec![one.record(b"a", b"1"), one.record(b"b", b"2"), one.record(b"c", b"3")]);
    let at = |index: usize| RecordPlace::At(acknowledged[index].position);
    let unacknowledged = RecordPlace::Unacknowledged(Ticket(3));
    log.append(&mut vec![one.record(b"d", b"4")]).expect("append");
    written(&mut log, vec![one.tombstone(b"a", &[at(0)]), one.tombstone(b"d", &[unacknowledged])]);
    let left: Vec<_> = scan(&log, ONE, START, FAR).into_iter().map(|(_, key, _)| key).collect();
    assert_eq!(left, [b"b", b"c"]);
    let log = house.reopen(log);
    let left: Vec<_> = scan(&log, ONE, START, FAR).into_iter().map(|(_, key, _)| key).collect();
    assert_eq!(left, [b"b", b"c"], "and still after the log was opened again");
}

// [S24]
pub fn record_and_its_tombstone_go_in_one_append<H: LogHouse>(house: &mut H) {
    let (mut log, mut one) = (house.open(), Writer::of(ONE));
    let places = [RecordPlace::Unacknowledged(Ticket(0)), RecordPlace::Unacknowledged(Ticket(1))];
    let appends = vec![
        one.record(b"a", b"1"),
        one.record(b"a", b"2"),
        one.tombstone(b"a", &places),
        one.record(b"b", b"3"),
        one.record(b"c", b"4"),
        one.tombstone(b"c", &[RecordPlace::Unacknowledged(Ticket(4))]),
    ];
    let acknowledged = written(&mut log, appends);
    assert_eq!(acknowledged.len(), 6);
    let end = log.end(ONE).expect("end");
    let log = house.reopen(log);
    let left = scan(&log, ONE, START, FAR);
    assert_eq!(left, [(acknowledged[3].position, b"b".to_vec(), b"3".to_vec())]);
    assert!(log.end(ONE).expect("end") >= end);
}

// [S23]
pub fn place_of_a_record_acknowledged_meanwhile_is_still_known<H: LogHouse>(house: &mut H) {
    let (mut log, mut one) = (house.open(), Writer::of(ONE));
    written(&mut log, vec![one.record(b"a", b"1")]);
    written(&mut log, vec![one.tombstone(b"a", &[RecordPlace::Unacknowledged(Ticket(0))])]);
    assert_eq!(scan(&log, ONE, START, FAR), []);
}

// [S23] [S25]
pub fn end_is_never_less_than_it_was<H: LogHouse>(house: &mut H) {
    let (mut log, mut one) = (house.open(), Writer::of(ONE));
    let mut end = log.end(ONE).expect("end");
    for round in 0..3u8 {
        let acknowledged = written(&mut log, vec![one.record(&[round], b"1"), one.record(&[round], b"2")]);
        let grown = log.end(ONE).expect("end");
        assert!(grown > acknowledged[1].position && acknowledged[0].position >= end, "records stand before the end");
        let places: Vec<_> = acknowledged.iter().map(|item| RecordPlace::At(item.position)).collect();
        written(&mut log, vec![one.tombstone(&[round], &places)]);
        assert!(log.end(ONE).expect("end") >= grown, "a tombstone takes nothing from the end");
        log = house.reopen(log);
        one = house.next_writer(one);
        end = log.end(ONE).expect("end");
        assert!(end >= grown, "round {round}: with all records removed the end went from {grown:?} to {end:?}");
    }
}

// [S26]
pub fn keys_and_values_are_any_bytes_of_any_length<H: LogHouse>(house: &mut H) {
    let (mut log, mut one) = (house.open(), Writer::of(ONE));
    let large: Vec<u8> = (0..1u32 << 20).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let pairs = [(vec![], vec![]), (vec![0], vec![]), (vec![], vec![0xff]), (large[..5_000].to_vec(), large)];
    let appends = pairs.iter().map(|(key, value)| one.record(key, value)).collect();
    written(&mut log, appends);
    let log = house.reopen(log);
    let found: Vec<_> = scan(&log, ONE, START, FAR).into_iter().map(|(_, key, value)| (key, value)).collect();
    assert!(found == pairs, "all pairs come back as they were");
}

// [S25] [S33]
pub fn what_was_synced_is_there_when_the_log_is_opened_again<H: LogHouse>(house: &mut H) {
    let (mut log, mut one, mut two) = (house.open(), Writer::of(ONE), Writer::of(TWO));
    for number in 0..100u8 {
        log.append(&mut vec![one.record(&[number], b"one"), two.record(&[number], b"two")]).expect("append");
    }
    log.sync().expect("sync");
    let (before_one, before_two) = (scan(&log, ONE, START, FAR), scan(&log, TWO, START, FAR));
    let mut log = house.reopen(log);
    let mut one = house.next_writer(one);
    assert_eq!(scan(&log, ONE, START, FAR), before_one);
    assert_eq!(scan(&log, TWO, START, FAR), before_two);
    // A log in memory lives on, and so do its tickets.
    let acknowledged = written(&mut log, vec![one.record(b"next", b"")]);
    assert!(acknowledged[0].position > before_one[99].0, "appends go on where they ended");
}

macro_rules! log_conformance {
    ($backend:ident, $house:expr) => {
        mod $backend {
            use super::*;
            log_conformance!(
                $house,
                records_come_back_in_their_order,
                every_append_is_acknowledged_once_where_it_stands,
                scan_keeps_to_its_range,
                tombstones_hide_records,
                record_and_its_tombstone_go_in_one_append,
                place_of_a_record_acknowledged_meanwhile_is_still_known,
                end_is_never_less_than_it_was,
                keys_and_values_are_any_bytes_of_any_length,
                what_was_synced_is_there_when_the_log_is_opened_again
            );
        }
    };
    ($house:expr, $($name:ident),*) => {
        $(
            #[test]
            fn $name() {
                let Some(mut house) = $house else { return };
                super::$name(&mut house);
            }
        )*
    };
}

struct Memory;

impl LogHouse for Memory {
    type Log = MemoryLog;

    fn open(&mut self) -> MemoryLog {
        MemoryLog::default()
    }

    fn reopen(&mut self, log: MemoryLog) -> MemoryLog {
        log
    }

    fn next_writer(&self, writer: Writer) -> Writer {
        writer
    }
}

struct Embedded(tempfile::TempDir);

impl LogHouse for Embedded {
    type Log = EmbeddedLog;

    fn open(&mut self) -> EmbeddedLog {
        let store = EmbeddedStore::open(self.0.path(), "conformance", StoreSettings::default()).expect("open");
        store.log([ONE, TWO]).expect("log")
    }

    fn reopen(&mut self, log: EmbeddedLog) -> EmbeddedLog {
        drop(log);
        self.open()
    }
}

/// A topic of its own on a real broker.
struct Kafka(Arc<KafkaSettings>);

impl Kafka {
    const RECORD_BYTES_MAX: usize = 4 << 20;

    fn new() -> Option<Self> {
        let cluster = kafka::shared()?;
        let name = kafka::unique("conformance");
        let settings = KafkaSettings::new(&name, cluster.bootstrap(), "in");
        let bytes = Self::RECORD_BYTES_MAX.to_string();
        let topic = [("cleanup.policy", "compact"), ("max.message.bytes", &bytes)];
        cluster.create_topic(&settings.action_state_topic(), 3, &topic);
        Some(Self(Arc::new(settings)))
    }
}

impl LogHouse for Kafka {
    type Log = KafkaLog;

    fn open(&mut self) -> KafkaLog {
        let mut log = KafkaLog::new(self.0.clone(), Self::RECORD_BYTES_MAX).expect("log");
        for partition in [ONE, TWO] {
            log.begin_ownership(partition, Epoch(1));
        }
        log
    }

    fn reopen(&mut self, log: KafkaLog) -> KafkaLog {
        drop(log);
        self.open()
    }
}

log_conformance!(memory, Some(Memory));
log_conformance!(embedded, Some(Embedded(tempfile::tempdir().expect("folder"))));
log_conformance!(on_kafka, Kafka::new());
