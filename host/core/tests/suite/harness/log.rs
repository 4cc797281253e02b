//! A log in memory that acknowledges when it is told to, and whose unacknowledged tail may vanish.

use std::collections::{BTreeMap, VecDeque};
use weir_core::action_state::RecordKey;
use weir_core::event::PartitionId;
use weir_core::store::log::{Acknowledged, Append, AppendKind, Position, RecordPlace, Ticket};

/// One partition's log.
#[derive(Clone, Default)]
pub struct Log {
    pub records: BTreeMap<u64, (Vec<u8>, Vec<u8>)>,
    tail: VecDeque<Append>,
    positions: BTreeMap<Ticket, u64>,
    pub end: u64,
}

impl Log {
    /// Takes appends; they are durable when acknowledged.
    pub fn append(&mut self, appends: Vec<Append>) {
        self.tail.extend(appends);
    }

    /// Makes the first of the tail durable.
    pub fn acknowledge_one(&mut self) -> Option<Acknowledged> {
        let append = self.tail.pop_front()?;
        let position = match append.what {
            AppendKind::Record(value) => {
                let position = self.end;
                self.end += 1;
                self.records.insert(position, (append.key.to_bytes(), value.to_vec()));
                self.positions.insert(append.ticket, position);
                position
            }
            AppendKind::Tombstone(places) => {
                for place in places {
                    let position = match place {
                        RecordPlace::At(position) => position.0,
                        RecordPlace::Unacknowledged(ticket) => self.positions[&ticket],
                    };
                    let (key, _) = self.records.remove(&position).expect("a tombstone names a record that is there");
                    assert_eq!(key, append.key.to_bytes(), "a tombstone names the place of its own key");
                }
                self.end
            }
        };
        Some(Acknowledged { partition: PartitionId(0), ticket: append.ticket, position: Position(position) })
    }

    /// The process is killed: what was appended is there, acknowledged or not.
    pub fn kill(&mut self) {
        while self.acknowledge_one().is_some() {}
        self.positions.clear();
    }

    /// Power is lost: the tail vanishes.
    pub fn lose_power(&mut self) {
        self.tail.clear();
        self.positions.clear();
    }

    /// The records as text, the names without their UUIDs: `k_0`, `k_0#1`, `k_0#1?`.
    pub fn names(&self) -> Vec<String> {
        let names = self.records.values().map(|(key, _)| {
            let record = RecordKey::parse(key).expect("the core writes names that parse");
            let text = record.to_string();
            let suffix = text.rfind('#').map_or("", |at| &text[at..]);
            format!("{}_{}{suffix}", record.state.key, record.state.sequence_number)
        });
        names.collect()
    }
}
