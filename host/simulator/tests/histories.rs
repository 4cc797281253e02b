//! The simulated histories, and the proof that they can fail.

use std::sync::atomic::{AtomicU64, Ordering};
use weir_simulator::{Crash, CrashKind, Mistake, Scenario, Search, run, run_scenario};

/// So many histories, unless `WEIR_SIMULATION_SEEDS` says otherwise.
const SEEDS: u64 = 2_000;
/// Within so many seeds each planted mistake is found.
const MISTAKE_SEEDS: u64 = 10_000;

fn seeds() -> u64 {
    std::env::var("WEIR_SIMULATION_SEEDS")
        .map_or(SEEDS, |seeds| seeds.parse().expect("WEIR_SIMULATION_SEEDS is a number"))
}

/// Runs something for each number on all cores.
fn on_all_cores(numbers: u64, each: impl Fn(u64) + Sync) {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= numbers {
                        return;
                    }
                    each(number);
                }
            });
        }
    });
}

fn check(scenario: Scenario, what: &str) {
    let seed = scenario.seed;
    if let Some(violation) = run_scenario(scenario, None).violation {
        panic!(
            "{what} is wrong: {violation}\nsee the shortest history that is wrong: \
             cargo run --release -p weir-simulator -- --seeds 1 --from {seed}"
        );
    }
}

// Each history checks: order and one run at a time [S1] [S3] [P2]; matching once [S2]; ids and lineage the same again
// [S4] [S5] [P10]; waiting for every running key at the end [S6] [P12]; nothing of a failed attempt seen [S7] [P5];
// memory by entries [S8] [S22]; clock and randomness the same again [S10]; calls recorded, replayed, reconciled [S12]
// [S13] [S15] [S16] [S36] [P13] [P14] [P15]; divergence [S14]; outcomes over a limit [S11]; effects behind their doors
// [S33]; one apply for live and recovered [S18] [S21]; marker, pruning, rebuild [S23] [S24] [S25] [P7] [P8] [P9] [D5]
// [D7] [D8]; a log that fails ends the host [S26] [D11]; eviction [S34]; attempts, failures for good, repairs [S28] [S29].
#[test]
fn simulated_histories_hold() {
    on_all_cores(seeds(), |seed| check(Scenario::generate(seed), &format!("seed {seed}")));
}

// [S23] [S24] [S25] [S33] [P7] [P9]: the process is killed, and the power lost, before and after every step of a history,
// each write among them; and the power is lost after the process was killed and had started again.
#[test]
fn histories_hold_when_crashed_at_every_step() {
    let count = seeds().div_ceil(200);
    on_all_cores(count, |seed| {
        let calm = Scenario { crashes: Vec::new(), ..Scenario::generate(seed) };
        let steps = run_scenario(calm.clone(), None).steps;
        for after in 0..=steps {
            for kind in [CrashKind::Kill, CrashKind::PowerLoss] {
                let crashes = vec![Crash { after, kind }];
                check(Scenario { crashes, ..calm.clone() }, &format!("seed {seed} with {kind:?} at step {after}"));
            }
            let crashes = vec![
                Crash { after, kind: CrashKind::Kill },
                Crash { after: 2 + after % 9, kind: CrashKind::PowerLoss },
            ];
            check(
                Scenario { crashes, ..calm.clone() },
                &format!("seed {seed} killed at step {after}, then without power"),
            );
        }
    });
}

// The same seed twice gives the same bytes.
#[test]
fn same_seed_gives_same_bytes() {
    on_all_cores(seeds().min(500), |seed| {
        let (one, other) = (run(seed, None), run(seed, None));
        assert_eq!(one, other, "seed {seed}");
        assert_ne!(one.digest, run(seed + 1, None).digest, "seed {seed} and the next");
    });
}

// The proof that the simulator can fail.
#[test]
fn each_planted_mistake_is_caught() {
    let mistakes = Mistake::ALL;
    on_all_cores(mistakes.len() as u64, |index| {
        let mistake = mistakes[index as usize];
        let search = Search { from: 0, seeds: MISTAKE_SEEDS, mistake: Some(mistake) };
        let (seed, outcome) = search.first_violation().unwrap_or_else(|| panic!("{mistake} is not found"));
        println!(
            "{:28} seed {seed:5}  {}",
            mistake.name(),
            outcome.violation.unwrap_or_default().lines().next().unwrap_or_default()
        );
    });
}

#[test]
fn a_history_that_is_wrong_shrinks_to_one_that_is_wrong_too() {
    let mistake = Some(Mistake::NoDoor);
    let search = Search { from: 0, seeds: MISTAKE_SEEDS, mistake };
    let (seed, _) = search.first_violation().expect("the mistake is found");
    let shortest = weir_simulator::shrink(Scenario::generate(seed), mistake);
    assert!(shortest.events.len() <= 2, "{shortest}");
    // Shorter to read: it may well take more steps to go wrong, for it goes wrong later.
    assert!(shortest.to_string().len() <= Scenario::generate(seed).to_string().len(), "{shortest}");
    assert!(run_scenario(shortest, mistake).violation.is_some());
}
