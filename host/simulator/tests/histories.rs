//! The simulated histories, and the proof that they can fail.

use std::sync::atomic::{AtomicU64, Ordering};
use weir_simulator::{
    ClusterMistake, ClusterScenario, Crash, CrashKind, Fault, FaultKind, History, Mistake, Moment, Scenario, explain,
    first_violation, shrink,
};

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

fn check<H: History>(history: H, what: &str) {
    if let Some(explained) = explain(history, None, what) {
        panic!("{explained}");
    }
}

fn each_mistake_is_caught<H: History>() {
    on_all_cores(H::MISTAKES.len() as u64, |index| {
        let mistake = H::MISTAKES[index as usize];
        let found = first_violation::<H>(0..MISTAKE_SEEDS, Some(mistake));
        let (seed, outcome) = found.unwrap_or_else(|| panic!("{mistake} is not found"));
        let violation = outcome.violation.unwrap_or_default();
        println!("{:30} seed {seed:5}  {}", mistake.to_string(), violation.lines().next().unwrap_or_default());
    });
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
        let steps = calm.clone().run(None).steps;
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

// [S1] [S12] [S13] [S20] [S22] [S24] [S30] [S31] [S32] [S33]: hosts die, stand still, are cut off, are given up though they
// live; partitions move; records arrive late; the cleaner runs at any moment; transactions are aborted and torn.
#[test]
fn simulated_histories_of_a_cluster_hold() {
    on_all_cores(seeds(), |seed| check(ClusterScenario::generate(seed), &format!("seed {seed}")));
}

// [S31] [S32]: a host is killed, stands still, and is given up before and after every step of a history.
#[test]
fn histories_of_a_cluster_hold_with_a_fault_at_every_step() {
    let count = seeds().div_ceil(1_000);
    let kinds = [FaultKind::Kill { down_ms: 5 }, FaultKind::Pause { for_ms: 120 }, FaultKind::Evict];
    on_all_cores(count, |seed| {
        let calm = ClusterScenario { faults: Vec::new(), ..ClusterScenario::generate(seed) };
        let steps = calm.clone().run(None).steps;
        for after in 0..=steps {
            for (host, kind) in (0..).zip(kinds) {
                let faults = vec![Fault { after, moment: Moment::Any, host, another: false, kind }];
                let scenario = ClusterScenario { faults, ..calm.clone() };
                check(scenario, &format!("seed {seed} with {kind:?} at step {after}"));
            }
        }
    });
}

fn gives_same_bytes<H: History>() {
    on_all_cores(seeds().min(500), |seed| {
        let run = |seed| H::generate(seed).run(None);
        let (one, other) = (run(seed), run(seed));
        assert_eq!(one, other, "seed {seed}");
        assert_ne!(one.digest, run(seed + 1).digest, "seed {seed} and the next");
    });
}

// The same seed twice gives the same bytes.
#[test]
fn same_seed_gives_same_bytes() {
    gives_same_bytes::<Scenario>();
}

#[test]
fn same_seed_gives_same_bytes_in_a_cluster() {
    gives_same_bytes::<ClusterScenario>();
}

// The proof that the simulator can fail.
#[test]
fn each_planted_mistake_is_caught() {
    each_mistake_is_caught::<Scenario>();
}

// [S31] [S32]: the same proof for what only hosts that share partitions out can do wrong.
#[test]
fn each_planted_mistake_of_a_cluster_is_caught() {
    each_mistake_is_caught::<ClusterScenario>();
}

fn shrinks<H: History>(mistake: H::Mistake, events: impl Fn(&H) -> usize) {
    let (mut from, mut fewest) = (0, usize::MAX);
    for _ in 0..5 {
        let found = first_violation::<H>(from..from + MISTAKE_SEEDS, Some(mistake));
        let (seed, _) = found.expect("the mistake is found");
        from = seed + 1;
        let long = H::generate(seed);
        let shortest = shrink(long.clone(), Some(mistake));
        // Of events, crashes and scripts; that a shorter one is seen to be wrong may take more steps.
        assert!(shortest.size() < long.size(), "seed {seed}: {shortest}");
        assert!(events(&shortest) <= events(&long), "seed {seed}: {shortest}");
        fewest = fewest.min(events(&shortest));
        assert!(shortest.run(Some(mistake)).violation.is_some(), "seed {seed}");
    }
    assert!(fewest <= 2, "one of five needs {fewest} events at least");
}

// A failure of a test names its seed and tells the shortest history, also of one that no seed alone gives.
#[test]
fn a_history_that_is_wrong_is_told_with_its_seed_and_the_shortest_one() {
    let mistake = Some(Mistake::NoDoor);
    let (seed, _) = first_violation::<Scenario>(0..MISTAKE_SEEDS, mistake).expect("the mistake is found");
    let scenario = Scenario::generate(seed);
    let shortest = shrink(scenario.clone(), mistake);
    let told = explain(scenario, mistake, &format!("seed {seed} killed")).expect("it is wrong");
    assert!(told.starts_with(&format!("seed {seed} killed is wrong: ")), "{told}");
    assert!(told.contains(&shortest.to_string()), "{told}");
    let (outcome, story) = shortest.story(mistake);
    assert!(!story.is_empty() && story.iter().all(|line| told.contains(line)), "{told}");
    assert!(told.ends_with(&outcome.violation.expect("it is wrong, too")), "{told}");
    assert_eq!(explain(Scenario::generate(seed), None, "it"), None, "without the mistake nothing is wrong");
}

#[test]
fn a_history_that_is_wrong_shrinks_to_one_that_is_wrong_too() {
    shrinks::<Scenario>(Mistake::NoDoor, |scenario| scenario.events.len());
}

#[test]
fn a_history_of_a_cluster_that_is_wrong_shrinks_too() {
    shrinks::<ClusterScenario>(ClusterMistake::NoLease, |scenario| scenario.base.events.len());
}
