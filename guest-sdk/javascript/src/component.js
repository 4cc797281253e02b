/** @file The component's exports, and the host behind the contract's imports. `weir-componentize` bundles it in. */

import config from "weir:action/config@0.1.0";
import durableCall from "weir:action/durable-call@0.1.0";
import events from "weir:action/events@0.1.0";
import http from "weir:action/http@0.1.0";
import invocation from "weir:action/invocation@0.1.0";
import log from "weir:action/log@0.1.0";
import memory from "weir:action/memory@0.1.0";

import { areActions, describe, failureOfInvoke } from "./actions.js";
import { Failure, failureOfRecord, recordOfFailure } from "./failure.js";
import { installGlobals } from "./globals.js";
import { withHost } from "./host.js";

// Before the user's module is loaded, so that it never sees others.
installGlobals();

/** What the component exports as `actions`. */
export function componentOf(definitions) {
  if (!areActions(definitions)) throw new TypeError("its default export is not made by actions({ … })");
  return {
    describe: () => withHost(host, () => describe(definitions)),
    invoke(action, event) {
      const failure = withHost(host, () => failureOfInvoke(definitions, action, event));
      if (failure !== undefined) throw failureOut(failure);
    },
  };
}

const host = {
  key: () => invocation.key(),
  keyIsText: () => invocation.keyIsText(),
  sequenceNumber: () => invocation.sequenceNumber(),
  sourceTimestampMs: () => invocation.sourceTimestampMs(),
  header: (name) => invocation.header(name),
  nowMs: () => invocation.nowMs(),
  randomU32: () => u32In(invocation.randomU32()),
  config: (name) => config.get(name),
  log: (level, message) => log.write(level, message),
  emit: (kind, payload) => events.emit(kind, payload),

  memoryGet: (scope, path) => orRefused(() => memory.get(scope, path)),
  memorySet: (scope, path, value) => orRefused(() => memory.set(scope, path, value)),
  memoryNewObject: (scope, path) => orRefused(() => memory.newObject(scope, path)),
  memoryFields: (scope, path) => orRefused(() => memory.fields(scope, path)),
  memoryExists: (scope, path) => orRefused(() => memory.exists(scope, path)),
  memoryRemove: (scope, path) => orRefused(() => memory.remove(scope, path)),

  begin: (name, args) => begunIn(durableCall.begin(name, args)),
  beginReconcilable: (name, args) => begunIn(durableCall.beginReconcilable(name, args)),
  complete(position, outcome) {
    const instead = durableCall.complete(u32Out(position), outcomeOut(outcome));
    return instead === null ? outcome : { failure: failureIn(instead) };
  },

  send(request) {
    try {
      return { response: responseIn(http.send(requestOut(request))) };
    } catch (thrown) {
      return { error: payloadOf(thrown) };
    }
  },
  sendAll: (requests) =>
    http
      .sendAll(requests.map(requestOut))
      .map(({ tag, val }) => (tag === "ok" ? { response: responseIn(val) } : { error: val })),
};

/** What an import of result type threw. */
function payloadOf(thrown) {
  if (thrown?.payload === undefined) throw thrown;
  return thrown.payload;
}

function orRefused(call) {
  try {
    return call();
  } catch (thrown) {
    const { tag, val } = payloadOf(thrown);
    throw new Failure(`memory/${tag}`, val);
  }
}

/** The engine's bindings take a u32 for an i32, both ways. */
const u32In = (number) => number >>> 0;
const u32Out = (number) => number | 0;

function failureIn({ retryAfterMs, ...record }) {
  return failureOfRecord({ ...record, retryAfterMs: retryAfterMs === null ? null : u32In(retryAfterMs) });
}

function failureOut(failure) {
  const { retryAfterMs, ...record } = recordOfFailure(failure);
  return { ...record, retryAfterMs: retryAfterMs === null ? null : u32Out(retryAfterMs) };
}

function begunIn({ position, id, step }) {
  const begun = { position: u32In(position), id, step };
  if (step.tag !== "replay") return begun;
  const { tag, val } = step.val;
  return { ...begun, step: { tag: "replay", outcome: tag === "ok" ? { ok: val } : { failure: failureIn(val) } } };
}

function outcomeOut({ ok, failure }) {
  return failure === undefined ? { tag: "ok", val: ok } : { tag: "err", val: failureOut(failure) };
}

function requestOut({ method, url, headers, body, timeoutMs }) {
  return { method, url, headers, body: bodyOut(body), timeoutMs: timeoutMs === null ? null : u32Out(timeoutMs) };
}

function bodyOut({ text, bytes }) {
  if (text !== undefined) return { tag: "text", val: text };
  return bytes === undefined ? { tag: "none" } : { tag: "bytes", val: bytes };
}

function responseIn({ status, headers, body }) {
  return { status, headers, body: body.tag === "none" ? {} : { [body.tag]: body.val } };
}
