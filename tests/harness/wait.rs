//! Waiting for what must come, instead of sleeping and hoping.

use std::time::{Duration, Instant};

/// How long anything may take before the test fails; generous, for it is no measure of speed.
pub const PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(5);

/// Waits until `what` is so.
pub fn wait_until(what: &str, is_so: impl FnMut() -> bool) {
    assert!(comes(is_so), "waited {} s in vain: {what}", PATIENCE.as_secs());
}

/// Waits for a value.
pub fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let mut found = None;
    wait_until(what, || {
        found = look();
        found.is_some()
    });
    found.expect("it was just found")
}

/// Whether it comes to be so in time.
pub fn comes(mut is_so: impl FnMut() -> bool) -> bool {
    let until = Instant::now() + PATIENCE;
    while !is_so() {
        if Instant::now() > until {
            return false;
        }
        std::thread::sleep(POLL);
    }
    true
}
