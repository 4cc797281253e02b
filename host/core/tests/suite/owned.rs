//! The store of a partition that moves between hosts: names with their writer, fences, tombstones in their time [S32].

use crate::harness::{App, json, name};
use crate::store::{call, completed, state_key};
use weir_core::action_state::{ActionState, CallPut, CallStatus, RecordKey};
use weir_core::event::{PartitionId, SequenceNumber};
use weir_core::key::Key;
use weir_core::operator::{Operator, OperatorStart};
use weir_core::ownership::{Epoch, FenceKey};
use weir_core::store::log::{Acknowledged, Append, AppendKind, Position};
use weir_core::store::{ActionStateStore, Rebuild, RebuildError};

/// A compacted topic: all that was ever appended, in order.
#[derive(Clone, Default)]
pub struct Topic(Vec<(Vec<u8>, Option<Vec<u8>>)>);

impl Topic {
    pub fn append(&mut self, append: Append) -> Acknowledged {
        let Append { partition, ticket, key, what } = append;
        let value = match what {
            AppendKind::Record(value) => Some(value.to_vec()),
            AppendKind::Tombstone(_) => None,
        };
        let position = Position(self.0.len() as u64 + u64::from(value.is_none()));
        self.0.push((key.to_bytes(), value));
        Acknowledged { partition, ticket, position }
    }

    /// Appends all that waits, and acknowledges it.
    fn take(&mut self, store: &mut ActionStateStore) {
        for append in store.take_appends() {
            let acknowledged = self.append(append);
            store.on_acknowledged(acknowledged);
        }
    }

    pub fn fence(&mut self, epoch: u32) {
        let fence = FenceKey(Epoch(epoch));
        self.0.push((fence.to_bytes(), Some(fence.value())));
    }

    /// What the cleaner leaves: the last record of each name, and no tombstones.
    fn compacted(&self) -> Vec<(usize, &[u8], &[u8])> {
        let is_last = |at: usize, key: &[u8]| !self.0[at + 1..].iter().any(|(other, _)| other == key);
        let numbered = self.0.iter().enumerate();
        numbered
            .filter_map(|(at, (key, value))| is_last(at, key).then_some((at, &key[..], value.as_deref()?)))
            .collect()
    }

    fn names(&self) -> Vec<String> {
        let short = |key: &[u8]| match RecordKey::parse(key) {
            Ok(record) => {
                let text = record.to_string();
                let kind = text.rfind(['#']).map_or("", |at| text[at..].split('@').next().expect("a part"));
                let writer = record.writer.expect("a writer");
                format!("{}_{}{kind}@{}", record.state.key, record.state.sequence_number, writer.epoch)
            }
            Err(_) => String::from_utf8_lossy(key).into_owned(),
        };
        self.compacted().into_iter().map(|(_, key, _)| short(key)).collect()
    }

    pub fn rebuild(
        &self,
        epoch: u32,
        floor: u32,
        from: usize,
        completed: u64,
    ) -> Result<ActionStateStore, RebuildError> {
        let end = Position(self.0.len() as u64);
        let mut rebuild = Rebuild::of_owner(Epoch(epoch), Epoch(floor), PartitionId(0), end, 1 << 20);
        for (at, (key, value)) in self.0.iter().enumerate().skip(from) {
            let completed = |_: &Key| SequenceNumber(completed);
            rebuild.on_scanned(Position(at as u64), key, value.as_deref(), completed)?;
        }
        Ok(rebuild.finish())
    }
}

pub fn first_owner() -> (ActionStateStore, Topic) {
    let mut topic = Topic::default();
    topic.fence(1);
    (topic.rebuild(1, 0, 0, 0).unwrap(), topic)
}

pub fn operator_of(app: &App, store: ActionStateStore) -> Operator {
    Operator::new(OperatorStart {
        plan: app.plan(),
        limits: std::sync::Arc::new(app.limits.clone()),
        store,
        partition: PartitionId(0),
    })
}

fn succeeded(text: &str) -> CallStatus {
    CallStatus::Succeeded(json(text))
}

fn start() -> ActionState {
    ActionState::started(name("x"), 5)
}

