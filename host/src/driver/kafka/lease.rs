//! The lease of a shard, as its connections see it [S32].

use rustix::time::{ClockId, clock_gettime};
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;
use weir_component::EffectGate;
use weir_core::ownership::Lease;

/// A clock that counts the time in which the machine is suspended.
#[cfg(target_os = "linux")]
const CLOCK: ClockId = ClockId::Boottime;
#[cfg(not(target_os = "linux"))]
const CLOCK: ClockId = ClockId::Monotonic;

/// Milliseconds of the clock that leases are measured by.
pub(super) fn lease_clock_ms() -> u64 {
    let now = clock_gettime(CLOCK);
    now.tv_sec as u64 * 1_000 + now.tv_nsec as u64 / 1_000_000
}

/// The lease of one shard: kept by its loop, looked at by its connections.
#[derive(Debug)]
pub(super) struct ShardLease {
    lease: Mutex<Lease>,
    held_until_ms: AtomicU64,
    wanted: AtomicBool,
    /// Somebody wants to make an effect.
    pub(super) asked: Notify,
    renewed: Notify,
}

impl ShardLease {
    pub(super) fn new(lease_ms: u64) -> Arc<Self> {
        Arc::new(Self {
            lease: Mutex::new(Lease::new(lease_ms)),
            held_until_ms: AtomicU64::new(0),
            wanted: AtomicBool::new(false),
            asked: Notify::new(),
            renewed: Notify::new(),
        })
    }

    fn with<T>(&self, act: impl FnOnce(&mut Lease) -> T) -> T {
        act(&mut self.lease.lock().expect("nobody panics with it"))
    }

    pub(super) fn on_checkpoint_sent(&self) {
        self.wanted.store(false, Ordering::Release);
        self.with(|lease| lease.on_checkpoint_sent(lease_clock_ms()));
    }

    pub(super) fn on_checkpoint_committed(&self) {
        let held_until_ms = self.with(|lease| {
            lease.on_checkpoint_committed();
            lease.held_until_ms()
        });
        self.held_until_ms.store(held_until_ms, Ordering::Release);
        self.renewed.notify_waiters();
    }

    /// Who waits for the lease waits on: it is wanted again, as far as a checkpoint would help.
    pub(super) fn on_checkpoint_aborted(&self) {
        self.with(Lease::on_checkpoint_aborted);
        self.want();
    }

    /// Nothing may leave any more.
    pub(super) fn give_up(&self) {
        self.with(Lease::give_up);
        self.held_until_ms.store(0, Ordering::Release);
    }

    /// Whether somebody waits for it, and a checkpoint would help.
    pub(super) fn is_wanted(&self) -> bool {
        self.wanted.load(Ordering::Acquire) && self.with(|lease| lease.wants_renewal(lease_clock_ms()))
    }

    /// A request is about to be made: the lease had better last.
    pub(super) fn want(&self) {
        self.wanted.store(true, Ordering::Release);
    }

    fn is_held(&self) -> bool {
        lease_clock_ms() < self.held_until_ms.load(Ordering::Acquire)
    }
}

/// What the connections of a shard look at.
#[derive(Debug)]
pub(super) struct LeaseGate(pub(super) Arc<ShardLease>);

impl EffectGate for LeaseGate {
    fn is_open(&self) -> bool {
        self.0.is_held()
    }

    fn opened(&self) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let lease = self.0.clone();
        Box::pin(async move {
            loop {
                let renewed = lease.renewed.notified();
                let mut renewed = std::pin::pin!(renewed);
                renewed.as_mut().enable();
                if lease.is_held() {
                    return;
                }
                lease.want();
                lease.asked.notify_one();
                renewed.await;
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // [S32]
    #[tokio::test]
    async fn who_waits_at_the_gate_asks_for_a_checkpoint_and_goes_when_it_is_committed() {
        let lease = ShardLease::new(60_000);
        let gate = LeaseGate(lease.clone());
        assert!(!gate.is_open() && !lease.is_wanted());
        let waiting = tokio::spawn(gate.opened());
        lease.asked.notified().await;
        assert!(lease.is_wanted());
        lease.on_checkpoint_sent();
        assert!(!gate.is_open() && !lease.is_wanted());
        lease.on_checkpoint_aborted();
        assert!(!gate.is_open() && lease.is_wanted(), "who waits still does");
        lease.on_checkpoint_sent();
        lease.on_checkpoint_committed();
        waiting.await.unwrap();
        assert!(gate.is_open());
        lease.give_up();
        assert!(!gate.is_open());
    }
}
