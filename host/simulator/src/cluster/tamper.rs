//! Where planted mistakes change what passes between core and brokers.

use super::mistake::ClusterMistake;
use super::topic::{Sent, StateRecord};
use weir_core::action_state::{RecordKey, RecordKind, Writer, decode};
use weir_core::ownership::{Epoch, FenceKey};
use weir_core::store::log::{Append, AppendKind, LogKey};

/// Above these bits of an ordinal stands the epoch that it was written under, where no fence is looked for.
const ORDINAL_BITS: u32 = 40;

/// A fence as it is sent.
pub fn fence(epoch: Epoch, mistake: Option<ClusterMistake>) -> Sent {
    let name = FenceKey(epoch).to_bytes();
    let key = if mistake == Some(ClusterMistake::OneFenceKey) { b"fence".to_vec() } else { name.clone() };
    Sent { key, name, value: Some(FenceKey(epoch).value()), fence: Some(epoch) }
}

/// An append as it is sent; none where it is left out.
pub fn append(append: &Append, epoch: Epoch, mistake: Option<ClusterMistake>) -> Option<Sent> {
    let value = match &append.what {
        AppendKind::Record(value) => Some(value.to_vec()),
        AppendKind::Tombstone(_) => None,
    };
    let LogKey::Record(record) = &append.key else {
        let name = append.key.to_bytes();
        let key = if mistake == Some(ClusterMistake::OneFenceKey) { b"fence".to_vec() } else { name.clone() };
        return Some(Sent { key, name, value, fence: None });
    };
    let mut record = record.clone();
    let writer = record.writer.as_mut().expect("the partition moves between hosts");
    match mistake {
        Some(ClusterMistake::PruneForgetsOlderEpoch) if value.is_none() && writer.epoch < epoch => return None,
        Some(ClusterMistake::NoFence | ClusterMistake::LateCompletedTaken) => {
            let written = (writer.ordinal >> ORDINAL_BITS) as u32;
            if written > 0 {
                *writer = Writer { epoch: Epoch(written), ordinal: writer.ordinal & ((1 << ORDINAL_BITS) - 1) };
            }
        }
        _ => {}
    }
    let name = record.to_bytes();
    let key = match mistake {
        Some(ClusterMistake::EpochNotInKey) => without_epoch(&name),
        _ => name.clone(),
    };
    Some(Sent { key, name, value, fence: None })
}

/// A name without the epoch that ends it: `…@3.7` as `…@7`.
fn without_epoch(name: &[u8]) -> Vec<u8> {
    let at = name.iter().rposition(|byte| *byte == b'@').expect("a writer ends the name");
    let dot = name.iter().rposition(|byte| *byte == b'.').expect("an ordinal ends the name");
    [&name[..=at], &name[dot + 1..]].concat()
}

/// The name of a record as the rebuild of the owner of this epoch gets it; none where it stays as it is.
pub fn read(of: &StateRecord, owner: Epoch, mistake: Option<ClusterMistake>) -> Option<Vec<u8>> {
    let mistake = mistake?;
    let mut record = RecordKey::parse(&of.name).ok()?;
    let writer = record.writer.as_mut()?;
    let ordinal = u64::from(writer.epoch.0) << ORDINAL_BITS | writer.ordinal;
    match mistake {
        // As if all were one owner's.
        ClusterMistake::NoFence => *writer = Writer { epoch: owner, ordinal },
        ClusterMistake::LateCompletedTaken if of.late && record.kind == RecordKind::State => {
            *writer = Writer { epoch: of.behind, ordinal };
            if !decode(&record, of.value.as_deref()?).is_ok_and(|state| state.completed) {
                return None;
            }
        }
        _ => return None,
    }
    Some(record.to_bytes())
}
