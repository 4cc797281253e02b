//! Progress for people: only on a terminal, and only where a run takes its time.

use super::Service;
use crate::logging::progress_is_shown;
use crate::settings::{Settings, Source};
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::time::Duration;

/// How often it is drawn.
const INTERVAL: Duration = Duration::from_millis(200);
/// Runs shorter than this show nothing.
const QUIET: Duration = Duration::from_secs(2);

/// A line that shows how far a run is.
pub struct Progress {
    bar: ProgressBar,
    task: tokio::task::JoinHandle<()>,
}

impl Progress {
    /// Takes the line away.
    pub fn finish(self) {
        self.task.abort();
        progress_is_shown(false);
        self.bar.finish_and_clear();
    }
}

/// Shows how far a run is, while it runs.
pub fn show_progress(settings: &Settings, service: &Service) -> Progress {
    let length = match &settings.source.from {
        Source::File(path) => std::fs::metadata(path).map(|metadata| metadata.len()).ok(),
        Source::Stdin | Source::Listen(_) | Source::Kafka { .. } => None,
    };
    let bar = if std::io::stderr().is_terminal() { ProgressBar::no_length() } else { ProgressBar::hidden() };
    let style = if length.is_some() { "{bar:30} {percent:>3} %  {wide_msg}" } else { "{spinner} {wide_msg}" };
    let (service, shown) = (service.clone(), bar.clone());
    let task = tokio::spawn(async move {
        if shown.is_hidden() {
            return;
        }
        tokio::time::sleep(QUIET).await;
        // Not before: each of these draws.
        progress_is_shown(true);
        shown.set_style(ProgressStyle::with_template(style).expect("the template is well-formed"));
        if let Some(length) = length {
            shown.set_length(length);
        }
        loop {
            let counters = service.counters().await;
            let offset = service.counts.source_offset.load(std::sync::atomic::Ordering::Relaxed);
            if length.is_some() {
                shown.set_position(offset);
            }
            shown.set_message(format!(
                "{} events, {} actions, {} waiting, {} quarantined",
                counters.input_events, counters.actions_completed, counters.pending_events, counters.keys_quarantined
            ));
            shown.tick();
            tokio::time::sleep(INTERVAL).await;
        }
    });
    Progress { bar, task }
}
