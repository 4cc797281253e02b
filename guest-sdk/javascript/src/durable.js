import { Failure, failureOf, failureOfRecord, recordOfFailure } from "./failure.js";
import { crossing, host } from "./host.js";
import { answersOf, hasHeader, requestOf } from "./http.js";
import { readJson, writeJson } from "./json.js";
import { logError } from "./log.js";
import { endAsTrap, rethrowTrap } from "./trap.js";

/** Makes one durable call. */
export function durable(name, args, body, options = {}) {
  const opening = openingOf({ name, args, reconcile: options.reconcile });
  refuseAsync(name, "body", body);
  const { position, id, step } = begin(opening);
  const call = callOf(id);
  switch (step.tag) {
    case "replay":
      return resultOf(step.outcome);
    case "execute":
      return execute(position, call, name, body);
    case "reconcile": {
      const outcome = reconciled(opening, call);
      if (outcome === undefined) return execute(position, call, name, body);
      return resultOf(host().complete(position, outcome));
    }
  }
}

function execute(position, call, name, body) {
  return resultOf(
    host().complete(
      position,
      outcomeOf(name, () => body(call)),
    ),
  );
}

/**
 * Makes several durable calls, each by one request, at once: opens all, has those reconciled that were cut off, sends
 * the other requests together, and records each outcome. Gives settled results.
 */
export function durableAllSettled(calls) {
  // Whatever can be wrong with a call shows before the first is opened.
  const prepared = Array.from(calls, (call) => {
    refuseAsync(call.name, "`read`", call.read ?? readAsJson);
    return { ...openingOf(call), read: call.read ?? readAsJson, request: requestOf(call.request) };
  });
  const opened = prepared.map((call) => ({ ...call, ...begin(call) }));
  const slots = opened.map(settleUnlessToBeSent);
  const toBeSent = slots.filter((slot) => slot.outcome === undefined);
  const answers = toBeSent.length === 0 ? [] : answersOf(toBeSent.map(withIdempotencyKey));
  toBeSent.forEach((slot, i) => {
    const { status, value, reason } = answers[i];
    const outcome = status === "rejected" ? { failure: reason } : outcomeOf(slot.name, () => slot.read(value));
    slot.outcome = host().complete(slot.position, outcome);
  });
  return slots.map(({ outcome }) => settled(outcome));
}

function settleUnlessToBeSent(call) {
  switch (call.step.tag) {
    case "replay":
      return { ...call, outcome: call.step.outcome };
    case "execute":
      return call;
    case "reconcile": {
      const outcome = reconciled(call, callOf(call.id));
      return outcome === undefined ? call : { ...call, outcome: host().complete(call.position, outcome) };
    }
  }
}

function withIdempotencyKey({ request, id }) {
  if (hasHeader(request, "idempotency-key")) return request;
  return { ...request, headers: [...request.headers, ["Idempotency-Key", id]] };
}

const readAsJson = (response) => response.json();

/** What a call is opened with; refuses a call in the body of another, which a replay would skip. */
function openingOf({ name, args, reconcile }) {
  crossing(name, "the name of a durable call");
  if (bodiesOpen > 0) {
    endAsTrap(`durable call \`${name}\` in the body of another, which a replay would skip: make it before or after`);
  }
  if (reconcile !== undefined) refuseAsync(name, "reconciler", reconcile);
  return { name, argsText: writeJson(args, `the arguments of durable call \`${name}\``), reconcile };
}

function begin({ name, argsText, reconcile }) {
  return reconcile === undefined ? host().begin(name, argsText) : host().beginReconcilable(name, argsText);
}

/** What a body and a reconciler get. */
function callOf(id) {
  return Object.freeze({ id, happened: (value) => new Happened(value) });
}

/** Says of a call that it happened, whatever it gave. */
class Happened {
  constructor(value) {
    this.value = value;
  }
}

/** The outcome that the reconciler found; undefined if the call never happened. */
function reconciled({ name, reconcile }, call) {
  if (reconcile === undefined) {
    const why = `the call \`${name}\` was cut off when it had a reconciler, and has none now: give it one again`;
    throw new Failure("not-reconcilable", why);
  }
  return inBody(() => {
    let found;
    try {
      found = plain(name, reconcile(call));
    } catch (thrown) {
      rethrowTrap();
      // Only a fatal failure says what became of the call. Else it stays open, so that nothing is recorded and the
      // reconciler is asked again.
      if (!(thrown instanceof Failure) || thrown.retryable) throw thrown;
      return { failure: thrown };
    }
    if (found === undefined || found === null) return undefined;
    // An answer that is no JSON is a mistake of the reconciler, which says nothing of the call either.
    const value = found instanceof Happened ? found.value : found;
    return { ok: resultText(value, `the reconciler's answer for durable call \`${name}\``) };
  });
}

let bodiesOpen = 0;

/** Runs what a replay skips. */
function inBody(body) {
  bodiesOpen += 1;
  try {
    return body();
  } finally {
    bodiesOpen -= 1;
  }
}

/** The outcome of a body. */
function outcomeOf(name, body) {
  return inBody(() => {
    try {
      return { ok: resultText(plain(name, body()), `the result of durable call \`${name}\``) };
    } catch (thrown) {
      rethrowTrap();
      if (!(thrown instanceof Failure)) logError(thrown);
      return { failure: failureOf(thrown) };
    }
  });
}

function resultText(value, what) {
  return value === undefined ? "null" : writeJson(value, what);
}

/** What a body gave, if it is not a promise, and nothing went wrong that the body caught. */
function plain(name, value) {
  rethrowTrap();
  if (typeof value?.then !== "function") return value;
  return endAsTrap(`durable call \`${name}\` gave a promise: its body is not async, the functions of ctx block`);
}

/** An outcome as a result; throws the failure. */
function resultOf(outcome) {
  const { status, value, reason } = settled(outcome);
  if (status === "rejected") throw reason;
  return value;
}

/**
 * An outcome as a settled result, as a replay gives it: the first time too, so that an action never sees more than
 * later. Of a failure only its record is left.
 */
function settled({ ok, failure }) {
  if (failure === undefined) return { status: "fulfilled", value: readJson(ok) };
  return { status: "rejected", reason: failureOfRecord(recordOfFailure(failure)) };
}

function refuseAsync(name, part, body) {
  if (typeof body !== "function") throw new TypeError(`durable call \`${name}\`: its ${part} is no function`);
  if (/^(Async|Generator)/.test(Object.getPrototypeOf(body).constructor?.name ?? "")) {
    throw new TypeError(
      `durable call \`${name}\`: its ${part} is an async function or a generator: make it a plain one`,
    );
  }
}
