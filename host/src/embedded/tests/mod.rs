//! Scenarios of the store, one file each.

mod faults;
mod folder;
mod inbox;
mod keyed_state;

use super::*;
use std::path::Path;
use weir_core::action_state::{RecordKey, RecordKind, StateKey};
use weir_core::event::SequenceNumber;
use weir_core::id::{ActionId, EventId};
use weir_core::store::log::{ActionStateLog, Append, AppendKind, LogKey, Position, RecordPlace, Ticket};

fn open(directory: &Path) -> EmbeddedStore {
    EmbeddedStore::open(directory, "tests", StoreSettings::default()).expect("open")
}

/// A store of each kind, empty.
fn both_stores(directory: &Path, settings: StoreSettings) -> [Store; 2] {
    let embedded = EmbeddedStore::open(directory, "tests", settings.clone()).expect("open");
    [Store::Embedded(embedded), Store::Memory(MemoryStore::new(settings))]
}

fn name(key: &str) -> LogKey {
    let state = StateKey {
        key: key.into(),
        sequence_number: SequenceNumber(0),
        event: EventId([0; 16]),
        action: ActionId::of_name("action"),
    };
    LogKey::Record(RecordKey { state, kind: RecordKind::State, writer: None })
}

fn record(partition: u32, ticket: u64, value: &[u8]) -> Append {
    let what = AppendKind::Record(value.into());
    Append { partition: PartitionId(partition), ticket: Ticket(ticket), key: name(&ticket.to_string()), what }
}

fn tombstone(partition: u32, ticket: u64, place: RecordPlace) -> Append {
    let what = AppendKind::Tombstone([place].into_iter().collect());
    Append { partition: PartitionId(partition), ticket: Ticket(ticket), key: name(""), what }
}
