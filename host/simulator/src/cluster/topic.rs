//! The simulated action-state topic of one partition: compacted by key, written by an idempotent producer for each owner.

use crate::rng::Rng;
use hashbrown::HashMap;
use weir_core::ownership::Epoch;

/// One record, or a tombstone.
#[derive(Clone, Debug)]
pub struct StateRecord {
    /// Where it stands.
    pub offset: u64,
    /// What the cleaner goes by.
    key: Vec<u8>,
    /// What a reader takes it for.
    pub name: Vec<u8>,
    /// None: a tombstone.
    pub value: Option<Vec<u8>>,
    /// Whether it came behind the fence of a later owner.
    pub late: bool,
    /// The highest epoch that a fence before it has begun.
    pub behind: Epoch,
    /// Of a tombstone, the cleaning that met it first.
    met_in: Option<u32>,
}

/// A record as a producer sends it.
#[derive(Clone, Debug)]
pub struct Sent {
    /// The key on Kafka.
    pub key: Vec<u8>,
    /// The name in key and headers together.
    pub name: Vec<u8>,
    /// None: a tombstone.
    pub value: Option<Vec<u8>>,
    /// The epoch that a fence begins.
    pub fence: Option<Epoch>,
}

/// The topic's partition.
///
/// *Invariant:* offsets grow, and keep their gaps when records are cleaned away.
#[derive(Clone, Debug, Default)]
pub struct StateTopic {
    records: Vec<StateRecord>,
    end: u64,
    /// The highest epoch that a fence has begun.
    fenced: Epoch,
    cleanings: u32,
    /// Of each reader under way, the cleaning before which it began.
    readers: Vec<u32>,
    cleaned_to: u64,
}

impl StateTopic {
    /// The offset after the last record.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// The highest epoch that a fence has begun.
    pub fn fenced(&self) -> Epoch {
        self.fenced
    }

    /// A record of an owner of this epoch arrives; where it stands, and whether it is late.
    pub fn append(&mut self, sent: Sent, epoch: Epoch) -> (u64, bool) {
        let offset = self.end;
        self.end += 1;
        let (late, behind) = (epoch < self.fenced, self.fenced);
        self.fenced = self.fenced.max(sent.fence.unwrap_or_default());
        let Sent { key, name, value, .. } = sent;
        self.records.push(StateRecord { offset, key, name, value, late, behind, met_in: None });
        (offset, late)
    }

    /// The next records from an offset on, before another, at most so many.
    pub fn read(&self, from: u64, to: u64, count: usize) -> &[StateRecord] {
        let at = self.records.partition_point(|record| record.offset < from);
        let end = self.records.partition_point(|record| record.offset < to);
        &self.records[at..end.min(at + count).max(at)]
    }

    /// A reader begins; it is named by what `end_read` takes.
    pub fn begin_read(&mut self) -> u32 {
        self.readers.push(self.cleanings);
        self.cleanings
    }

    /// A reader has ended, or is gone.
    pub fn end_read(&mut self, reader: u32) {
        let at = self.readers.iter().position(|began| *began == reader).expect("a reader ends once");
        self.readers.swap_remove(at);
    }

    /// Whether there is something that was never cleaned.
    pub fn is_dirty(&self) -> bool {
        self.cleaned_to < self.end
    }

    /// The cleaner runs over some part from the beginning on: of each key it leaves the last record there. A tombstone
    /// goes in a later cleaning, when no reader is under way that may have read what it removed: its time to be kept is
    /// longer than a reading takes.
    pub fn clean(&mut self, rng: &mut Rng) {
        let left = (self.end - self.cleaned_to) as usize;
        let to = if rng.percent(50) { self.end } else { self.cleaned_to + rng.below(left + 1) as u64 };
        self.cleaned_to = to;
        self.cleanings += 1;
        let mut last: HashMap<&[u8], u64> = HashMap::new();
        for record in self.records.iter().take_while(|record| record.offset < to) {
            last.insert(&record.key, record.offset);
        }
        let is_last: Vec<bool> =
            self.records.iter().map(|record| last.get(&*record.key) == Some(&record.offset)).collect();
        drop(last);
        let (cleanings, readers) = (self.cleanings, &self.readers);
        let mut is_last = is_last.into_iter();
        self.records.retain_mut(|record| {
            let is_last = is_last.next().expect("one for each record");
            if record.offset >= to {
                return true;
            }
            if !is_last || record.value.is_some() {
                return is_last;
            }
            match record.met_in {
                None => record.met_in = Some(cleanings),
                Some(met_in) => return readers.iter().any(|began| *began < met_in),
            }
            true
        });
    }

    /// What stands when the cleaner has done all that it can.
    pub fn standing(&self) -> Vec<&StateRecord> {
        let mut last: HashMap<&[u8], u64> = HashMap::new();
        for record in &self.records {
            last.insert(&record.key, record.offset);
        }
        let stands = |record: &&StateRecord| record.value.is_some() && last[&*record.key] == record.offset;
        self.records.iter().filter(stands).collect()
    }
}
