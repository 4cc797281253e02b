import { type Call, type Context, Failure, type FailureOptions, type FetchOptions, type Response } from "weir";

/** A step, of which each operation has some fields. */
export interface Step {
  op: string;
  catch?: boolean;
  [field: string]: any;
}

/** What one step saw; nothing if it sees nothing. */
type Seen = [] | [unknown];

export function runSteps(steps: Step[], ctx: Context): unknown[] {
  const seen: unknown[] = [];
  for (const step of steps) {
    try {
      seen.push(...runStep(step, ctx));
    } catch (thrown) {
      if (!step.catch || !(thrown instanceof Failure)) throw thrown;
      seen.push(shownFailure(thrown));
    }
  }
  return seen;
}

function runStep(step: Step, ctx: Context): Seen {
  const memory = step.scope === "sensory" ? ctx.sensory : ctx.memory;
  switch (step.op) {
    case "get": {
      const value = memory.get(step.path);
      return [value === undefined ? [] : [value]];
    }
    case "set":
      memory.set(step.path, step.value);
      return [];
    case "new-object":
      memory.newObject(step.path);
      return [];
    case "fields":
      return [memory.fields(step.path) ?? null];
    case "exists":
      return [memory.has(step.path)];
    case "remove":
      return [memory.delete(step.path)];
    case "count":
      return [memory.update(["seen", step.name], (n) => n + 1, 0)];

    case "emit":
      return [ctx.emit(step.kind, step.value)];
    case "output":
      ctx.output(step.value);
      return [];

    case "call":
      return [ctx.durable(step.function, step.arguments, bodyOf(step, ctx))];
    case "reconcile":
      return [ctx.durable(step.function, step.arguments, bodyOf(step, ctx), { reconcile: reconcilerOf(step) })];
    case "charge":
      return [charge(step, ctx)];
    case "parallel": {
      const calls = step.calls.map((call: Step) => ({
        name: call.function,
        args: call.arguments,
        request: { url: call.url, json: call.arguments },
      }));
      const results = ctx.durableAllSettled(calls as { name: string; args: unknown; request: string }[]);
      return [results.map(({ reason, value }) => (reason === undefined ? { ok: value } : shownFailure(reason)))];
    }

    case "http":
      return [shownResponse(step, ctx.fetch(step.url, optionsOf(step)))];
    case "http-all": {
      const requests = step.requests.map((request: Step) => ({ url: request.url, ...optionsOf(request) }));
      return [ctx.fetchAllSettled(requests).map((settled, i) => shownSettled(step.requests[i], settled))];
    }

    case "where":
      return [
        {
          key: ctx.key,
          key_is_text: ctx.keyIsText,
          sequence_number: ctx.sequenceNumber,
          source_timestamp_ms: ctx.sourceTimestampMs ?? null,
          event_id: ctx.eventId,
          event_kind: ctx.eventKind,
        },
      ];
    case "header":
      return [ctx.header(step.name) ?? null];
    case "config":
      return [ctx.config(step.name) ?? null];
    case "now":
      return [ctx.nowMs()];
    case "random":
      return [ctx.randomU32()];
    case "own-clock":
      return [Date.now()];
    case "own-random":
      return [Math.random()];

    case "log":
      console[step.level as "info"](step.message);
      return [];
    case "print":
      console.log(step.message);
      return [];
    case "fail":
      throw failureOf(step.fail);
    default:
      throw new Failure("unknown-op", `there is no op \`${step.op}\``);
  }
}

function bodyOf(step: Step, ctx: Context): (call: Call) => any {
  return (call) => {
    console.info(`run ${step.function} ${call.id}`);
    runSteps(step.inside ?? [], ctx);
    if (step.fail !== undefined) throw failureOf(step.fail);
    return step.ok ?? null;
  };
}

function reconcilerOf({ function: name, found }: Step): (call: Call) => any {
  return (call) => {
    console.info(`find ${name} ${call.id}`);
    if (found.fail !== undefined) throw failureOf(found.fail);
    return found.never ? undefined : call.happened(found.ok);
  };
}

function charge(step: Step, ctx: Context): unknown {
  const body = (call: Call) => ctx.post(step.url, step.arguments, { headers: { "Idempotency-Key": call.id } }).json();
  const reconcile = (call: Call) => {
    try {
      return ctx.get(`${step.url}?id=${call.id}`).json();
    } catch (thrown) {
      if (thrown instanceof Failure && thrown.details?.status === 404) return undefined;
      throw thrown;
    }
  };
  return ctx.durable(step.function, step.arguments, body, { reconcile });
}

function failureOf({ kind, message, retryable, wait_ms, details }: Record<string, any>): Failure {
  const options: FailureOptions = { retryable: retryable ?? false, retryAfterMs: wait_ms ?? undefined, details };
  return new Failure(kind, message, options);
}

function shownFailure({ kind, message, retryable, retryAfterMs, details }: Failure): unknown {
  return { failure: kind, message, retryable, wait_ms: retryAfterMs ?? null, details: details ?? null };
}

function optionsOf({ method, headers, json, text, bytes, timeout_ms, any_status }: Step): FetchOptions {
  const body = text ?? (bytes === undefined ? null : Uint8Array.from(bytes as number[]));
  return { method, headers, json, body, timeoutMs: timeout_ms, anyStatus: any_status };
}

function shownResponse({ read }: Step, response: Response): unknown {
  const type = response.headers.get("content-type");
  return { status: response.status, type, body: bodyAs(read, response) };
}

function bodyAs(read: string | undefined, response: Response): unknown {
  switch (read) {
    case "json":
      return response.json();
    case "text":
      return response.text();
    case "bytes":
      return Array.from(response.bytes());
    default:
      return null;
  }
}

function shownSettled(request: Step, { value, reason }: { value?: Response; reason?: Failure }): unknown {
  if (value === undefined) return shownFailure(reason!);
  try {
    return shownResponse(request, value);
  } catch (thrown) {
    if (thrown instanceof Failure) return shownFailure(thrown);
    throw thrown;
  }
}
