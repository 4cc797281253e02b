//! The binary.

/// Of the allocators that were measured the one with the least time for each event: what was freed last, and is in the
/// processor's caches still, it gives out first.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> std::process::ExitCode {
    weir::cli::main()
}
