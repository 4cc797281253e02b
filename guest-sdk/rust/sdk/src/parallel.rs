//! Several durable calls at once.

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::durable::{ask, in_body, not_reconcilable, read, refuse_in_body, write};
use crate::host::{Begun, Host, NextStep, Outcome};
use crate::{Call, DurableCall, Request, Response, Result};

type Reconciler<'c, T> = Box<dyn FnOnce(&Call) -> Result<Option<T>> + 'c>;
type Reader<'c, T> = Box<dyn FnOnce(Response) -> Result<T> + 'c>;

/// A durable call whose effect is one request, not yet made: several go out at once with
/// [`Context::durable_all`](crate::Context::durable_all).
///
/// ```
/// use weir_sdk::prelude::*;
/// # use weir_sdk::testing::{TestKey, TestResponse};
///
/// #[action("order")]
/// fn quote(order: Value, ctx: &Context) -> Result {
///     let [a, b] = ctx.durable_all(["https://a.example/", "https://b.example/"].map(|shop| {
///         ctx.durable_call("quote", &(shop, &order)).request(ctx.post(shop, &order), |response| response.json::<u64>())
///     }))?;
///     ctx.output(&a.min(b))
/// }
/// # let mut key = TestKey::new("k");
/// # key.on_request(|request| TestResponse::json(&if request.url().contains("a.e") { 7 } else { 5 }));
/// # assert_eq!(key.run(quote, &json!({})).unwrap().outputs(), [json!(5)]);
/// ```
#[must_use = "a durable call is made by `Context::durable_all`"]
pub struct RequestCall<'c, T> {
    call: DurableCall,
    reconciler: Option<Reconciler<'c, T>>,
    request: Request,
    reader: Reader<'c, T>,
}

impl<'c, T> RequestCall<'c, T> {
    pub(crate) fn new(
        call: DurableCall,
        reconciler: Option<Reconciler<'c, T>>,
        request: Request,
        reader: Reader<'c, T>,
    ) -> Self {
        Self { call, reconciler, request, reader }
    }
}

impl<T> fmt::Debug for RequestCall<'_, T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("RequestCall").field("call", &self.call).field("request", &self.request).finish()
    }
}

/// What stands in a call's place until its result is read.
enum Slot<'c, T> {
    Settled(Outcome),
    Unsent { position: u32, id: String, request: Request, reader: Reader<'c, T> },
    Sent { position: u32, reader: Reader<'c, T> },
}

/// Opens all calls, reconciles those cut off, sends the rest together, and completes each.
pub(crate) fn run<T>(calls: Vec<RequestCall<'_, T>>) -> Result<Vec<Result<T>>>
where
    T: Serialize + DeserializeOwned,
{
    // Whatever can be wrong with a call shows before the first is opened.
    for call in &calls {
        refuse_in_body(&call.call.function_id);
        call.call.arguments.clone()?;
        call.request.check()?;
    }
    let begun = calls.into_iter().map(begin).collect::<Result<Vec<_>>>()?;
    let slots = begun.into_iter().map(|(begun, call)| settle(begun, call)).collect::<Result<Vec<_>>>()?;
    complete(send(slots)?)
}

fn begin<T>(call: RequestCall<'_, T>) -> Result<(Begun, RequestCall<'_, T>)> {
    let arguments = call.call.arguments.clone()?;
    let begun = match call.reconciler {
        Some(_) => Host::begin_reconcilable(&call.call.function_id, &arguments),
        None => Host::begin(&call.call.function_id, &arguments),
    };
    Ok((begun, call))
}

fn settle<'c, T: Serialize>(begun: Begun, call: RequestCall<'c, T>) -> Result<Slot<'c, T>> {
    let Begun { position, id, step } = begun;
    let RequestCall { call, reconciler, request, reader } = call;
    match step {
        NextStep::Replay(outcome) => return Ok(Slot::Settled(outcome)),
        NextStep::Execute => {}
        NextStep::Reconcile => {
            let reconciler = reconciler.ok_or_else(|| not_reconcilable(&call.function_id))?;
            if let Some(outcome) = ask(in_body(|| reconciler(&Call { id: id.clone() })))? {
                return Ok(Slot::Settled(Host::complete(position, outcome)));
            }
        }
    }
    Ok(Slot::Unsent { position, id, request, reader })
}

type Answers = std::vec::IntoIter<Result<Response>>;

fn send<T>(slots: Vec<Slot<'_, T>>) -> Result<(Vec<Slot<'_, T>>, Answers)> {
    let mut requests = Vec::new();
    let slots = slots
        .into_iter()
        .map(|slot| match slot {
            Slot::Unsent { position, id, request, reader } => {
                requests.push(request.with_idempotency_key(&id));
                Slot::Sent { position, reader }
            }
            other => other,
        })
        .collect();
    let answers = if requests.is_empty() { Vec::new() } else { crate::request::send_all(requests)? };
    Ok((slots, answers.into_iter()))
}

fn complete<T>((slots, mut answers): (Vec<Slot<'_, T>>, Answers)) -> Result<Vec<Result<T>>>
where
    T: Serialize + DeserializeOwned,
{
    let settled = slots.into_iter().map(|slot| match slot {
        Slot::Settled(outcome) => read(outcome),
        Slot::Sent { position, reader } => {
            let answer = answers.next().expect("the host answers each request");
            let response = answer.and_then(Response::error_for_status);
            read(Host::complete(position, write(response.and_then(|response| in_body(|| reader(response))))))
        }
        Slot::Unsent { .. } => unreachable!("send leaves no request behind"),
    });
    Ok(settled.collect())
}
