//! The same behaviour in each language: the cases of `tests/conformance`, run against a component of each.
//!
//! A case goes through the real operator, invocation, component host and HTTP client, on a log in memory, with a clock
//! of its own; a kill is a rebuild from that log. `tests/conformance/README.md` tells how cases and guests are written.

mod case;
mod expect;
mod languages;
mod log_lines;
mod outside;
mod table;
mod world;

use case::{Case, CaseFile};
use languages::Guest;
use outside::Outside;
use table::{Mark, Table};
use weir_tests::exact::Exact;
use world::World;

/// Invocations that one instance serves.
const FRESH: u32 = 1;
const OFTEN: u32 = 1_000;

// [S9] [S12]
#[test]
fn every_language_does_the_same() {
    let outside = Outside::start();
    let files = CaseFile::read_all(&outside);
    let guests = Guest::all();
    let mut table = Table::new(&files);
    let mut failures = Vec::new();
    for guest in &guests {
        // What is no guest at all is said once.
        guest.load(&outside, &[]);
        let mut runner = Runner { guest, outside: &outside, wrong: Vec::new() };
        for case in files.iter().flat_map(|file| &file.cases) {
            let mark = runner.run(case);
            table.mark(guest, case, mark);
        }
        failures.append(&mut runner.wrong);
    }
    println!("{}", table.to_text());
    assert!(failures.is_empty(), "{} failed:\n{}", failures.len(), failures.join("\n"));
    if languages::are_the_projects() {
        table.check_readme();
    }
}

/// Runs the cases against one guest.
struct Runner<'r> {
    guest: &'r Guest,
    outside: &'r Outside,
    wrong: Vec<String>,
}

impl Runner<'_> {
    fn run(&mut self, case: &Case) -> Mark {
        let Some(expected) = case.expected(&self.guest.name) else { return Mark::LeftOut };
        let before = self.wrong.len();
        let checked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.check(case, &expected)));
        if checked.is_err() {
            self.fail(case, "the test panicked, see above");
        }
        match (self.wrong.len() == before, case.differs(&self.guest.name)) {
            (false, _) => Mark::Failed,
            (true, None) => Mark::Same,
            (true, Some(_)) => Mark::Differs,
        }
    }

    fn check(&mut self, case: &Case, expected: &Exact) {
        let before = self.wrong.len();
        let seen = World::run(self.guest, self.outside, case, FRESH);
        for mistake in expect::compare(expected, &seen) {
            self.fail(case, &mistake);
        }
        if self.wrong.len() == before {
            self.run_again(case, &seen);
        }
    }

    /// The same task does the same again, in an instance that served others before, too; and where it was disturbed, it
    /// comes to what it would have come to.
    fn run_again(&mut self, case: &Case, seen: &Exact) {
        let reused = if case.only_fresh(&self.guest.name) { FRESH } else { OFTEN };
        for reuse in [FRESH, reused] {
            let again = World::run(self.guest, self.outside, case, reuse);
            if !seen.same_value(&again) {
                let how = if reuse == FRESH { "run again" } else { "in an instance that served others" };
                self.fail(case, &format!("{how}, it does something else\n  first {seen}\n  again {again}"));
            }
        }
        let Some(undisturbed) = case.undisturbed() else { return };
        let calm = World::run(self.guest, self.outside, &undisturbed, FRESH);
        for field in ["outputs", "memory"] {
            let (seen, calm) = (seen.get(field).expect("each has one"), calm.get(field).expect("each has one"));
            if !seen.same_value(calm) {
                self.fail(case, &format!("{field} differ from a run without disturbance\n  {seen}\n  {calm}"));
            }
        }
    }

    fn fail(&mut self, case: &Case, mistake: &str) {
        self.wrong.push(format!("{}: {}/{}: {mistake}", self.guest.name, case.group, case.name));
    }
}
