//! `wasi:random`: a stream of the task, apart from the guest's own.

use crate::state::HostState;
use wasmtime_wasi::p2::bindings::random::{insecure, insecure_seed, random};
use weir_core::id::digest_of_parts;
use weir_core::invocation::Abort;

/// Bytes that a guest may ask for at once.
const BYTES_MAX: u64 = 1 << 20;

impl HostState {
    fn random_u64(&mut self) -> u64 {
        match &mut self.job {
            Some(job) => job.invocation.wasi_random_u64(),
            None => {
                self.wasi.idle += 1;
                self.wasi.idle.wrapping_mul(0x9e37_79b9_7f4a_7c15)
            }
        }
    }

    fn random_bytes(&mut self, length: u64) -> wasmtime::Result<Vec<u8>> {
        if length > BYTES_MAX {
            return Err(Abort::Trap(format!("ask for {length} random bytes: at most {BYTES_MAX} at once")).into());
        }
        let mut bytes = Vec::with_capacity(length as usize + 8);
        while bytes.len() < length as usize {
            bytes.extend_from_slice(&self.random_u64().to_le_bytes());
        }
        bytes.truncate(length as usize);
        Ok(bytes)
    }
}

impl random::Host for HostState {
    fn get_random_bytes(&mut self, length: u64) -> wasmtime::Result<Vec<u8>> {
        self.random_bytes(length)
    }

    fn get_random_u64(&mut self) -> wasmtime::Result<u64> {
        Ok(self.random_u64())
    }
}

impl insecure::Host for HostState {
    fn get_insecure_random_bytes(&mut self, length: u64) -> wasmtime::Result<Vec<u8>> {
        self.random_bytes(length)
    }

    fn get_insecure_random_u64(&mut self) -> wasmtime::Result<u64> {
        Ok(self.random_u64())
    }
}

impl insecure_seed::Host for HostState {
    /// What guests seed their hash tables with, once, and keep: so it is one value a task. Drawn from the stream, it
    /// would be another where a replay skips the body that asked first, and with it the order of every hash table.
    fn insecure_seed(&mut self) -> wasmtime::Result<(u64, u64)> {
        let Some(job) = &self.job else { return Ok((0, 0)) };
        let task = job.invocation.task();
        let digest = digest_of_parts(&[
            b"insecure-seed",
            task.key.as_bytes(),
            &task.sequence_number.0.to_be_bytes(),
            &task.event.id.0,
            &task.action.id().0,
        ]);
        let half = |at: usize| u64::from_be_bytes(digest[at..at + 8].try_into().expect("eight bytes"));
        Ok((half(0), half(8)))
    }
}
