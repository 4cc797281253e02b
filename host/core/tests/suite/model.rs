//! Any history of crashes and checkpoints comes to what a history without them comes to.

use crate::harness::{App, World, json, retryable};
use proptest::prelude::*;
use weir_core::checkpoint::EntrySpace;
use weir_core::event::{KIND_INPUT, OutputEvent};
use weir_core::key::Key;
use weir_core::memory::Scope;
use weir_core::plan::OnFailure;

const KEYS: [&str; 3] = ["a", "a_1", "é"];

#[derive(Clone, Debug)]
enum Step {
    Send(usize, u32),
    RunOne,
    RunTimer,
    Acknowledge,
    Checkpoint,
    AbortedCheckpoint,
    /// A checkpoint is on its way while these invocations run.
    SlowCheckpoint(u8),
    Kill,
    LosePower,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..KEYS.len(), 0u32..40).prop_map(|(key, number)| Step::Send(key, number)),
        8 => Just(Step::RunOne),
        1 => Just(Step::RunTimer),
        1 => Just(Step::Acknowledge),
        2 => Just(Step::Checkpoint),
        1 => Just(Step::AbortedCheckpoint),
        2 => (0u8..4).prop_map(Step::SlowCheckpoint),
        1 => Just(Step::Kill),
        1 => Just(Step::LosePower),
    ]
}

/// What an action does comes from its payload and memory alone, and from how often it was tried.
fn app() -> App {
    let app = App::default()
        .action("first", &[KIND_INPUT], |guest| {
            let number = guest.number();
            let count = guest.get("count").map_or(0, |count| count.parse::<i64>().unwrap()) + 1;
            guest.set("count", count)?;
            guest.set(&format!("seen.n{}", number % 4), number)?;
            guest.set_sensory("count", count)?;
            if number % 3 == 0 {
                let gone = format!("seen.n{}", (number + 1) % 4);
                guest.invocation.memory_remove(Scope::ShortTerm, &gone)?.unwrap();
            }
            if number % 5 == 0 && guest.invocation.attempt() == 1 {
                return Err(retryable("the first time").into());
            }
            (0..number % 3).try_for_each(|n| guest.emit("next", number + n))?;
            guest.emit("output", count)
        })
        .policy(|policy| policy.retry.jitter = 0.0);
    let app = app
        .action("second", &["next"], |guest| {
            let number = guest.number();
            let paid = guest.call("pay", &number.to_string(), Ok(json(&number.to_string())))?.unwrap();
            if number % 11 == 0 {
                return Err(crate::harness::fatal("unlucky").into());
            }
            if number % 2 == 0 {
                guest.emit("third", number)?;
            }
            let count = guest.get_sensory("count").unwrap();
            guest.emit("output", format!("[{paid},{count}]"))
        })
        .policy(|policy| policy.on_failure = OnFailure::DeadLetter);
    app.action("third", &["third"], |guest| {
        guest.reconcilable("ship", "[]", Some(Ok(json("null"))), Some(Ok(json("null"))))?.unwrap();
        guest.set("shipped", guest.number())
    })
    .limits(|limits| limits.idle_keys_max = 1)
}

fn finish(world: &mut World) {
    world.run();
    while !world.timers.is_empty() {
        world.run_timer();
    }
    assert!(world.operator.is_idle());
    world.checkpoint();
    world.acknowledge_all();
}

/// What the durable checkpoint says of queues is what the operator said when it was taken.
fn check_queues(world: &World) {
    let reports: Vec<_> = world.operator.key_reports().collect();
    let queued: usize = reports.iter().map(|report| report.tasks.len() + usize::from(report.running.is_some())).sum();
    let pending: usize = reports.iter().map(|report| report.pending).sum();
    assert_eq!((world.disk.count(EntrySpace::Queued), world.disk.count(EntrySpace::Pending)), (queued, pending));
}

fn walk(world: &mut World, step: &Step) {
    match step {
        Step::Send(key, number) => world.send(KEYS[*key], &number.to_string()),
        Step::RunOne => {
            world.run_one();
        }
        Step::RunTimer if world.timers.is_empty() => {}
        Step::RunTimer => world.run_timer(),
        Step::Acknowledge => world.acknowledge_all(),
        Step::Checkpoint => {
            world.checkpoint();
            check_queues(world);
        }
        Step::AbortedCheckpoint => {
            let (taken, _) = world.begin_checkpoint();
            world.run_one();
            world.operator.on_checkpoint_aborted(taken.id);
            (world.outputs_taken, world.dead_letters_taken) = (0, 0);
        }
        Step::SlowCheckpoint(invocations) => {
            let taken = world.begin_checkpoint();
            (0..*invocations).for_each(|_| {
                world.run_one();
            });
            world.complete_checkpoint(taken);
        }
        Step::Kill => world.kill(),
        Step::LosePower => world.lose_power(),
    }
}

fn outputs_of(outputs: &[OutputEvent], key: &str) -> Vec<OutputEvent> {
    outputs.iter().filter(|output| output.key == Key::from(key)).cloned().collect()
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 2_000, ..ProptestConfig::default() })]

    // [S1] [S2] [S3] [S7] [S18] [S22] [S24] [S25] [S34] [P3] [P7] [P8] [P9]
    #[test]
    fn crashes_and_checkpoints_change_nothing(steps in proptest::collection::vec(step(), 0..70)) {
        let mut world = app().start();
        let mut plain = app().start();
        for step in &steps {
            walk(&mut world, step);
            if let Step::Send(key, number) = step {
                plain.send(KEYS[*key], &number.to_string());
            }
        }
        finish(&mut world);
        finish(&mut plain);
        for key in KEYS {
            prop_assert_eq!(outputs_of(&world.disk.outputs, key), outputs_of(&plain.disk.outputs, key));
        }
        let sorted = |world: &World| {
            let mut letters = world.disk.dead_letters.clone();
            letters.sort_by_key(|letter| letter.input.position);
            letters
        };
        prop_assert_eq!(sorted(&world), sorted(&plain));
        prop_assert_eq!(&world.disk.entries, &plain.disk.entries, "keyed state");
        prop_assert_eq!(world.log.names(), [""; 0], "no record is left");
        prop_assert!(world.operator.store().is_empty() && world.operator.store().keys().count() == 0);
        prop_assert_eq!(world.operator.counters().divergences, 0);
        let counters = plain.operator.counters();
        let sent = plain.source.len() as u64;
        prop_assert_eq!((counters.input_events, counters.runs_finished), (sent, sent));
        prop_assert_eq!(counters.output_events, plain.disk.outputs.len() as u64);
        prop_assert_eq!(counters.dead_letters, plain.disk.dead_letters.len() as u64);
        prop_assert_eq!(counters.invocations, counters.actions_completed + counters.attempts_failed);
        for counters in [counters, world.operator.counters()] {
            prop_assert_eq!((counters.keys_running, counters.keys_quarantined, counters.pending_events), (0, 0, 0));
        }
        prop_assert!(world.operator.counters().keys_resident <= 1);
    }
}
