//! The host of a native test: the running attempt of a [`TestKey`](crate::testing::TestKey), one a thread.

use std::cell::RefCell;
use std::rc::Rc;

use super::{Begun, HttpError, HttpRequest, HttpResponse, Level, MemoryError, Outcome, Scope};
use crate::testing::attempt::{self, Attempt};

thread_local! {
    static RUNNING: RefCell<Option<Rc<Attempt>>> = const { RefCell::new(None) };
}

/// Runs `body` with `attempt` as the host, and takes it away again however `body` ends.
pub(crate) fn with_key<T>(attempt: Rc<Attempt>, body: impl FnOnce() -> T) -> T {
    struct Restore(Option<Rc<Attempt>>);
    impl Drop for Restore {
        fn drop(&mut self) {
            RUNNING.set(self.0.take());
        }
    }
    let _restore = Restore(RUNNING.replace(Some(attempt)));
    body()
}

fn running() -> Rc<Attempt> {
    let attempt = RUNNING.with_borrow(Option::clone);
    attempt.expect("a context is used outside an action: run the action with weir_sdk::testing::TestKey")
}

/// The host's functions.
pub(crate) struct Host;

impl Host {
    pub fn key() -> String {
        running().setting.key.clone()
    }

    pub fn key_is_text() -> bool {
        true
    }

    pub fn sequence_number() -> u64 {
        running().sequence_number
    }

    pub fn source_timestamp_ms() -> Option<u64> {
        running().setting.source_timestamp_ms
    }

    pub fn header(name: &str) -> Option<String> {
        running().setting.headers.get(name).cloned()
    }

    pub fn now_ms() -> u64 {
        running().now_ms()
    }

    pub fn random_u32() -> u32 {
        running().random_u32()
    }

    pub fn config(name: &str) -> Option<String> {
        running().setting.config.get(name).cloned()
    }

    pub fn log(level: Level, message: &str) {
        match RUNNING.with_borrow(Option::clone) {
            Some(attempt) => attempt.log(level, message),
            None => eprintln!("{level:?} {message}"),
        }
    }

    pub fn trap(why: String) -> ! {
        attempt::trap(why)
    }

    pub fn emit(kind: &str, payload: &str) -> String {
        running().emit(kind, payload)
    }

    pub fn memory_get(scope: Scope, path: &str) -> Result<Option<String>, MemoryError> {
        Ok(running().read(scope).get(path)?.map(|value| value.to_string()))
    }

    pub fn memory_set(scope: Scope, path: &str, value: &str) -> Result<(), MemoryError> {
        running().change(scope, "memory.set").set(path, parse(value))
    }

    pub fn memory_new_object(scope: Scope, path: &str) -> Result<(), MemoryError> {
        running().change(scope, "memory.new_object").new_object(path)
    }

    pub fn memory_fields(scope: Scope, path: &str) -> Result<Option<Vec<String>>, MemoryError> {
        running().read(scope).fields(path)
    }

    pub fn memory_exists(scope: Scope, path: &str) -> Result<bool, MemoryError> {
        running().read(scope).exists(path)
    }

    pub fn memory_remove(scope: Scope, path: &str) -> Result<bool, MemoryError> {
        running().change(scope, "memory.remove").remove(path)
    }

    pub fn begin(function_id: &str, arguments: &str) -> Begun {
        running().begin(function_id, parse(arguments), false)
    }

    pub fn begin_reconcilable(function_id: &str, arguments: &str) -> Begun {
        running().begin(function_id, parse(arguments), true)
    }

    pub fn complete(position: u32, outcome: Outcome) -> Outcome {
        running().complete(position, outcome)
    }

    pub fn send(request: HttpRequest) -> Result<HttpResponse, HttpError> {
        Self::send_all(vec![request]).remove(0)
    }

    pub fn send_all(requests: Vec<HttpRequest>) -> Vec<Result<HttpResponse, HttpError>> {
        running().send_all(requests)
    }
}

fn parse(json: &str) -> serde_json::Value {
    serde_json::from_str(json).expect("the SDK writes JSON")
}
