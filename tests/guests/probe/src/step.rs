//! The steps of a script.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use weir_sdk::prelude::*;

use crate::{misuse, outside};

/// One step, as JSON: `"now"`, `{"get": "path"}`, `{"set": ["path", value]}`. *Sees* means: adds to what is put out.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    // Memory: short-term, or in `sensory` that of the run.
    Sensory(Box<Step>),
    /// Sees the value, or null.
    Get(String),
    Set(String, Value),
    NewObject(String),
    /// Sees whether something was there.
    Remove(String),
    Exists(String),
    /// Sees the names, or null.
    Fields(String),
    /// Adds one to a number, and sees it.
    Count(String),
    /// Sets a text of so many bytes.
    SetBytes(String, usize),

    // Events.
    Emit(String, Value),
    Output(Value),
    /// Emits so many events of the kind, with 0, 1, 2, … as payloads.
    EmitMany(String, u64),
    /// Sees the ids of two events emitted with this kind and payload.
    EmitTwice(String, Value),

    // Durable calls: function id, arguments; each sees the result.
    Call(String, Value, Ending),
    /// A call whose body runs steps.
    CallDoing(String, Value, Vec<Step>, Ending),
    /// A reconcilable call: what the reconciler says, and how the body ends.
    Reconcile(String, Value, Found, Ending),
    /// A reconcilable call by HTTP: POST the arguments to the first URL; the reconciler asks GET of the second,
    /// with the call's id in `?id=` and in `Idempotency-Key`: 200 it happened, with that body; 404 it never did; else ask again.
    HttpCall(String, Value, String, String),
    /// Plain durable calls at once: function id, arguments, and the URL each is posted to. Sees the results.
    CallAll(Vec<(String, Value, String)>),

    // HTTP: method, URL, body or null. Sees `{"status", "body"}`.
    /// Fails for a status of 400 or more.
    Http(String, String, Value),
    HttpAnyStatus(String, String, Value),
    /// As `http`, with headers and a time limit in milliseconds.
    HttpWith(String, String, Value, Vec<(String, String)>, u64),
    /// Sees a list with a response or failure for each.
    SendAll(Vec<(String, String, Value)>),

    // Where it stands: each sees what it names.
    Now,
    Random,
    Key,
    KeyIsText,
    SequenceNumber,
    SourceTimestamp,
    EventId,
    EventKind,
    Header(String),
    Config(String),
    /// How many scripts this instance has run, this one included, if each has the step once.
    Served,

    // How it goes on.
    Fail(Ending),
    /// Runs a step, and sees its failure if it has one.
    Catch(Box<Step>),
    Repeat(u64, Vec<Step>),
    /// Takes the steps that stand, as JSON, in the configuration under this name: a deploy can change them.
    Configured(String),
    Log(String, String),

    /// Wrong uses of the contract, past the SDK.
    Misuse(misuse::Misuse),
    /// What a sandbox has to hold.
    Outside(outside::Outside),
}

/// How a body ends.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    Ok(Value),
    /// Kind and message.
    Fatal(String, String),
    /// Kind and message.
    Retryable(String, String),
    /// Kind, message, wait in milliseconds, details.
    RetryableAfter(String, String, u64, Value),
    /// A text of so many bytes.
    Bytes(usize),
}

/// What a reconciler finds.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Found {
    Never,
    Happened(Value),
    Fatal(String, String),
    Retryable(String, String),
}

impl Step {
    /// Takes the step.
    pub fn run(&self, ctx: &Context, seen: &mut Vec<Value>) -> Result {
        self.run_in(&ctx.memory(), ctx, seen)
    }

