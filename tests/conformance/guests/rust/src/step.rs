//! The steps of a script.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use weir_sdk::prelude::*;

use crate::request::RequestStep;

#[derive(Deserialize)]
pub struct Step {
    #[serde(default)]
    catch: bool,
    #[serde(flatten)]
    op: Op,
}

#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "kebab-case")]
enum Op {
    Get {
        scope: Option<Scope>,
        path: String,
    },
    Set {
        scope: Option<Scope>,
        path: String,
        value: Value,
    },
    NewObject {
        scope: Option<Scope>,
        path: String,
    },
    Fields {
        scope: Option<Scope>,
        path: String,
    },
    Exists {
        scope: Option<Scope>,
        path: String,
    },
    Remove {
        scope: Option<Scope>,
        path: String,
    },
    Count {
        scope: Option<Scope>,
        name: String,
    },

    Emit {
        kind: String,
        value: Value,
    },
    Output {
        value: Value,
    },

    Call(Call),
    Reconcile {
        found: Found,
        #[serde(flatten)]
        call: Call,
    },
    Charge(Charge),
    Parallel {
        calls: Vec<Charge>,
    },

    Http(RequestStep),
    HttpAll {
        requests: Vec<RequestStep>,
    },

    Where,
    Header {
        name: String,
    },
    Config {
        name: String,
    },
    Now,
    Random,
    OwnClock,
    OwnRandom,

    Log {
        level: String,
        message: String,
    },
    Print {
        message: String,
    },
    Fail {
        fail: FailureStep,
    },

    #[serde(other)]
    Unknown,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "kebab-case")]
enum Scope {
    Sensory,
}

#[derive(Deserialize)]
struct Call {
    function: String,
    arguments: Value,
    #[serde(default)]
    inside: Vec<Step>,
    #[serde(default)]
    ok: Value,
    fail: Option<FailureStep>,
}

#[derive(Deserialize)]
struct Found {
    #[serde(default)]
    never: bool,
    #[serde(default)]
    ok: Value,
    fail: Option<FailureStep>,
}

#[derive(Deserialize)]
struct Charge {
    function: String,
    arguments: Value,
    url: String,
}

#[derive(Deserialize)]
struct FailureStep {
    kind: String,
    message: String,
    #[serde(default)]
    retryable: bool,
    wait_ms: Option<u64>,
    details: Option<Value>,
}

/// Takes the steps, and adds what they see.
pub fn run_all(steps: &[Step], ctx: &Context, seen: &mut Vec<Value>) -> Result {
    for step in steps {
        match step.op.run(ctx, seen) {
            Err(failure) if step.catch => seen.push(show(&failure)),
            ended => ended?,
        }
    }
    Ok(())
}

