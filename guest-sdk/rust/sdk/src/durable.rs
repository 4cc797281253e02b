//! Durable calls: side effects whose outcome survives.

use std::cell::Cell;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::host::{Begun, Host, NextStep, Outcome};
use crate::{Failure, Request, RequestCall, Response, Result};

/// A durable call while it is open.
#[derive(Debug)]
pub struct Call {
    pub(crate) id: String,
}

impl Call {
    /// Names this call and no other, the same again when it is executed again: the other side's idempotency key.
    pub fn id(&self) -> &str {
        &self.id
    }
}

/// A durable call that is not yet made. See [`Context::durable`](crate::Context::durable).
///
/// ```
/// # use weir_sdk::prelude::*;
/// # #[derive(Serialize, Deserialize)] struct Charge { id: String }
/// # fn find_charge(id: &str) -> Result<Option<Charge>> { Ok(None) }
/// # fn new_charge(id: &str, order: &Value) -> Result<Charge> { Ok(Charge { id: id.into() }) }
/// #[action("order")]
/// fn charge(order: Value, ctx: &Context) -> Result {
///     let charge: Charge = ctx
///         .durable_call("charge", &order)
///         .reconcile(|call| find_charge(call.id()))
///         .run(|call| new_charge(call.id(), &order))?;
///     ctx.output(&charge)
/// }
/// # fn main() { weir_sdk::testing::TestKey::new("k").run(charge, &json!({})).unwrap(); }
/// ```
#[must_use = "a durable call is made by `run` or `request`"]
#[derive(Debug)]
pub struct DurableCall {
    pub(crate) function_id: String,
    /// JSON text, taken before any call is begun.
    pub(crate) arguments: Result<String>,
}

impl DurableCall {
    pub(crate) fn new<A: Serialize + ?Sized>(function_id: &str, arguments: &A) -> Self {
        Self { function_id: function_id.to_owned(), arguments: serde_json::to_string(arguments).map_err(Failure::from) }
    }

    /// Makes the call: runs `body` and records its outcome, or gives what was recorded.
    #[track_caller]
    pub fn run<T>(self, body: impl FnOnce(&Call) -> Result<T>) -> Result<T>
    where
        T: Serialize + DeserializeOwned,
    {
        refuse_in_body(&self.function_id);
        let begun = Host::begin(&self.function_id, &self.arguments?);
        match begun.step {
            NextStep::Execute => execute(begun.position, Call { id: begun.id }, body),
            NextStep::Replay(outcome) => read(outcome),
            NextStep::Reconcile => Err(not_reconcilable(&self.function_id)),
        }
    }

    /// Makes the call reconcilable: if it was cut off between its effect and its record, `reconciler` is asked what
    /// became of it. `Ok(Some(_))`: it happened, with this result. `Ok(None)`: it never did, so it is executed.
    /// A retryable failure: unknown as yet; the attempt ends, and it is asked again; so it is after a result that is no
    /// JSON. A fatal failure: the outcome.
    pub fn reconcile<T, R>(self, reconciler: R) -> ReconcilableCall<T, R>
    where
        R: FnOnce(&Call) -> Result<Option<T>>,
    {
        ReconcilableCall { call: self, reconciler, result: std::marker::PhantomData }
    }

    /// Makes the call by a request, which `read` turns into its result: for several at once, with
    /// [`Context::durable_all`](crate::Context::durable_all). The call's id goes along as `Idempotency-Key`.
    pub fn request<'c, T>(self, request: Request, read: impl FnOnce(Response) -> Result<T> + 'c) -> RequestCall<'c, T> {
        RequestCall::new(self, None, request, Box::new(read))
    }
}

/// A durable call with a reconciler, not yet made.
#[must_use = "a durable call is made by `run` or `request`"]
#[derive(Debug)]
pub struct ReconcilableCall<T, R> {
    call: DurableCall,
    reconciler: R,
    result: std::marker::PhantomData<fn() -> T>,
}

impl<T, R> ReconcilableCall<T, R>
where
    T: Serialize + DeserializeOwned,
    R: FnOnce(&Call) -> Result<Option<T>>,
{
    /// Makes the call: runs `body` and records its outcome, gives what was recorded, or has it reconciled.
    #[track_caller]
    pub fn run(self, body: impl FnOnce(&Call) -> Result<T>) -> Result<T> {
        refuse_in_body(&self.call.function_id);
        let Begun { position, id, step } = Host::begin_reconcilable(&self.call.function_id, &self.call.arguments?);
        let call = Call { id };
        match step {
            NextStep::Execute => execute(position, call, body),
            NextStep::Replay(outcome) => read(outcome),
            NextStep::Reconcile => match ask(in_body(|| (self.reconciler)(&call)))? {
                Some(outcome) => read(Host::complete(position, outcome)),
                None => execute(position, call, body),
            },
        }
    }

    /// As [`DurableCall::request`].
    pub fn request<'c>(self, request: Request, read: impl FnOnce(Response) -> Result<T> + 'c) -> RequestCall<'c, T>
    where
        R: 'c,
    {
        RequestCall::new(self.call, Some(Box::new(self.reconciler)), request, Box::new(read))
    }
}

/// What a reconciler's answer means: the outcome, or none if the call is to be executed.
/// A retryable failure, or that of an answer which can't be written, passes through with the call left open: nothing is
/// recorded, and it is asked again.
pub(crate) fn ask<T: Serialize>(answer: Result<Option<T>>) -> Result<Option<Outcome>> {
    match answer {
        Ok(Some(value)) => write(Ok(value)).map(|text| Some(Ok(text))),
        Ok(None) => Ok(None),
        Err(failure) if failure.retryable => Err(failure),
        Err(failure) => Ok(Some(Err(failure))),
    }
}

/// Runs the body of an open call and completes it.
fn execute<T>(position: u32, call: Call, body: impl FnOnce(&Call) -> Result<T>) -> Result<T>
where
    T: Serialize + DeserializeOwned,
{
    read(Host::complete(position, write(in_body(|| body(&call)))))
}

thread_local! {
    /// Whether the body of a durable call is running, or its reconciler.
    static IN_BODY: Cell<bool> = const { Cell::new(false) };
}

/// Runs what a replay skips, however it ends.
pub(crate) fn in_body<T>(body: impl FnOnce() -> T) -> T {
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            IN_BODY.set(self.0);
        }
    }
    let _restore = Restore(IN_BODY.replace(true));
    body()
}

/// Stops a durable call in the body of another: a replay of that would skip it, and diverge.
#[track_caller]
pub(crate) fn refuse_in_body(function_id: &str) {
    if IN_BODY.get() {
        Host::trap(format!(
            "durable call `{function_id}` in the body of another, which a replay would skip: make it before or after"
        ));
    }
}

/// A result as the host records it.
pub(crate) fn write<T: Serialize>(result: Result<T>) -> Outcome {
    result.and_then(|value| serde_json::to_string(&value).map_err(Failure::from))
}

/// A recorded outcome as a result. The first time too, so that an action never sees more than its replay will.
pub(crate) fn read<T: DeserializeOwned>(outcome: Outcome) -> Result<T> {
    let text = outcome?;
    serde_json::from_str(&text).map_err(|error| {
        Failure::fatal("json", format!("the recorded outcome of a durable call is of another type: {error}"))
    })
}

/// The call stays open, and with it the pending record: nobody has said what became of its effect.
pub(crate) fn not_reconcilable(function_id: &str) -> Failure {
    Failure::fatal(
        "not-reconcilable",
        format!("the call `{function_id}` was cut off when it had a reconciler, and has none now: give it one again"),
    )
}
