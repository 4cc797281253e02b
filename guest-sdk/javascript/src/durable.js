import { Failure, failureOf } from "./failure.js";
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
  const call = Object.freeze({ id });
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
  return resultOf(host().complete(position, outcomeOf(name, () => body(call))));
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
      const outcome = reconciled(call, Object.freeze({ id: call.id }));
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

/** The outcome that the reconciler found; undefined if the call never happened. */
function reconciled({ name, reconcile }, call) {
  if (reconcile === undefined) {
    const why = `the call \`${name}\` was cut off when it had a reconciler, and has none now: give it one again`;
    throw new Failure("not-reconcilable", why);
  }
  let isFound = false;
  const outcome = outcomeOf(name, () => {
    const found = reconcile(call);
    isFound = found !== undefined && found !== null;
    return found;
  });
  if (outcome.failure === undefined) return isFound ? outcome : undefined;
  // Nobody knows as yet: the call stays open, so that nothing is recorded and the reconciler is asked again.
  if (outcome.failure.retryable) throw outcome.failure;
  return outcome;
}

let bodiesOpen = 0;

/** Runs what a replay skips, and gives its outcome. */
function outcomeOf(name, body) {
  bodiesOpen += 1;
  try {
    const value = body();
    rethrowTrap();
    if (typeof value?.then === "function") {
      endAsTrap(`durable call \`${name}\` gave a promise: its body is not async, the functions of ctx block`);
    }
    return { ok: value === undefined ? "null" : writeJson(value, `the result of durable call \`${name}\``) };
  } catch (thrown) {
    rethrowTrap();
    if (!(thrown instanceof Failure)) logError(thrown);
    return { failure: failureOf(thrown) };
  } finally {
    bodiesOpen -= 1;
  }
}

/** An outcome as a result, as a replay gives it: the first time too, so that an action never sees more than later. */
function resultOf({ ok, failure }) {
  if (failure !== undefined) throw failure;
  return readJson(ok);
}

function settled({ ok, failure }) {
  return failure === undefined ? { status: "fulfilled", value: readJson(ok) } : { status: "rejected", reason: failure };
}

function refuseAsync(name, part, body) {
  if (typeof body !== "function") throw new TypeError(`durable call \`${name}\`: its ${part} is no function`);
  if (/^(Async|Generator)/.test(Object.getPrototypeOf(body).constructor?.name ?? "")) {
    throw new TypeError(`durable call \`${name}\`: its ${part} is an async function or a generator: make it a plain one`);
  }
}
