//! How the allocator is set up.

#![expect(unsafe_code, reason = "mimalloc has no safe way to set an option")]

/// How long freed memory is kept before it goes back to the system, milliseconds; arenas keep it ten times as long.
///
/// What a checkpoint frees, the next second of events needs again. With mimalloc's own 10 ms it was given back and taken
/// again, page by page, between any two checkpoints: 7 % of the time of an event.
const PURGE_DELAY_MS: std::ffi::c_long = 1_000;

/// `mi_option_purge_delay` of mimalloc 3.
const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;

/// Sets the allocator of this process up: to be called first.
pub fn set_up() {
    // SAFETY: a number that mimalloc knows as an option, set before there is a second thread.
    unsafe { libmimalloc_sys::mi_option_set(PURGE_DELAY, PURGE_DELAY_MS) };
}
