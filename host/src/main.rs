//! The binary.

/// States and lines live until the next checkpoint, and end all at once: glibc's own would spend a tenth of the time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    weir::allocator::set_up();
    weir::cli::main()
}