// [S19] [S32]
#[test]
fn each_put_has_a_name_of_its_own_that_says_who_wrote_it() {
    let (mut store, _) = first_owner();
    let key = state_key("k", 0, 1, "x");
    store.put(&key, start()).unwrap();
    store.put(&key, completed("x")).unwrap();
    let names: Vec<_> = store.take_appends().iter().map(|append| append.key.to_string()).collect();
    assert_eq!(names.iter().map(|name| name.rsplit('@').next().unwrap()).collect::<Vec<_>>(), ["1.0", "1.1"]);
    assert_ne!(names[0], names[1]);
}

// [S32]: epoch not in the key, and a zombie's late record.
#[test]
fn what_an_older_owner_writes_behind_a_fence_is_never_read_and_gets_tombstones() {
    let (mut zombie, mut topic) = first_owner();
    let key = state_key("k", 0, 1, "x");
    zombie.put_calls(&key, start, vec![CallPut::Put(0, call("f", succeeded("1")))]);
    topic.take(&mut zombie);
    topic.fence(2);
    zombie.put(&key, completed("x")).unwrap();
    zombie.put_calls(&state_key("k", 1, 2, "x"), start, vec![CallPut::Put(0, call("f", succeeded("2")))]);
    topic.take(&mut zombie);
    let mut owner = topic.rebuild(2, 0, 0, 0).unwrap();
    assert!(!owner.get(&key).unwrap().completed);
    assert_eq!(owner.get(&key).unwrap().call_results.len(), 1);
    assert_eq!(owner.len(), 1);
    topic.take(&mut owner);
    assert_eq!(topic.names(), ["fence@1", "k_0#0@1", "fence@2"]);
}

// [S32]: the cleaner runs between the zombie's late words and the third owner.
#[test]
fn no_late_word_of_an_older_owner_takes_what_its_successor_has_read() {
    let (mut zombie, mut topic) = first_owner();
    let key = state_key("k", 0, 1, "x");
    let calls = (0..3).map(|at| CallPut::Put(at, call("f", succeeded("1")))).collect();
    zombie.put_calls(&key, start, calls);
    zombie.put(&key, start()).unwrap();
    topic.take(&mut zombie);
    topic.fence(2);
    let second = topic.rebuild(2, 0, 0, 0).unwrap();
    // The zombie writes over, drops, and puts again; it can commit no checkpoint.
    zombie.put(&key, start()).unwrap();
    zombie.drop_call(&key, 2);
    zombie.put_again(&key);
    topic.take(&mut zombie);
    // The second owner dies before it puts anything; the cleaner has run.
    topic.fence(3);
    let mut cleaned = Topic::default();
    let kept: Vec<usize> = topic.compacted().iter().map(|(at, ..)| *at).collect();
    for (at, record) in topic.0.iter().enumerate() {
        // The place of what is gone is kept, as offsets are.
        cleaned.0.push(if kept.contains(&at) { record.clone() } else { (b"gone".to_vec(), None) });
    }
    let mut third = cleaned.rebuild(3, 0, 0, 0).unwrap();
    let mut second = second;
    assert_eq!(third.get(&key), second.get(&key));
    assert_eq!(third.get(&key).unwrap().call_results.len(), 3);
}

// [S14] [S32]
#[test]
fn a_dropped_call_stays_dropped_and_its_tombstones_wait_for_a_checkpoint() {
    let (mut store, mut topic) = first_owner();
    let key = state_key("k", 0, 1, "x");
    let puts = (0..2).map(|at| CallPut::Put(at, call("f", succeeded("1")))).collect();
    store.put_calls(&key, start, puts);
    store.put_calls(&key, start, vec![CallPut::Drop(1), CallPut::Put(1, call("g", succeeded("2"))), CallPut::Drop(9)]);
    topic.take(&mut store);
    assert_eq!(topic.names(), ["fence@1", "k_0#0@1", "k_0#1@1", "k_0#1!@1", "k_0#1@1"]);
    topic.fence(2);
    let mut rebuilt = topic.rebuild(2, 0, 0, 0).unwrap();
    let functions = rebuilt.get(&key).unwrap().call_results.values().map(|call| call.function_id.to_string());
    assert_eq!(functions.collect::<Vec<_>>(), ["f", "g"]);
}