    fn run_in(&self, memory: &Memory, ctx: &Context, seen: &mut Vec<Value>) -> Result {
        match self {
            Self::Sensory(step) => step.run_in(&ctx.sensory(), ctx, seen)?,
            Self::Get(path) => seen.push(json!(memory.get::<Value>(path)?)),
            Self::Set(path, value) => memory.set(path, value)?,
            Self::NewObject(path) => memory.new_object(path)?,
            Self::Remove(path) => seen.push(json!(memory.remove(path)?)),
            Self::Exists(path) => seen.push(json!(memory.exists(path)?)),
            Self::Fields(path) => seen.push(json!(memory.fields(path)?)),
            Self::Count(path) => seen.push(json!(memory.update(path, |n: u64| n + 1)?)),
            Self::SetBytes(path, length) => memory.set(path, &"x".repeat(*length))?,
            Self::Catch(step) => {
                if let Err(failure) = step.run_in(memory, ctx, seen) {
                    seen.push(show(&failure));
                }
            }
            Self::Repeat(times, steps) => {
                for _ in 0..*times {
                    run_all(steps, ctx, seen)?;
                }
            }
            Self::Configured(name) => {
                let steps: std::result::Result<Vec<Step>, _> = serde_json::from_str(&ctx.required_config(name)?);
                let steps = steps.map_err(|error| Failure::fatal("config", error.to_string()))?;
                run_all(&steps, ctx, seen)?;
            }
            Self::Fail(ending) => seen.push(ending.result()?),
            Self::Misuse(misuse) => misuse.run(seen),
            Self::Outside(outside) => outside.run(seen),
            other => other.call(ctx, seen)?,
        }
        Ok(())
    }

    /// Durable calls and HTTP.
    fn call(&self, ctx: &Context, seen: &mut Vec<Value>) -> Result {
        match self {
            Self::Call(id, arguments, ending) => seen.push(ctx.durable(id, arguments, |_| ending.result())?),
            Self::CallDoing(id, arguments, steps, ending) => {
                let result = ctx.durable(id, arguments, |_| {
                    let mut inner = Vec::new();
                    run_all(steps, ctx, &mut inner)?;
                    Ok((inner, ending.result()?))
                })?;
                seen.push(json!(result));
            }
            Self::Reconcile(id, arguments, found, ending) => {
                let call = ctx.durable_call(id, arguments).reconcile(|_| found.result());
                seen.push(call.run(|_| ending.result())?);
            }
            Self::HttpCall(id, arguments, post, find) => {
                let call = ctx.durable_call(id, arguments).reconcile(|call| look_up(ctx, find, call));
                let request = || ctx.post(post, arguments);
                seen.push(call.run(|call| request().header("Idempotency-Key", call.id()).send()?.json())?);
            }
            Self::CallAll(calls) => {
                let calls = calls.iter().map(|(id, arguments, url)| {
                    ctx.durable_call(id, arguments)
                        .request(ctx.post(url, arguments), |response| response.json::<Value>())
                });
                seen.push(ctx.durable_each(calls)?.into_iter().map(|r| r.unwrap_or_else(|f| show(&f))).collect());
            }
            Self::Http(method, url, body) => seen.push(show_response(&request(ctx, method, url, body).send()?)),
            Self::HttpAnyStatus(method, url, body) => {
                seen.push(show_response(&request(ctx, method, url, body).send_any_status()?));
            }
            Self::HttpWith(method, url, body, headers, timeout_ms) => {
                let request =
                    headers.iter().fold(request(ctx, method, url, body), |r, (name, value)| r.header(name, value));
                seen.push(show_response(&request.timeout(Duration::from_millis(*timeout_ms)).send()?));
            }
            Self::SendAll(requests) => {
                let requests = requests.iter().map(|(method, url, body)| request(ctx, method, url, body));
                let answers = ctx.send_each(requests)?;
                seen.push(answers.iter().map(|a| a.as_ref().map_or_else(show, show_response)).collect());
            }
            other => other.tell(ctx, seen)?,
        }
        Ok(())
    }

