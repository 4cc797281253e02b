//! Keys that become resident from their entries, and entries that do not belong together.

use crate::harness::{World, add_then_double, json};
use weir_core::checkpoint::{Entry, EntryKey, EntrySpace, Header, QueuedTask, RunRecord, encode_input};
use weir_core::event::{Event, InputEvent, SequenceNumber, SourcePosition};
use weir_core::id::EventId;
use weir_core::key::Key;
use weir_core::memory::Entries;
use weir_core::operator::{LoadError, report_of_entries};

fn key() -> Key {
    Key::from("k")
}

fn input(position: u64) -> InputEvent {
    let event = Event { id: EventId([position as u8; 16]), kind: "input".into(), payload: json("1") };
    InputEvent { key: key(), event, position: SourcePosition(position), timestamp_ms: None, headers: [].into() }
}

fn entry(space: EntrySpace, name: EntryKey, value: Vec<u8>) -> Entry {
    Entry { space, key: name.to_bytes(), value: Some(value) }
}

fn header(next: u64, completed_below: u64) -> Entry {
    entry(EntrySpace::Header, EntryKey::Key(key()), Header { next, completed_below, ..Header::default() }.encode())
}

fn run(sequence_number: u64) -> Entry {
    let (sequence_number, input) = (SequenceNumber(sequence_number), input(9));
    let roots = vec![(input.event.id, crate::harness::name("add"))];
    let record = RunRecord { sequence_number, input, tasks_made: 1, roots };
    entry(EntrySpace::Queued, EntryKey::Ordinal(key(), 0), record.encode())
}

fn task(ordinal: u64) -> Entry {
    let task = QueuedTask { event: input(9).event, action: crate::harness::name("add") };
    entry(EntrySpace::Queued, EntryKey::Ordinal(key(), ordinal), task.encode())
}

fn pending(number: u64) -> Entry {
    entry(EntrySpace::Pending, EntryKey::Ordinal(key(), number), encode_input(&input(number)))
}

fn load(entries: Vec<Entry>) -> Result<World, LoadError> {
    let mut world = add_then_double().start();
    world.operator.on_key_loaded(&key(), entries, 5)?;
    world.take_commands();
    Ok(world)
}

// [S22] [P3]
#[test]
fn entries_that_belong_together_go_on_where_they_were() {
    let mut world = load(vec![header(7, 4), run(4), task(3), task(4), pending(5), pending(6)]).unwrap();
    assert_eq!(world.seen, ["invoke add k/4 attempt 1"]);
    let report = world.operator.key_report(&key()).unwrap();
    assert_eq!((report.next, report.completed_below, report.running, report.pending), (7, 4, Some(4), 2));
    assert_eq!(report.tasks, ["add", "add"]);
    assert_eq!(world.operator.counters().keys_running, 1);
    world.run();
    assert_eq!(world.completed_below("k"), 7);
    assert!(world.operator.is_idle());
    let (taken, _) = world.begin_checkpoint();
    let gone = taken.entries.iter().filter(|entry| entry.value.is_none()).count();
    assert_eq!(gone, 5, "run, two tasks and two pending input events");
}

#[test]
fn entries_that_do_not_belong_together_are_an_error_and_not_a_crash() {
    for (entries, what) in [
        (vec![header(7, 4)], "add up"),
        (vec![header(5, 4), run(4)], "run without queued tasks"),
        (vec![header(5, 4), task(1)], "run without queued tasks"),
        (vec![header(5, 4), run(3), task(1)], "not the one after the last completed"),
        (vec![header(6, 4), run(4), task(1)], "add up"),
        (vec![header(5, 4), run(4), task(1), task(3)], "queued tasks have a gap"),
        (vec![header(8, 4), run(4), task(1), pending(5), pending(7)], "pending input events have a gap"),
        (vec![header(8, 4), run(4), task(1), pending(5), pending(6)], "do not end at its next sequence number"),
        (vec![header(4, 4), pending(u64::MAX)], "pending input events have a gap"),
        (vec![run(0), task(1)], "add up"),
    ] {
        let error = load(entries).map(|_| ()).unwrap_err();
        assert!(matches!(error, LoadError::Inconsistent(..)) && error.to_string().contains(what), "{error}");
        assert!(error.to_string().starts_with("load key k: "), "{error}");
    }
    let torn = Entry { value: Some(b"{".to_vec()), ..header(1, 1) };
    assert!(matches!(load(vec![torn]).map(|_| ()), Err(LoadError::Value(..))));
    let unnamed = Entry { key: vec![0, 0, 0, 9], ..header(1, 1) };
    assert!(matches!(load(vec![unnamed]).map(|_| ()), Err(LoadError::Name(..))));
    assert!(load(vec![Entry { value: None, ..header(7, 4) }]).is_ok(), "what was removed is not there");
}

#[test]
fn a_key_that_is_loaded_twice_stays_as_it_is() {
    let mut world = add_then_double().start();
    world.input("k", "1");
    world.operator.on_key_loaded(&key(), Vec::new(), 5).unwrap();
    assert_eq!(world.completed_below("k"), 1);
    assert!(world.operator.is_idle());
}

// [D18] [S34]
#[test]
fn a_key_is_loaded_when_an_event_of_it_comes_and_a_waiting_key_asks_for_nothing() {
    let app = crate::harness::App::default().action("wait", &["input"], |guest| match guest.now_ms {
        1_000 => Err(crate::harness::retryable("later").into()),
        _ => guest.set("a.b", 1),
    });
    let mut world = app.start();
    world.input("k", "1");
    world.take_seen();
    assert!(!world.operator.has_work() && !world.operator.is_idle());
    world.operator.on_retry_due(&Key::from("other"), 5_000);
    assert!(!world.operator.has_work());
    world.run_timer();
    world.checkpoint();
    world.kill();
    assert!(!world.operator.is_resident(&key()));
    assert!(world.seen.is_empty(), "no key is loaded at the start but those with something to do");
    world.input("k", "2");
    assert_eq!(world.seen[0], "load k");
}

#[test]
fn people_see_keys_without_an_operator_too() {
    let mut world = add_then_double().start();
    world.send("k", "1");
    world.send("k", "2");
    world.input("l", "1");
    let keys: Vec<_> = world.operator.key_reports().map(|report| report.key).collect();
    assert_eq!(keys.len(), 2);
    world.send("m", "1");
    world.send("m", "1");
    world.checkpoint();
    let report = report_of_entries(&Key::from("m"), world.disk.of_key(&Key::from("m"))).unwrap();
    assert_eq!((report.next, report.completed_below, report.pending), (2, 0, 1));
    assert_eq!((report.running, report.quarantined, report.tasks.len()), (Some(0), false, 1));
    assert!(report.short_term.get(&weir_core::memory::MemoryPath::root()).is_some());
}
