//! How far reading topics is, for people: only on a terminal, and only where it takes its time.

use crate::logging::progress_is_shown;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// What is read in less shows nothing.
const QUIET: Duration = Duration::from_secs(2);

/// A line that shows how far it is; gone when dropped.
pub(super) struct Progress {
    bar: ProgressBar,
    began: Instant,
    is_shown: bool,
}

impl Progress {
    /// For what takes no time yet.
    pub(super) fn new() -> Self {
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::hidden());
        let style = ProgressStyle::with_template("{bar:30} {percent:>3} %  {wide_msg}");
        bar.set_style(style.expect("the template is well-formed"));
        Self { bar, began: Instant::now(), is_shown: false }
    }

    /// So many records more are to be read.
    pub(super) fn expect(&mut self, records: u64, what: String) {
        self.bar.inc_length(records);
        self.bar.set_message(what);
    }

    /// So many more are read, or need not be.
    pub(super) fn advance(&mut self, records: u64) {
        self.bar.inc(records);
        if !self.is_shown && self.began.elapsed() > QUIET && std::io::stderr().is_terminal() {
            self.is_shown = true;
            progress_is_shown(true);
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        progress_is_shown(false);
        self.bar.finish_and_clear();
    }
}
