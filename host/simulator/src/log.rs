//! The simulated action-state log: an unsynced tail that survives the end of the process and may vanish with the power.

use crate::rng::Rng;
use hashbrown::HashSet;
use weir_core::action_state::{RecordKey, StateKey};
use weir_core::store::log::{Append, AppendKind, Position, RecordPlace, Ticket};

/// One write.
#[derive(Clone, Debug)]
struct Write {
    /// Where its record stands; of a tombstone, the end at that time.
    position: Position,
    key: Vec<u8>,
    what: Written,
}

#[derive(Clone, Debug)]
enum Written {
    Record(Vec<u8>),
    /// Of no place: a record that a planted mistake left out.
    Tombstone(Vec<Position>),
}

/// The log of one partition.
#[derive(Clone, Debug)]
pub struct SimulatedLog {
    writes: Vec<Write>,
    /// So many writes survive the loss of power.
    synced: usize,
    /// Of the present life, the position of each append.
    positions: Vec<Position>,
    /// Positions below were given away, though their records may be lost.
    given: Position,
}

impl Default for SimulatedLog {
    fn default() -> Self {
        Self { writes: Vec::new(), synced: 0, positions: Vec::new(), given: Position(0) }
    }
}

impl SimulatedLog {
    /// So many writes have been made and not lost.
    pub fn writes(&self) -> usize {
        self.writes.len()
    }

    /// The position after the last record.
    pub fn end(&self) -> Position {
        let end = match self.writes.last() {
            None => Position(0),
            Some(Write { position, what: Written::Tombstone(places), .. }) if !places.is_empty() => *position,
            Some(Write { position, .. }) => Position(position.0 + 1),
        };
        end.max(self.given)
    }

    /// Takes an append; answers where it stands.
    pub fn append(&mut self, append: Append) -> Position {
        assert_eq!(append.ticket, Ticket(self.positions.len() as u64), "appends come in their order");
        let position = self.end();
        let what = match append.what {
            AppendKind::Record(value) => Written::Record(value.to_vec()),
            AppendKind::Tombstone(places) => {
                Written::Tombstone(places.into_iter().map(|place| self.place(place)).collect())
            }
        };
        self.positions.push(position);
        self.writes.push(Write { position, key: append.key.to_bytes(), what });
        position
    }

    fn place(&self, place: RecordPlace) -> Position {
        match place {
            RecordPlace::At(position) => position,
            RecordPlace::Unacknowledged(ticket) => self.positions[ticket.0 as usize],
        }
    }

    /// The first writes are durable now.
    pub fn on_synced(&mut self, writes: usize) {
        self.synced = self.synced.max(writes.min(self.writes.len()));
    }

    /// The process ended: a new one counts its appends anew.
    pub fn on_process_end(&mut self) {
        self.positions.clear();
    }

    /// The power is gone: some tail of what is not durable is gone too.
    pub fn on_power_loss(&mut self, rng: &mut Rng) {
        let tail = self.writes.len() - self.synced;
        let kept = match rng.below(3) {
            0 => 0,
            1 => tail,
            _ => rng.below(tail + 1),
        };
        self.writes.truncate(self.synced + kept);
        self.synced = self.writes.len();
    }

    /// A sync failed: what was not durable is gone.
    pub fn lose_tail(&mut self) {
        self.given = self.end();
        self.writes.truncate(self.synced);
    }

    /// A sync failed, and nobody looked: what was not durable is gone, and counts as written.
    pub fn lose_tail_unseen(&mut self) {
        self.given = self.end();
        for write in &mut self.writes[self.synced..] {
            write.what = Written::Tombstone(Vec::new());
        }
        self.synced = self.writes.len();
    }

    /// The records that stand, from a position on: position, key, value.
    pub fn scan(&self, from: Position) -> Vec<(Position, &[u8], &[u8])> {
        let mut gone: HashSet<Position> = HashSet::new();
        for write in &self.writes {
            if let Written::Tombstone(places) = &write.what {
                gone.extend(places);
            }
        }
        let records = self.writes.iter().filter_map(|write| match &write.what {
            Written::Record(value) if write.position >= from && !gone.contains(&write.position) => {
                Some((write.position, write.key.as_slice(), value.as_slice()))
            }
            _ => None,
        });
        records.collect()
    }

    /// The least position at which a state that stands was put the last time. What one of the planted mistakes takes
    /// for the recovery marker.
    pub fn least_latest_put(&self) -> Position {
        let mut latest: Vec<(StateKey, Position)> = Vec::new();
        for (position, key, _) in self.scan(Position(0)) {
            let Ok(record) = RecordKey::parse(key) else { continue };
            match latest.iter_mut().find(|(state, _)| *state == record.state) {
                Some((_, last)) => *last = position,
                None => latest.push((record.state, position)),
            }
        }
        latest.into_iter().map(|(_, position)| position).min().unwrap_or_else(|| self.end())
    }
}
