//! How a guest ended, told from the error that the engine gives.

use crate::meter::OutOfTime;
use crate::port::Interrupted;
use crate::state::HostState;
use wasmtime::{Trap, WasmBacktrace};
use weir_core::invocation::{Abort, GuestEnd};

/// Frames of a backtrace that are told.
const FRAMES_MAX: usize = 6;
/// Bytes of one function's name that are told.
const FRAME_BYTES_MAX: usize = 120;
/// Functions that stand in every backtrace and tell nothing.
const FRAMES_OF_PANICS: [&str; 9] = [
    "panicking",
    "panic_",
    "rust_panic",
    "abort",
    "__rust",
    "rust_begin_unwind",
    "__wasm_call",
    "_start",
    "cabi_export",
];

/// What the engine says of a call that hands over too much; it has no public type for it.
const OVER_CALL_BYTES: &str = "fuel allocated for hostcalls";

pub(crate) fn guest_end(error: &wasmtime::Error, state: &HostState) -> Result<GuestEnd, Interrupted> {
    if let Some(interrupted) = error.downcast_ref::<Interrupted>() {
        return Err(*interrupted);
    }
    let end = if let Some(abort) = error.downcast_ref::<Abort>() {
        GuestEnd::Aborted(redacted_abort(abort, state))
    } else if let Some(time) = error.downcast_ref::<OutOfTime>() {
        GuestEnd::TimedOut(time.to_string())
    } else if error.downcast_ref() == Some(&Trap::StackOverflow) {
        GuestEnd::Aborted(Abort::over("limits.stack_bytes_max", format_args!("call deeper{}", frames(error))))
    } else if error.root_cause().to_string().contains(OVER_CALL_BYTES) {
        let what = "hand the host more in one call than the guest can hold";
        GuestEnd::Aborted(Abort::over("limits.memory_bytes_max", what))
    } else if let Some(exit) = error.downcast_ref::<wasmtime_wasi::I32Exit>() {
        GuestEnd::Trapped(format!("guest ended its process with exit code {}", exit.0))
    } else {
        GuestEnd::Trapped(trap_message(error, state))
    };
    Ok(end)
}

/// What the trap was, what the guest last said, and where it happened.
pub(crate) fn trap_message(error: &wasmtime::Error, state: &HostState) -> String {
    let mut text = match error.downcast_ref::<Trap>() {
        // A guest keeps a part of its stack in its own memory, where the host does not see it end.
        Some(trap @ Trap::MemoryOutOfBounds) => format!("{trap} (so ends, too, a guest whose own stack is full)"),
        Some(trap) => trap.to_string(),
        None => error.root_cause().to_string(),
    };
    if let Some(bare) = text.strip_prefix("wasm trap: ") {
        text = bare.to_owned();
    }
    text = match state.last_words() {
        // A guest that panics ends so; its own words say more.
        Some(words) if error.downcast_ref() == Some(&Trap::UnreachableCodeReached) && is_of_panic(&words) => words,
        Some(words) => format!("{text}: {words}"),
        None => text,
    };
    text.push_str(&frames(error));
    state.guest.redactor.redact(&mut text);
    text
}

/// Whether they are those of Rust or Go.
fn is_of_panic(words: &str) -> bool {
    words.contains("panicked at ") || words.starts_with("panic: ")
}

fn redacted_abort(abort: &Abort, state: &HostState) -> Abort {
    let mut abort = abort.clone();
    let (Abort::Trap(text) | Abort::Limit(_, text) | Abort::Divergence(text)) = &mut abort;
    state.guest.redactor.redact(text);
    abort
}

fn frames(error: &wasmtime::Error) -> String {
    let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() else { return String::new() };
    let mut names: Vec<String> = Vec::new();
    for frame in backtrace.frames() {
        let Some(mangled) = frame.func_name() else { continue };
        let name = format!("{:#}", rustc_demangle::demangle(mangled));
        let tells = !FRAMES_OF_PANICS.iter().any(|part| name.contains(part));
        // Recursion tells once.
        if tells && names.last() != Some(&name) {
            names.push(name[..name.floor_char_boundary(FRAME_BYTES_MAX)].to_owned());
        }
        if names.len() == FRAMES_MAX {
            break;
        }
    }
    if names.is_empty() { String::new() } else { format!(" (in {})", names.join(" < ")) }
}