// [S23] [S32]
#[test]
fn states_put_again_hold_the_marker_until_a_checkpoint_after_them_is_durable() {
    let app = App::default();
    let (mut store, mut topic) = first_owner();
    let key = state_key("k", 0, 1, "x");
    store.put_calls(&key, start, vec![CallPut::Put(0, call("f", succeeded("1")))]);
    topic.take(&mut store);
    let mut operator = operator_of(&app, store);
    let taken = operator.begin_checkpoint();
    assert_eq!((taken.marker, taken.marker_epoch), (Position(0), Epoch(1)), "the fence has no tombstone yet");
    operator.on_checkpoint_aborted(taken.id);
    // By hand what a laggard would get.
    let mut store = operator.store().clone();
    store.put_again(&key);
    topic.take(&mut store);
    assert_eq!(store.recovery_marker(), Position(1), "the old one may still be needed");
    let mut operator = operator_of(&app, store);
    for names in [vec!["k_0#0@1"], vec!["k_0#0@1"]] {
        let taken = operator.begin_checkpoint();
        operator.on_checkpoint_completed(taken.id);
        for append in operator.take_appends() {
            let acknowledged = topic.append(append);
            operator.on_acknowledged(acknowledged);
        }
        assert_eq!(topic.names().iter().filter(|name| name.starts_with('k')).collect::<Vec<_>>(), names);
        assert_eq!(operator.store().recovery_marker(), Position(2));
    }
    assert!(!topic.names().contains(&"fence@1".to_owned()), "the second checkpoint's marker has passed it");
}

// [S23] [S32]
#[test]
fn records_that_others_stand_for_before_they_are_durable_hold_the_marker_as_well() {
    let (mut store, mut topic) = first_owner();
    let key = state_key("k", 0, 1, "x");
    let calls = (0..2).map(|at| CallPut::Put(at, call("f", succeeded("1")))).collect();
    store.put_calls(&key, start, calls);
    store.put_again(&key);
    let other = state_key("l", 0, 2, "x");
    store.put(&other, completed("x")).unwrap();
    store.prune(&other.key, SequenceNumber(1));
    topic.take(&mut store);
    assert_eq!(store.recovery_marker(), Position(1), "the old ones may still be needed");
    let mut operator = operator_of(&App::default(), store);
    let taken = operator.begin_checkpoint();
    operator.on_checkpoint_completed(taken.id);
    for append in operator.take_appends() {
        let acknowledged = topic.append(append);
        operator.on_acknowledged(acknowledged);
    }
    assert_eq!(operator.store().recovery_marker(), Position(3));
}

// [S25] [S32]
#[test]
fn a_tombstone_that_is_read_takes_the_record_of_its_name_and_no_other() {
    let (mut first, mut topic) = first_owner();
    let calls = (0..2).map(|at| CallPut::Put(at, call("f", succeeded("1")))).collect();
    first.put_calls(&state_key("k", 0, 1, "x"), start, calls);
    first.put(&state_key("l", 1, 2, "x"), completed("x")).unwrap();
    topic.take(&mut first);
    let gone = [1, 3].map(|at: usize| topic.0[at].0.clone());
    topic.0.extend(gone.map(|name| (name, None)));
    topic.fence(2);
    let second = topic.rebuild(2, 0, 0, 0).unwrap();
    assert_eq!(second.recovery_marker(), Position(2), "where the other call's record is");
    assert_eq!(second.len(), 1, "nothing is left of the state that had one record");
    assert_eq!(second.keys().collect::<Vec<_>>(), [&Key::from("k")], "nor of its key");
}

// [S25] [S32]: prune forgets an older epoch's records too.
#[test]
fn records_of_an_older_owner_are_pruned_with_the_others() {
    let (mut first, mut topic) = first_owner();
    let key = state_key("k", 0, 1, "x");
    first.put_calls(&key, start, vec![CallPut::Put(0, call("f", succeeded("1")))]);
    topic.take(&mut first);
    topic.fence(2);
    let mut second = topic.rebuild(2, 0, 0, 0).unwrap();
    second.get(&key);
    second.put(&key, completed("x")).unwrap();
    topic.take(&mut second);
    second.prune(&Key::from("k"), SequenceNumber(1));
    topic.take(&mut second);
    assert_eq!(topic.names(), ["fence@1", "fence@2"]);
    let rebuilt = topic.rebuild(3, 0, 0, 0).unwrap();
    assert!(rebuilt.is_empty(), "tombstones that are not yet obeyed are honoured");
    assert_eq!(rebuilt.recovery_marker(), Position(topic.0.len() as u64));
}

