//! Instances of components, and how one is run.

use crate::bindings::types::Failure as GuestFailure;
use crate::bindings::{ComponentPre, LentEvent};
use crate::engine::SPARE_INSTANCES;
use crate::load::{GuestSettings, Loaded};
use crate::meter::OutOfTime;
use crate::state::{HostState, Job};
use crate::trap::trap_message;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime::component::Func;
use wasmtime::{Engine, Store};
use weir_core::limits::InvocationLimits;

/// A component that takes longer to describe itself is refused.
const DESCRIBE_TIME_MAX: Duration = Duration::from_secs(10);
/// Fresh instances that are measured, and how long that may take.
const MEASURED_MAX: usize = 101;
const MEASURE_TIME_MAX: Duration = Duration::from_millis(200);
/// Instances of one component that wait to serve again, and likewise stores for their next instance.
const IDLE_MAX: usize = 16;
/// Instances that one store has in its life, one after another.
const STORE_INSTANCES_MAX: usize = 8;
/// A store whose instances have more linear memory than this, bytes, has no further one.
const STORE_MEMORY_BYTES_MAX: usize = 8 << 20;
/// What a guest may pass in one call above its limits: names, lists, headers.
const CALL_BYTES_SPARE: usize = 1 << 20;

/// Room for so many invocations at once, and for instances that have ended in stores that go on.
#[derive(Clone)]
pub(crate) struct Slots {
    free: Arc<Semaphore>,
    total: usize,
    /// Of instances that have ended.
    spare: Arc<Semaphore>,
}

impl Slots {
    pub(crate) fn new(invocations_max: u32) -> Self {
        let total = invocations_max as usize;
        let spare = Arc::new(Semaphore::new(SPARE_INSTANCES as usize));
        Self { free: Arc::new(Semaphore::new(total)), total, spare }
    }

    async fn take(&self) -> OwnedSemaphorePermit {
        match self.free.clone().try_acquire_owned() {
            Ok(slot) => slot,
            Err(_) => self.free.clone().acquire_owned().await.expect("the slots are never closed"),
        }
    }

    fn take_spare(&self) -> Option<OwnedSemaphorePermit> {
        self.spare.clone().try_acquire_owned().ok()
    }

    /// Idle instances keep their slots, so they must never take the most of them.
    fn allow_idle(&self) -> bool {
        self.free.available_permits() > self.total / 2
    }
}

/// What of a component waits for an invocation.
#[derive(Default)]
pub(crate) struct Idle {
    /// They may serve again.
    instances: Vec<Instance>,
    /// They may have one more instance.
    stores: Vec<IdleStore>,
}

/// A store whose instances have ended. Wasmtime gives their memory back with it, so each has a slot of its own, and none of
/// those that invocations wait for.
struct IdleStore {
    /// Goes first: a slot is free when what had it is gone.
    store: Store<HostState>,
    ended: Ended,
}

/// Instances that have ended in a store.
#[derive(Default)]
struct Ended {
    slots: Option<OwnedSemaphorePermit>,
    /// Linear memory of all of them.
    memory_bytes: usize,
}

impl Ended {
    fn count(&self) -> usize {
        self.slots.as_ref().map_or(0, OwnedSemaphorePermit::num_permits)
    }

    /// Whether the store may have one more behind its present one, which has so much linear memory.
    fn leave_room(&self, memory_bytes: usize) -> bool {
        self.count() + 1 < STORE_INSTANCES_MAX && self.memory_bytes + memory_bytes <= STORE_MEMORY_BYTES_MAX
    }

    fn add(&mut self, slot: OwnedSemaphorePermit, memory_bytes: usize) {
        match &mut self.slots {
            Some(slots) => slots.merge(slot),
            none => *none = Some(slot),
        }
        self.memory_bytes += memory_bytes;
    }
}

/// One instance of a component, with its store.
pub(crate) struct Instance {
    store: Store<HostState>,
    /// The instances that the store had before.
    before: Ended,
    /// The guest's `invoke`; none before it is instantiated, and after it failed.
    invoke: Option<Func>,
    served: u32,
    _slot: OwnedSemaphorePermit,
}