    /// Events, the log, and where the invocation stands.
    fn tell(&self, ctx: &Context, seen: &mut Vec<Value>) -> Result {
        static SERVED: AtomicU64 = AtomicU64::new(0);
        match self {
            Self::Emit(kind, payload) => ctx.emit(kind, payload)?,
            Self::Output(payload) => ctx.output(payload)?,
            Self::EmitMany(kind, count) => return (0..*count).try_for_each(|n| ctx.emit(kind, &n)),
            Self::EmitTwice(kind, payload) => {
                seen.push(json!([ctx.emit_with_id(kind, payload)?, ctx.emit_with_id(kind, payload)?]));
            }
            Self::Now => seen.push(json!(ctx.now_ms())),
            Self::Random => seen.push(json!(ctx.random_u32())),
            Self::Key => seen.push(json!(ctx.key())),
            Self::KeyIsText => seen.push(json!(ctx.key_is_text())),
            Self::SequenceNumber => seen.push(json!(ctx.sequence_number())),
            Self::SourceTimestamp => seen.push(json!(ctx.source_timestamp_ms())),
            Self::EventId => seen.push(json!(ctx.event_id())),
            Self::EventKind => seen.push(json!(ctx.event_kind())),
            Self::Header(name) => seen.push(json!(ctx.header(name))),
            Self::Config(name) => seen.push(json!(ctx.config(name))),
            Self::Served => seen.push(json!(SERVED.fetch_add(1, Ordering::Relaxed) + 1)),
            Self::Log(level, message) => match level.as_str() {
                "trace" => log::trace!("{message}"),
                "debug" => log::debug!("{message}"),
                "info" => log::info!("{message}"),
                "warn" => log::warn!("{message}"),
                _ => log::error!("{message}"),
            },
            _ => unreachable!("run and call take the others"),
        }
        Ok(())
    }
}

impl Ending {
    fn result(&self) -> Result<Value> {
        match self {
            Self::Ok(value) => Ok(value.clone()),
            Self::Fatal(kind, message) => Err(Failure::fatal(kind, message)),
            Self::Retryable(kind, message) => Err(Failure::retryable(kind, message)),
            Self::RetryableAfter(kind, message, wait_ms, details) => Err(Failure::retryable(kind, message)
                .retry_after(Duration::from_millis(*wait_ms))
                .with_details(details)),
            Self::Bytes(length) => Ok(json!("x".repeat(*length))),
        }
    }
}

impl Found {
    fn result(&self) -> Result<Option<Value>> {
        match self {
            Self::Never => Ok(None),
            Self::Happened(value) => Ok(Some(value.clone())),
            Self::Fatal(kind, message) => Err(Failure::fatal(kind, message)),
            Self::Retryable(kind, message) => Err(Failure::retryable(kind, message)),
        }
    }
}

fn run_all(steps: &[Step], ctx: &Context, seen: &mut Vec<Value>) -> Result {
    steps.iter().try_for_each(|step| step.run(ctx, seen))
}

fn request(ctx: &Context, method: &str, url: &str, body: &Value) -> Request {
    let request = ctx.request(method, url);
    if body.is_null() { request } else { request.json(body) }
}

fn look_up(ctx: &Context, find: &str, call: &Call) -> Result<Option<Value>> {
    let asked = ctx.get(format!("{find}?id={}", call.id())).header("Idempotency-Key", call.id());
    let response = asked.send_any_status()?;
    if response.status() == 404 { Ok(None) } else { response.error_for_status()?.json().map(Some) }
}

fn show_response(response: &Response) -> Value {
    let body = response.json().unwrap_or_else(|_| json!(String::from_utf8_lossy(response.bytes())));
    json!({"status": response.status(), "body": body})
}

fn show(failure: &Failure) -> Value {
    json!({
        "failure": failure.kind(),
        "message": failure.message(),
        "retryable": failure.is_retryable(),
        "wait_ms": failure.wait().map(|wait| wait.as_millis() as u64),
        "details": failure.details::<Value>(),
    })
}
