//! Engines: how guests are compiled, and where their instances live.

use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

/// Core instances of one component: Python needs 38, its stub build 108.
const CORE_INSTANCES_MAX: u32 = 200;
/// Instances beside those that run: they have ended, but their stores go on.
pub(crate) const SPARE_INSTANCES: u32 = 128;
/// Memories of one component: a JavaScript one has three.
const MEMORIES_MAX: u32 = 4;
/// Tables of one component.
const TABLES_MAX: u32 = 8;
/// A guest's own stack at most; every invocation that may run at once has address space for one.
pub(crate) const STACK_BYTES_MAX: usize = 64 << 20;
/// Entries of one table.
pub(crate) const TABLE_ENTRIES_MAX: usize = 200_000;
/// Bytes of one instance's own data in the host.
const INSTANCE_BYTES_MAX: usize = 4 << 20;
/// What an instance dirtied up to this size is cleared in place, further pages are given back.
const KEEP_RESIDENT_BYTES: usize = 8 << 20;
/// Stack of the host's own functions, on top of the guest's.
const HOST_STACK_BYTES: usize = 1 << 20;

/// Address space for each memory. With all of what 32 bits address, compiled code needs no bounds checks; with less,
/// more invocations fit, and so does a machine that is stingy with address space.
const RESERVATIONS: [u64; 2] = [4 << 30, 256 << 20];
/// Address space that is taken at most.
const RESERVED_BYTES_MAX: u64 = 34 << 40;

/// An engine whose guests have this much stack, for so many invocations at once.
pub(crate) fn new_engine(stack_bytes: usize, invocations_max: u32) -> wasmtime::Result<Engine> {
    let [whole, small] = RESERVATIONS;
    let instances_max = invocations_max.saturating_add(SPARE_INSTANCES);
    let memories = u64::from(instances_max) * u64::from(MEMORIES_MAX);
    if memories * whole <= RESERVED_BYTES_MAX
        && let Ok(engine) = Engine::new(&config(stack_bytes, instances_max, whole))
    {
        return Ok(engine);
    }
    Engine::new(&config(stack_bytes, instances_max, small))
}

fn config(stack_bytes: usize, instances_max: u32, reservation: u64) -> Config {
    let mut config = Config::new();
    // Weir's calls are plain functions: without this, each costs three times as much.
    config.concurrency_support(false);
    config.epoch_interruption(true);
    config.max_wasm_stack(stack_bytes);
    config.async_stack_size(stack_bytes + HOST_STACK_BYTES);
    config.cranelift_nan_canonicalization(true);
    config.relaxed_simd_deterministic(true);
    config.memory_reservation(reservation);
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(instances_max, reservation)));
    config
}

fn pool(instances_max: u32, reservation: u64) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances_max);
    pool.total_core_instances(instances_max.saturating_mul(CORE_INSTANCES_MAX));
    pool.total_memories(instances_max.saturating_mul(MEMORIES_MAX));
    pool.total_tables(instances_max.saturating_mul(TABLES_MAX));
    pool.total_stacks(instances_max);
    pool.max_component_instance_size(INSTANCE_BYTES_MAX);
    pool.max_core_instance_size(INSTANCE_BYTES_MAX);
    pool.max_core_instances_per_component(CORE_INSTANCES_MAX);
    pool.max_memories_per_component(MEMORIES_MAX);
    pool.max_tables_per_component(TABLES_MAX);
    pool.table_elements(TABLE_ENTRIES_MAX);
    pool.max_memory_size(usize::try_from(reservation).expect("64-bit addresses"));
    // Measured: with it a burst leaves little behind, without it gigabytes.
    pool.pagemap_scan(Enabled::Auto);
    pool.linear_memory_keep_resident(KEEP_RESIDENT_BYTES);
    pool.table_keep_resident(KEEP_RESIDENT_BYTES);
    pool
}

/// The largest memory that an instance of this engine can have, bytes.
pub(crate) fn memory_bytes_max(engine: &Engine) -> u64 {
    engine.get_memory_reservation()
}
