//! What takes minutes: only in `make torture`.

mod bounded;
mod broker;
mod scale;
mod secured;

use super::application::Application;
use super::kill::{rough, round, with_policy};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use weir_tests::process::Weir;
use weir_tests::torture::Scene;
use weir_tests::{Manifest, guests};

/// Whether the tests that take minutes are wanted; says so where they are not.
fn is_wanted(test: &str) -> bool {
    let is_wanted = std::env::var_os("WEIR_KILLS").is_some();
    if !is_wanted {
        println!("{test}: only in make torture");
    }
    is_wanted
}

/// An application under load, and the world that it has effects on.
struct Load<'a> {
    application: &'a Application<'a>,
    scene: Scene,
    manifest: Manifest,
    rounds: AtomicU64,
    is_over: AtomicBool,
}

impl<'a> Load<'a> {
    fn new(application: &'a Application<'a>, seed: u64) -> Self {
        let scene = rough(seed);
        let manifest = with_policy(application.manifest(&guests::probe()), &scene.world.origin());
        Self { application, scene, manifest, rounds: AtomicU64::new(0), is_over: AtomicBool::new(false) }
    }

    /// One event for each key.
    fn produce(&self) {
        let n = self.rounds.load(Ordering::Relaxed);
        self.application.produce_json(&round(&self.scene.world.origin(), n));
        self.rounds.store(n + 1, Ordering::Relaxed);
    }

    /// Produces, without a pause to speak of, while something is done.
    fn during<T>(&self, act: impl FnOnce() -> T) -> T {
        /// Ends the load also where what is done panics.
        struct Ends<'a>(&'a AtomicBool);
        impl Drop for Ends<'_> {
            fn drop(&mut self) {
                self.0.store(true, Ordering::Relaxed);
            }
        }
        self.is_over.store(false, Ordering::Relaxed);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !self.is_over.load(Ordering::Relaxed) {
                    self.produce();
                    std::thread::sleep(Duration::from_millis(150));
                }
            });
            let ends = Ends(&self.is_over);
            let done = act();
            drop(ends);
            done
        })
    }

    /// Waits until the hosts have done all of it, stops them, and looks at everything.
    fn check_end(&self, hosts: Vec<Weir>) {
        super::kill::check_end(self.application, hosts, &self.scene, self.rounds.load(Ordering::Relaxed));
    }
}

/// As `wait_until`, for what takes its time.
fn wait_long(what: &str, patience: Duration, mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + patience;
    while !is_so() {
        assert!(Instant::now() < until, "waited {} s in vain: {what}", patience.as_secs());
        std::thread::sleep(Duration::from_millis(100));
    }
}
