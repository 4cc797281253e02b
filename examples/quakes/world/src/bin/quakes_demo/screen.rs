use std::cell::{Cell, RefCell};
use std::io::{IsTerminal, Write, stderr};
use std::time::{Duration, Instant};

use quakes_world::Ledger;

use crate::kills::{Kill, describe};

const REDRAW: Duration = Duration::from_millis(80);

/// Progress: one line that changes on a terminal, and a line for each kill anywhere.
pub struct Screen {
    is_terminal: bool,
    drawn_at: Cell<Option<Instant>>,
    shown_kills: RefCell<(String, usize)>,
}

impl Screen {
    pub fn new() -> Screen {
        Screen { is_terminal: stderr().is_terminal(), drawn_at: Cell::new(None), shown_kills: RefCell::default() }
    }

    /// A line that stays.
    pub fn say(&self, line: &str) {
        let clear = if self.is_terminal { "\r\x1b[2K" } else { "" };
        // Nobody watches if this fails.
        let _ = writeln!(stderr(), "{clear}{line}");
    }

    /// Shows the kills that were not shown yet.
    pub fn kills(&self, name: &str, kills: &[Kill], count: usize) {
        let mut shown = self.shown_kills.borrow_mut();
        if shown.0 != name {
            *shown = (name.to_owned(), 0);
        }
        for (number, kill) in kills.iter().enumerate().skip(shown.1) {
            let Kill { request, endpoint, moment } = kill;
            let when = describe(*moment);
            self.say(&format!("  kill -9, {} of {count}: request {request} ({endpoint}) was {when}", number + 1));
        }
        shown.1 = kills.len();
    }

    /// Shows how far a contender is.
    pub fn progress(&self, name: &str, ledger: &Ledger, effects_due: usize, kills: usize) {
        let is_early = self.drawn_at.get().is_some_and(|at| at.elapsed() < REDRAW);
        if !self.is_terminal || is_early {
            return;
        }
        self.drawn_at.set(Some(Instant::now()));
        let sent = ledger.effects().iter().filter(|effect| effect.sent > 0).count();
        let width = 30;
        let full = (sent * width / effects_due.max(1)).min(width);
        let bar = format!("{}{}", "█".repeat(full), "░".repeat(width - full));
        let requests = ledger.requests.len();
        let _ = write!(
            stderr(),
            "\r\x1b[2K  {name} {bar} {sent}/{effects_due} effects, {requests} requests, {kills} kills"
        );
        let _ = stderr().flush();
    }
}
