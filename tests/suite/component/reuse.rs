//! Fresh and reused instances [S9].

use super::{Port, Trial, grant, guest, runtime};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Barrier;
use weir_component::{ComponentHost, ComponentSource, DoorFuture, HostSettings, InvocationPort, LoadedComponent};
use weir_core::action_state::CallPut;
use weir_core::failure::FailureClass;
use weir_core::invocation::{Invocation, InvocationResult};
use weir_core::limits::InvocationLimits;

/// More invocations than one store has instances.
const SOME: usize = 20;

// [S9]
#[test]
fn each_invocation_has_a_fresh_instance_by_default() {
    let trial = Trial::of(json!(["served"]));
    for _ in 0..SOME {
        assert_eq!(trial.seen(), json!([1]));
    }
}

// [S7] [S9]
#[test]
fn fresh_instances_of_one_store_share_nothing() {
    let writing = Trial::of(json!([{"outside": "random"}, {"set": ["a", 1]}, {"emit": ["x", 1]}]));
    let reading = Trial::with(writing.component.clone(), json!([{"get": "a"}]));
    let drawn = writing.seen();
    for _ in 0..SOME {
        assert_eq!(writing.seen(), drawn, "the same task draws the same again");
        let outcome = reading.run();
        assert_eq!(outcome.seen(), json!([null]));
        assert_eq!(outcome.effects().events.len(), 1);
    }
}

// [S9] [S11]
#[test]
fn each_fresh_instance_may_use_the_whole_of_its_limits() {
    let limit = |limits: &mut InvocationLimits| limits.memory_bytes_max = 8 << 20;
    let large = Trial::limited(limit, json!([{"outside": {"allocate-bytes": 5 << 20}}]));
    let small = Trial::limited(limit, json!(["served"]));
    for _ in 0..SOME {
        assert_eq!(small.seen(), json!([1]));
        assert_eq!(large.seen(), json!([5 << 20]));
    }
    // They are those of the invocation, whatever the one before it had.
    let stricter = |change: fn(&mut InvocationLimits), steps| {
        let mut trial = Trial::with(large.component.clone(), steps);
        change(Arc::make_mut(&mut trial.start.limits));
        trial.run()
    };
    let looping = stricter(|limits| limits.cpu_ms_max = 20, json!([{"outside": "loop-forever"}]));
    looping.fails_with(FailureClass::Timeout, "limits.cpu_ms_max");
    assert_eq!(large.seen(), json!([5 << 20]));
    let allocating = json!([{"outside": {"allocate-bytes": 5 << 20}}]);
    let allocating = stricter(|limits| limits.memory_bytes_max = 4 << 20, allocating);
    allocating.fails_with(FailureClass::Limit, "limits.memory_bytes_max");
}

// [S9]
#[test]
fn an_action_with_fresh_instances_leaves_those_of_another_that_reuses_them() {
    let mut reusing = Trial::of(json!(["served"]));
    reusing.reuse = 100;
    let fresh = Trial::with(reusing.component.clone(), json!(["served"]));
    for served in 1..SOME {
        assert_eq!(reusing.seen(), json!([served]));
        assert_eq!(fresh.seen(), json!([1]));
    }
}

/// Lets invocations through its door only when so many of them stand there.
struct Meeting {
    port: Port,
    all_there: Arc<Barrier>,
}

impl InvocationPort for Meeting {
    fn put(&self, invocation: &Invocation, puts: Vec<CallPut>) {
        self.port.put(invocation, puts);
    }

    fn door(&self, _: &Invocation, _: Vec<CallPut>) -> DoorFuture {
        let all_there = self.all_there.clone();
        Box::pin(async move {
            all_there.wait().await;
            Ok(())
        })
    }

    fn wall_clock_us(&self) -> u64 {
        self.port.wall_clock_us()
    }
}

// [S9] [S11]
#[test]
fn stores_that_wait_for_their_next_instance_take_no_invocation_its_place() {
    const AT_ONCE: usize = 3;
    /// Together they would keep more stores than there is room for.
    const COMPONENTS: usize = 20;
    let settings = HostSettings { invocations_max: AT_ONCE as u32, ..super::settings() };
    let host = ComponentHost::new(settings).expect("the host starts");
    let load = |_| {
        let (bytes, grants) = (guest("probe"), grant("http://127.0.0.1:1"));
        let source = ComponentSource { name: "probe".into(), bytes, grants, ..ComponentSource::default() };
        host.load(source).unwrap_or_else(|error| panic!("{error}"))
    };
    let components: Vec<_> = (0..COMPONENTS).map(load).collect();
    let port = Arc::new(Meeting { port: Port::default(), all_there: Arc::new(Barrier::new(AT_ONCE)) });
    let invoke = |component, steps| {
        let trial = Trial::with(LoadedComponent::clone(component), steps);
        host.invoker().invoke(&trial.component, 1, Invocation::new(trial.start), port.clone())
    };
    let meet = |component| invoke(component, json!([{"catch": {"http": ["GET", "http://127.0.0.1:1/", null]}}]));
    for component in components.iter().cycle().take(SOME * COMPONENTS) {
        runtime().block_on(async {
            let end = invoke(component, json!(["served"])).await.expect("nothing interrupts it");
            assert!(matches!(end.result, InvocationResult::Completed(_)), "{:?}", end.result);
            let others = async { tokio::join!(meet(&components[0]), meet(&components[0]), meet(&components[0])) };
            let met = tokio::time::timeout(Duration::from_secs(20), others).await;
            met.expect("all of them stand at the door at once").0.expect("nothing interrupts it");
        });
    }
}

// [S9]
#[test]
fn an_instance_is_reused_as_often_as_is_allowed() {
    let mut trial = Trial::of(json!(["served"]));
    trial.reuse = 3;
    let served: Vec<_> = (0..7).map(|_| trial.seen()[0].as_u64().unwrap()).collect();
    assert_eq!(served, [1, 2, 3, 1, 2, 3, 1]);
}

// [S9]
#[test]
fn an_instance_that_trapped_or_ran_out_of_time_is_not_used_again() {
    let mut good = Trial::of(json!(["served"]));
    good.reuse = 100;
    for bad in [json!({"outside": {"panic": "x"}}), json!({"outside": "loop-forever"})] {
        assert_eq!(good.seen(), json!([1]));
        assert_eq!(good.seen(), json!([2]));
        let mut trial = Trial::with(good.component.clone(), json!([bad]));
        trial.reuse = 100;
        let mut limits = (*trial.start.limits).clone();
        limits.cpu_ms_max = 20;
        trial.start.limits = limits.into();
        let outcome = trial.run();
        assert!(matches!(outcome.failure().class, FailureClass::Trap | FailureClass::Timeout));
    }
    assert_eq!(good.seen(), json!([1]));
}

// [S7] [S9]
#[test]
fn a_reused_instance_brings_nothing_of_the_last_invocation_along() {
    let mut first = Trial::of(json!([{"set": ["a", 1]}, {"emit": ["x", 1]}, "random", "now"]));
    first.reuse = 10;
    let first_seen = first.seen();
    let mut second = Trial::with(first.component.clone(), json!([{"get": "a"}, "random", "now"]));
    second.reuse = 10;
    let outcome = second.run();
    assert_eq!(outcome.seen()[0], json!(null));
    assert_eq!(outcome.seen()[1], first_seen[0], "the same task draws the same again");
    assert_eq!(outcome.effects().events.len(), 1);
}
