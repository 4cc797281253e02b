//! The one place where compiled code is taken from a file.

use wasmtime::Engine;
use wasmtime::component::Component;

/// Compiled code that this host wrote itself: read from a folder that no one else can write to, whole by its digest.
pub(crate) struct OwnCode(Vec<u8>);

impl OwnCode {
    /// The caller has checked where the code comes from, and that it is whole.
    pub(crate) fn trust(code: Vec<u8>) -> Self {
        Self(code)
    }

    #[allow(unsafe_code)]
    pub(crate) fn load(&self, engine: &Engine) -> wasmtime::Result<Component> {
        // SAFETY: the code came out of `Engine::precompile_component` of this host, unchanged (see the type); whether
        // this engine can run it, wasmtime checks itself.
        unsafe { Component::deserialize(engine, &self.0) }
    }
}
