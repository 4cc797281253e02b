//! The clock by which busy guests yield.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;
use wasmtime::{Engine, EngineWeak};

/// How often a busy guest yields to the other keys of its shard, and the grain of `limits.cpu_ms_max`, milliseconds.
pub(crate) const TICK_MS: u64 = 5;

/// Counts ticks, for whoever must know whether one passed.
#[derive(Debug, Default)]
pub(crate) struct Ticks(AtomicU64);

impl Ticks {
    pub(crate) fn now(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A thread that moves the epoch of all engines on, until it is dropped.
pub(crate) struct Ticker {
    ticks: Arc<Ticks>,
    engines: Arc<Mutex<Vec<EngineWeak>>>,
    stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Ticker {
    pub(crate) fn start() -> std::io::Result<Self> {
        let ticks = Arc::new(Ticks::default());
        let engines: Arc<Mutex<Vec<EngineWeak>>> = Arc::default();
        let stopped = Arc::new(AtomicBool::new(false));
        let thread = std::thread::Builder::new().name("weir-ticker".into()).spawn({
            let (ticks, engines, stopped) = (ticks.clone(), engines.clone(), stopped.clone());
            move || {
                while !stopped.load(Ordering::Relaxed) {
                    std::thread::sleep(Duration::from_millis(TICK_MS));
                    ticks.0.fetch_add(1, Ordering::Relaxed);
                    for engine in engines.lock().expect("no holder panics").iter().filter_map(EngineWeak::upgrade) {
                        engine.increment_epoch();
                    }
                }
            }
        })?;
        Ok(Self { ticks, engines, stopped, thread: Some(thread) })
    }

    pub(crate) fn drive(&self, engine: &Engine) {
        self.engines.lock().expect("no holder panics").push(engine.weak());
    }

    pub(crate) fn ticks(&self) -> &Arc<Ticks> {
        &self.ticks
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
