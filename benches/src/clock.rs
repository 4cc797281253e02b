//! Time of threads and processes on the processor, where the system tells it: other work on the machine does not count;
//! and the memory that a process holds.

use anyhow::Context;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Of the times in `/proc/PID/stat`: the same on every machine with Linux.
const TICKS_PER_S: f64 = 100.0;

/// Seconds that this thread has been on the processor.
pub fn thread_cpu_s() -> f64 {
    cpu_s("/proc/thread-self/schedstat").unwrap_or(0.0)
}

/// Seconds that all threads of a process have been on the processor, those that have ended too; the process by its number,
/// or `self`.
pub fn process_cpu_s(process: &str) -> Option<f64> {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // Behind the name, which may hold anything.
    let mut fields = text.rsplit(')').next()?.split_ascii_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<f64>().ok();
    Some((ticks()? + ticks()?) / TICKS_PER_S)
}

/// Resident memory of a process, bytes; the process by its number, or `self`.
pub fn resident_bytes(process: &str) -> anyhow::Result<u64> {
    told_bytes(&format!("/proc/{process}/status"), "VmRSS:")
}

/// The same of this process, with each page counted once: a page of a component from which many instances begin is mapped
/// into each of them, and resident as often.
pub fn held_bytes() -> anyhow::Result<u64> {
    told_bytes("/proc/self/smaps_rollup", "Pss:")
}

fn told_bytes(path: &str, name: &str) -> anyhow::Result<u64> {
    let text = std::fs::read_to_string(path).with_context(|| format!("read {path}"))?;
    let told = text.lines().find_map(|line| line.strip_prefix(name));
    let told = told.with_context(|| format!("{name} is missing in {path}"))?;
    let kilobytes: u64 = told.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kilobytes * 1_024)
}

fn cpu_s(path: &str) -> Option<f64> {
    let text = std::fs::read_to_string(path).ok()?;
    let on_processor: u64 = text.split(' ').next()?.parse().ok()?;
    Some(on_processor as f64 / 1e9)
}

/// Watches the threads of this process whose names start so, until it is asked: a thread that has ended tells nothing.
pub struct ThreadWatch {
    stop: Arc<AtomicBool>,
    watcher: JoinHandle<f64>,
}

impl ThreadWatch {
    /// Begins to watch.
    pub fn start(prefix: &'static str) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let watcher = std::thread::spawn(move || {
            let mut seen: HashMap<String, f64> = HashMap::new();
            while !stopped.load(Ordering::Relaxed) {
                look(prefix, &mut seen);
                std::thread::sleep(Duration::from_millis(10));
            }
            seen.values().sum()
        });
        Self { stop, watcher }
    }

    /// Seconds that they all were on the processor.
    pub fn stop(self) -> f64 {
        self.stop.store(true, Ordering::Relaxed);
        self.watcher.join().unwrap_or(0.0)
    }
}

fn look(prefix: &str, seen: &mut HashMap<String, f64>) {
    let Ok(threads) = std::fs::read_dir("/proc/self/task") else { return };
    for thread in threads.flatten() {
        let path = thread.path();
        let named = std::fs::read_to_string(path.join("comm")).is_ok_and(|name| name.starts_with(prefix));
        if named && let Some(time) = cpu_s(&path.join("schedstat").to_string_lossy()) {
            seen.insert(path.to_string_lossy().into_owned(), time);
        }
    }
}