// [S25]
#[test]
fn tombstones_of_states_below_the_completed_line_are_not_written_twice() {
    let (mut first, mut topic) = first_owner();
    for number in 0..2 {
        first.put(&state_key("k", number, number as u8 + 1, "x"), completed("x")).unwrap();
    }
    topic.take(&mut first);
    first.prune(&Key::from("k"), SequenceNumber(1));
    topic.take(&mut first);
    topic.fence(2);
    let mut second = topic.rebuild(2, 0, 0, 2).unwrap();
    let tombstones = second.take_appends();
    assert_eq!(tombstones.iter().map(|append| append.key.to_string()).filter(|key| key.starts_with("k_1")).count(), 1);
    assert_eq!(tombstones.len(), 1);
}

// [S25] [S32]: the owner dies when its checkpoint is durable, and the tombstone of its fence is not yet written.
#[test]
fn tombstones_of_fences_that_a_crash_left_unwritten_are_written_by_the_rebuild() {
    let app = App::default();
    let (mut store, mut topic) = first_owner();
    let key = state_key("k", 0, 1, "x");
    store.put_calls(&key, start, vec![CallPut::Put(0, call("f", succeeded("1")))]);
    topic.take(&mut store);
    let mut operator = operator_of(&app, store);
    let taken = operator.begin_checkpoint();
    assert_eq!(taken.marker, Position(0), "a fence holds the marker back until it has its tombstone");
    assert_eq!(operator.store().recovery_marker(), Position(1));
    topic.fence(2);
    let (from, floor) = (taken.marker.0 as usize, taken.marker_epoch.0);
    let mut second = topic.rebuild(2, floor, from, 0).unwrap();
    assert_eq!(second.get(&key).unwrap().call_results.len(), 1);
    topic.take(&mut second);
    assert_eq!(topic.names(), ["k_0#0@1", "fence@2"]);
    // Without that fence, the same is read again.
    let mut third = topic.rebuild(2, floor, from, 0).unwrap();
    assert_eq!(third.get(&key).unwrap().call_results.len(), 1);
}

/// An operator over a store to which the first event of key `k` is given at this time, and the invocation that it makes.
// [S27] [S32]
#[test]
fn records_without_their_fence_and_names_of_the_other_kind_of_partition_are_errors() {
    let (mut store, mut topic) = first_owner();
    store.put(&state_key("k", 0, 1, "x"), completed("x")).unwrap();
    topic.take(&mut store);
    let error = topic.rebuild(2, 0, 1, 0).unwrap_err();
    assert_eq!(error, RebuildError::BeforeItsFence { epoch: Epoch(1), fence: Epoch(0) });
    let (key, value) = topic.0[1].clone();
    let mut for_ever = Rebuild::new(PartitionId(0), Position(9), 1 << 20);
    let taken = for_ever.on_scanned(Position(0), &key, value.as_deref(), |_| SequenceNumber(0));
    assert_eq!(taken, Err(RebuildError::WithWriter));
    let mut mover = Rebuild::of_owner(Epoch(1), Epoch(0), PartitionId(0), Position(9), 1 << 20);
    let mut plain = RecordKey::parse(&key).unwrap();
    plain.writer = None;
    let taken = mover.on_scanned(Position(0), &plain.to_bytes(), value.as_deref(), |_| SequenceNumber(0));
    assert_eq!(taken, Err(RebuildError::WithoutWriter));
}

// [S32]: one key for all fences.
#[test]
fn a_late_fence_is_no_fence() {
    let (_, mut topic) = first_owner();
    topic.fence(3);
    topic.fence(2);
    let mut owner = topic.rebuild(3, 0, 0, 0).unwrap();
    assert_eq!(owner.marker_epoch(Position(9)), Epoch(3));
    topic.take(&mut owner);
    assert_eq!(topic.names(), ["fence@1", "fence@3"]);
}