impl Op {
    fn run(&self, ctx: &Context, seen: &mut Vec<Value>) -> Result {
        let memory = |scope: &Option<Scope>| match scope {
            Some(Scope::Sensory) => ctx.sensory(),
            None => ctx.memory(),
        };
        let saw = match self {
            Self::Get { scope, path } => json!(memory(scope).get::<Value>(path)?.into_iter().collect::<Vec<_>>()),
            Self::Set { scope, path, value } => return memory(scope).set(path, value),
            Self::NewObject { scope, path } => return memory(scope).new_object(path),
            Self::Fields { scope, path } => json!(memory(scope).fields(path)?),
            Self::Exists { scope, path } => json!(memory(scope).exists(path)?),
            Self::Remove { scope, path } => json!(memory(scope).remove(path)?),
            Self::Count { scope, name } => {
                json!(memory(scope).update(format!("seen.{}", weir_sdk::escape(name)), |n: u64| n + 1)?)
            }

            Self::Emit { kind, value } => json!(ctx.emit_with_id(kind, value)?),
            Self::Output { value } => return ctx.output(value),

            Self::Call(call) => ctx.durable(&call.function, &call.arguments, |open| call.run(open, ctx))?,
            Self::Reconcile { found, call } => ctx
                .durable_call(&call.function, &call.arguments)
                .reconcile(|open| {
                    log::info!("find {} {}", call.function, open.id());
                    found.answer()
                })
                .run(|open| call.run(open, ctx))?,
            Self::Charge(charge) => ctx
                .durable_call(&charge.function, &charge.arguments)
                .reconcile(|open| find(ctx, &charge.url, open.id()))
                .run(|open| {
                    ctx.post(&charge.url, &charge.arguments).header("Idempotency-Key", open.id()).send()?.json()
                })?,
            Self::Parallel { calls } => {
                let calls = calls.iter().map(|call| {
                    let request = ctx.post(&call.url, &call.arguments);
                    ctx.durable_call(&call.function, &call.arguments).request(request, |response| response.json())
                });
                let results: Vec<Result<Value>> = ctx.durable_each(calls)?;
                results.into_iter().map(|result| result.map_or_else(|f| show(&f), |ok| json!({"ok": ok}))).collect()
            }

            Self::Http(request) => request.send(ctx)?,
            Self::HttpAll { requests } => {
                let answers = ctx.send_each(requests.iter().map(|request| request.request(ctx)))?;
                let came = answers.into_iter().zip(requests).map(|(answer, request)| request.came(&answer?));
                came.map(|came| came.unwrap_or_else(|failure| show(&failure))).collect()
            }

            Self::Where => json!({
                "key": ctx.key(),
                "key_is_text": ctx.key_is_text(),
                "sequence_number": ctx.sequence_number(),
                "source_timestamp_ms": ctx.source_timestamp_ms(),
                "event_id": ctx.event_id(),
                "event_kind": ctx.event_kind(),
            }),
            Self::Header { name } => json!(ctx.header(name)),
            Self::Config { name } => json!(ctx.config(name)),
            Self::Now => json!(ctx.now_ms()),
            Self::Random => json!(ctx.random_u32()),
            Self::OwnClock => json!(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis() as u64),
            Self::OwnRandom => json!(RandomState::new().hash_one(0)),

            Self::Log { level, message } => {
                match level.as_str() {
                    "trace" => log::trace!("{message}"),
                    "debug" => log::debug!("{message}"),
                    "info" => log::info!("{message}"),
                    "warn" => log::warn!("{message}"),
                    _ => log::error!("{message}"),
                }
                return Ok(());
            }
            Self::Print { message } => {
                println!("{message}");
                return Ok(());
            }
            Self::Fail { fail } => return Err(fail.failure()),
            Self::Unknown => return Err(Failure::fatal("unknown-op", "this guest does not know that op")),
        };
        seen.push(saw);
        Ok(())
    }
}

impl Call {
    fn run(&self, open: &weir_sdk::Call, ctx: &Context) -> Result<Value> {
        log::info!("run {} {}", self.function, open.id());
        run_all(&self.inside, ctx, &mut Vec::new())?;
        self.fail.as_ref().map_or(Ok(self.ok.clone()), |fail| Err(fail.failure()))
    }
}

impl Found {
    fn answer(&self) -> Result<Option<Value>> {
        match &self.fail {
            Some(fail) => Err(fail.failure()),
            None if self.never => Ok(None),
            None => Ok(Some(self.ok.clone())),
        }
    }
}

impl FailureStep {
    fn failure(&self) -> Failure {
        let mut failure = match self.retryable {
            true => Failure::retryable(&self.kind, &self.message),
            false => Failure::fatal(&self.kind, &self.message),
        };
        if let Some(ms) = self.wait_ms {
            failure = failure.retry_after(Duration::from_millis(ms));
        }
        if let Some(details) = &self.details {
            failure = failure.with_details(details);
        }
        failure
    }
}

fn find(ctx: &Context, url: &str, id: &str) -> Result<Option<Value>> {
    let response = ctx.get(format!("{url}?id={id}")).send_any_status()?;
    if response.status() == 404 { Ok(None) } else { response.error_for_status()?.json().map(Some) }
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
