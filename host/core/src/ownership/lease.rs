//! The only proof that a host may make an effect for a partition.

/// The right to make effects, for a while.
///
/// | state | fact | next |
/// |---|---|---|
/// | any | a checkpoint is sent | unchanged, its time is remembered |
/// | any | that checkpoint is committed | held until so long after it was *sent* |
/// | any | it is aborted | unchanged |
/// | held | its time is over | lapsed |
/// | any | given up | lapsed for good |
///
/// Times are milliseconds of a clock that counts the time in which the machine is suspended. *Invariant:* the end of the
/// lease is never later than `lease_ms` after the sending of a checkpoint that the broker took: a takeover that waits so
/// long after it has fenced the owner's producer starts when no effect can be begun any more.
#[derive(Clone, Debug)]
pub struct Lease {
    lease_ms: u64,
    sent_at_ms: Option<u64>,
    held_until_ms: u64,
    given_up: bool,
}

impl Lease {
    /// A lease that is not held yet.
    pub fn new(lease_ms: u64) -> Self {
        Self { lease_ms, sent_at_ms: None, held_until_ms: 0, given_up: false }
    }

    /// A checkpoint is about to be sent.
    pub fn on_checkpoint_sent(&mut self, now_ms: u64) {
        self.sent_at_ms = Some(now_ms);
    }

    /// The checkpoint that was sent last is committed.
    pub fn on_checkpoint_committed(&mut self) {
        let sent_at_ms = self.sent_at_ms.take().expect("a checkpoint was sent before it is committed");
        self.held_until_ms = self.held_until_ms.max(sent_at_ms.saturating_add(self.lease_ms));
    }

    /// The checkpoint that was sent last came to nothing.
    pub fn on_checkpoint_aborted(&mut self) {
        self.sent_at_ms = None;
    }

    /// The partition is given up, or was lost.
    pub fn give_up(&mut self) {
        self.given_up = true;
    }

    /// Whether an effect may begin now: asked in the step that writes its first byte.
    pub fn is_held(&self, now_ms: u64) -> bool {
        !self.given_up && now_ms < self.held_until_ms
    }

    /// When it ends, unless it is renewed.
    pub fn held_until_ms(&self) -> u64 {
        self.held_until_ms
    }

    /// Whether so little is left of it that an effect which waits is worth a checkpoint: less than half.
    pub fn wants_renewal(&self, now_ms: u64) -> bool {
        !self.given_up && self.sent_at_ms.is_none() && now_ms.saturating_add(self.lease_ms / 2) >= self.held_until_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // [S32]
    #[test]
    fn lease_counts_from_the_sending_of_a_committed_checkpoint() {
        let mut lease = Lease::new(1_000);
        assert!(!lease.is_held(0));
        lease.on_checkpoint_sent(5_000);
        assert!(!lease.is_held(5_000), "sent is not committed");
        lease.on_checkpoint_committed();
        assert!(lease.is_held(5_999));
        assert!(!lease.is_held(6_000), "the end does not belong to it");
    }

    // [S32]
    #[test]
    fn aborted_checkpoint_renews_nothing() {
        let mut lease = Lease::new(1_000);
        lease.on_checkpoint_sent(5_000);
        lease.on_checkpoint_aborted();
        assert!(!lease.is_held(5_001));
        lease.on_checkpoint_sent(6_000);
        lease.on_checkpoint_committed();
        assert_eq!(lease.held_until_ms(), 7_000);
    }

    // [S32]
    #[test]
    fn what_is_given_up_is_never_held_again() {
        let mut lease = Lease::new(1_000);
        lease.on_checkpoint_sent(5_000);
        lease.give_up();
        lease.on_checkpoint_committed();
        assert!(!lease.is_held(5_001));
        assert!(!lease.wants_renewal(9_000));
    }

    #[test]
    fn renewal_is_wanted_when_half_is_over_and_none_is_on_its_way() {
        let mut lease = Lease::new(1_000);
        assert!(lease.wants_renewal(0));
        lease.on_checkpoint_sent(5_000);
        assert!(!lease.wants_renewal(5_000), "one is on its way");
        lease.on_checkpoint_committed();
        assert!(!lease.wants_renewal(5_499));
        assert!(lease.wants_renewal(5_500));
    }
}
