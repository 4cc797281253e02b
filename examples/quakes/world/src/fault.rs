use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::settings::Faults;

/// What the world does to one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Nothing: effect and answer.
    None,
    /// No effect, no answer.
    LoseRequest,
    /// Effect, no answer.
    LoseAnswer,
    /// No effect, 503.
    Refuse,
    /// Effect, and an answer that comes so many milliseconds late.
    DelayMs(u64),
}

impl Fault {
    /// Whether the client is left without the answer that it wanted.
    pub fn is_failure(self) -> bool {
        matches!(self, Fault::LoseRequest | Fault::LoseAnswer | Fault::Refuse)
    }

    /// Draws the fault of the `ordinal`-th request (from 0) with this content.
    /// Content and seed alone decide, not the time or the order in which different requests arrive.
    pub fn draw(seed: u64, faults: &Faults, endpoint: &str, body: &[u8], ordinal: u32) -> Fault {
        let mut digest = Sha256::new();
        digest.update(seed.to_le_bytes());
        digest.update((endpoint.len() as u64).to_le_bytes());
        digest.update(endpoint);
        digest.update(ordinal.to_le_bytes());
        digest.update(body);
        let digest = digest.finalize();
        let word = |from: usize| digest[from..from + 8].iter().fold(0u64, |word, byte| word << 8 | u64::from(*byte));

        let ends = [
            (faults.lost_requests_per_mille, Fault::LoseRequest),
            (faults.lost_answers_per_mille, Fault::LoseAnswer),
            (faults.refusals_per_mille, Fault::Refuse),
            (faults.delays_per_mille, Fault::DelayMs(word(8) % (faults.delay_ms_max + 1))),
        ];
        let mut left = word(0) % 1000;
        for (per_mille, fault) in ends {
            if left < u64::from(per_mille) {
                return fault;
            }
            left -= u64::from(per_mille);
        }
        Fault::None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_seed_and_content_draw_the_same_fault() {
        let draw = |seed| {
            (0..200).map(|ordinal| Fault::draw(seed, &Faults::ROUGH, "page", b"body", ordinal)).collect::<Vec<_>>()
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }

    #[test]
    fn faults_come_at_about_their_rates() {
        let mut lost = 0;
        for number in 0..10_000u32 {
            let body = number.to_le_bytes();
            lost += u32::from(Fault::draw(7, &Faults::ROUGH, "page", &body, 0) == Fault::LoseAnswer);
        }
        assert!((600..800).contains(&lost), "{lost} of 10,000 at 70 ‰");
    }

    #[test]
    fn quiet_world_has_no_faults() {
        for ordinal in 0..100 {
            assert_eq!(Fault::draw(3, &Faults::NONE, "map", b"x", ordinal), Fault::None);
        }
    }
}