impl Instance {
    /// An instance that may serve this job: a fresh one, or, where reuse is allowed, one that has served well before.
    pub(crate) async fn take(component: &Loaded, instance_reuse: u32, job: Box<Job>) -> Self {
        let idle = || component.idle.lock().expect("no holder panics");
        if instance_reuse > 1
            && let Some(mut instance) = idle().instances.pop()
        {
            instance.store.data_mut().begin(job);
            return instance;
        }
        let slot = component.slots.take().await;
        let state = HostState::new(component.guest.clone(), Some(job));
        let waiting = idle().stores.pop();
        let (store, before) = match waiting {
            None => (new_store(component.pre.engine(), state), Ended::default()),
            Some(IdleStore { mut store, ended }) => {
                *store.data_mut() = state;
                set_limits(&mut store);
                (store, ended)
            }
        };
        Self { store, before, invoke: None, served: 0, _slot: slot }
    }

    /// Runs the action. After an error the instance must not be used again.
    pub(crate) async fn serve(
        &mut self,
        component: &Loaded,
        action: &str,
        event: LentEvent<'_>,
        wall_ms_max: u64,
    ) -> wasmtime::Result<Result<(), GuestFailure>> {
        let run = pin!(async {
            let invoke = match self.invoke.take() {
                Some(invoke) => invoke,
                None => {
                    let instance = component.pre.instance_pre().instantiate_async(&mut self.store).await?;
                    let invoke = instance.get_func(&mut self.store, component.invoke);
                    invoke.expect("it was there when the component was loaded")
                }
            };
            let typed = invoke.typed::<(&str, LentEvent<'_>), (Result<(), GuestFailure>,)>(&self.store)?;
            let (returned,) = typed.call_async(&mut self.store, (action, event)).await?;
            self.invoke = Some(invoke);
            Ok(returned)
        });
        within(wall_ms_max, run).await
    }

    pub(crate) fn state(&self) -> &HostState {
        self.store.data()
    }

    /// Takes the job back, and keeps the instance, or else its store, if it may serve again.
    pub(crate) fn end(mut self, component: &Loaded, instance_reuse: u32) -> Box<Job> {
        self.served += 1;
        let job = self.store.data_mut().end();
        if self.invoke.is_none() {
            return job;
        }
        let idle = || component.idle.lock().expect("no holder panics");
        if self.served < instance_reuse {
            let mut idle = idle();
            if component.slots.allow_idle() && idle.instances.len() < IDLE_MAX {
                idle.instances.push(self);
            }
        } else if let Some(store) = self.into_idle_store(&component.slots) {
            let mut idle = idle();
            if idle.stores.len() < IDLE_MAX {
                idle.stores.push(store);
            }
        }
        job
    }

    /// The store for its next instance, if it may have one.
    fn into_idle_store(self, slots: &Slots) -> Option<IdleStore> {
        let memory_bytes = self.store.data().resources.memory_bytes();
        let mut idle = IdleStore { store: self.store, ended: self.before };
        if !idle.ended.leave_room(memory_bytes) {
            return None;
        }
        idle.ended.add(slots.take_spare()?, memory_bytes);
        Some(idle)
    }
}

fn new_store(engine: &Engine, state: HostState) -> Store<HostState> {
    let mut store = Store::new(engine, state);
    store.limiter(|state| &mut state.resources);
    store.epoch_deadline_callback(|mut store| store.data_mut().cpu.on_tick());
    set_limits(&mut store);
    store
}

fn set_limits(store: &mut Store<HostState>) {
    let HostState { job, guest, .. } = store.data();
    let limits = job.as_ref().map_or(&*guest.limits, |job| job.invocation.limits());
    let call_bytes_max = call_bytes_max(limits);
    store.set_epoch_deadline(1);
    store.set_hostcall_fuel(call_bytes_max);
}

/// What one call of the guest may hand over: over this it traps before the host has looked. Whatever a guest holds once
/// is within it, so that limits come first, and an outcome over its limit becomes one that is recorded [S11]; a guest
/// that hands over the same bytes many times is stopped.
fn call_bytes_max(limits: &InvocationLimits) -> usize {
    limits.memory_bytes_max.saturating_add(CALL_BYTES_SPARE)
}

/// Runs to the end, or to a limit of time from outside. Ready at once, it asks for no timer.
async fn within<T>(
    wall_ms_max: u64,
    mut run: Pin<&mut impl Future<Output = wasmtime::Result<T>>>,
) -> wasmtime::Result<T> {
    let mut deadline = pin!(None);
    poll_fn(|context| {
        if let Poll::Ready(result) = run.as_mut().poll(context) {
            return Poll::Ready(result);
        }
        if deadline.is_none() {
            deadline.set(Some(tokio::time::sleep(Duration::from_millis(wall_ms_max))));
        }
        let passed = deadline.as_mut().as_pin_mut().expect("it was just set").poll(context);
        passed.map(|()| Err(OutOfTime { limit: "limits.wall_ms_max", max_ms: wall_ms_max }.into()))
    })
    .await
}

/// Asks a component for its description.
pub(crate) fn describe(pre: &ComponentPre<HostState>, guest: &Arc<GuestSettings>) -> Result<String, String> {
    let mut store = new_store(pre.engine(), HostState::new(guest.clone(), None));
    let described = block_on(async {
        let actions = pre.instantiate_async(&mut store).await?;
        actions.weir_action_actions().call_describe(&mut store).await
    });
    match described {
        Some(Ok(json)) => Ok(json),
        Some(Err(error)) => Err(match error.downcast_ref::<weir_core::invocation::Abort>() {
            Some(abort) => abort.to_string(),
            None => trap_message(&error, store.data()),
        }),
        None => Err(format!("it did not end within {} s", DESCRIBE_TIME_MAX.as_secs())),
    }
}

/// How long a fresh instance takes: the median of as many as [`MEASURE_TIME_MAX`] has room for. The first, which finds
/// nothing in the caches, does not count where there are others.
pub(crate) fn measure_instance(pre: &ComponentPre<HostState>, guest: &Arc<GuestSettings>) -> Option<Duration> {
    let began_at = Instant::now();
    let mut times = Vec::new();
    while times.len() < MEASURED_MAX && (times.is_empty() || began_at.elapsed() < MEASURE_TIME_MAX) {
        let instance_began_at = Instant::now();
        let mut store = new_store(pre.engine(), HostState::new(guest.clone(), None));
        block_on(pre.instantiate_async(&mut store))?.ok()?;
        drop(store);
        times.push(instance_began_at.elapsed());
    }
    let mut counted = if times.len() > 1 { times.split_off(1) } else { times };
    counted.sort_unstable();
    counted.get(counted.len() / 2).copied()
}

/// Runs what waits for nothing but its turn; none if it takes too long.
fn block_on<T>(run: impl Future<Output = T>) -> Option<T> {
    let mut run = pin!(run);
    let began_at = Instant::now();
    let mut context = Context::from_waker(Waker::noop());
    while began_at.elapsed() < DESCRIBE_TIME_MAX {
        if let Poll::Ready(value) = run.as_mut().poll(&mut context) {
            return Some(value);
        }
        std::thread::yield_now();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(count: usize, memory_bytes: usize) -> Ended {
        let slots = Slots::new(1);
        let mut ended = Ended::default();
        (0..count).for_each(|_| ended.add(slots.take_spare().expect("there is one"), memory_bytes));
        ended
    }

    // [S9]
    #[test]
    fn a_store_has_eight_instances_at_most() {
        assert!(ended(6, 0).leave_room(0));
        assert!(!ended(7, 0).leave_room(0));
    }

    // [S11]
    #[test]
    fn a_store_has_no_further_instance_above_its_memory() {
        const HALF: usize = STORE_MEMORY_BYTES_MAX / 2;
        assert!(ended(0, 0).leave_room(STORE_MEMORY_BYTES_MAX));
        assert!(!ended(0, 0).leave_room(STORE_MEMORY_BYTES_MAX + 1));
        assert!(ended(1, HALF).leave_room(HALF), "those that have ended count");
        assert!(!ended(1, HALF).leave_room(HALF + 1));
    }

    // [S9]
    #[test]
    fn a_slot_of_an_ended_instance_is_free_when_its_store_is_gone() {
        let slots = Slots::new(1);
        let mut ended = Ended::default();
        (0..SPARE_INSTANCES).for_each(|_| ended.add(slots.take_spare().expect("there is one"), 0));
        assert!(slots.take_spare().is_none(), "they are bounded");
        drop(ended);
        assert!(slots.take_spare().is_some());
    }
}
