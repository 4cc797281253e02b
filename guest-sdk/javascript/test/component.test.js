// The component's side of the SDK, over stand-ins for the contract's imports as the engine's bindings have them.

import assert from "node:assert/strict";
import { register } from "node:module";
import test, { afterEach } from "node:test";

import { actions, Failure, on } from "../src/index.js";

/** What the imports answer in the test that runs: `{ "memory.get": () => … }`. */
globalThis.standIns = {};

const HOOKS = `export const resolve = (specifier, context, next) => {
  const [, name] = /^weir:action\\/(.*)@0\\.1\\.0$/.exec(specifier) ?? [];
  if (name === undefined) return next(specifier, context);
  const answer = "(_, method) => (...given) => globalThis.standIns['" + name + ".' + method](...given)";
  return { url: "data:text/javascript,export default new Proxy({}, { get: " + answer + " })", shortCircuit: true };
};`;
register(`data:text/javascript,${encodeURIComponent(HOOKS)}`);

const saved = Object.getOwnPropertyDescriptors(globalThis);
const savedRandom = Math.random;
const { componentOf } = await import("../src/component.js");
Math.random = savedRandom;
for (const name of ["Date", "performance", "crypto", "console", "fetch", "setTimeout", "setInterval", "setImmediate"]) {
  Object.defineProperty(globalThis, name, saved[name]);
}
globalThis.queueMicrotask = saved.queueMicrotask.value;

afterEach(() => {
  globalThis.standIns = {};
});

/** Runs a body as the component's action, and gives what `invoke` threw; undefined if it completed. */
function invoke(standIns, body, event = { id: "e", kind: "input", payload: "null" }) {
  globalThis.standIns = standIns;
  const { invoke } = componentOf(actions({ a: on("input", (payload, ctx) => void body(ctx, payload)) }));
  try {
    invoke("a", event);
  } catch (thrown) {
    return thrown;
  }
}

const thrower = (payload) => () => {
  throw Object.assign(new Error("see error.payload"), { payload });
};

test("describe asks nothing of the host", () => {
  const { describe } = componentOf(actions({ a: on("x", () => {}) }));
  assert.deepEqual(JSON.parse(describe()).actions, [{ name: "a", listens_to: ["x"] }]);
  assert.throws(() => componentOf({}), /not made by actions/);
});

test("a failure crosses as the contract's record, its wait as the bits of a u32", () => {
  const options = { retryAfterMs: 0xffff_ffff, details: { n: 1n } };
  assert.deepEqual(
    invoke({}, () => {
      throw new Failure("busy", "half \ud800", options);
    }),
    { retryable: true, retryAfterMs: -1, kind: "busy", message: "half \ufffd", details: '{"n":1}' },
  );
});

test("numbers of 32 bits come in as what they are", () => {
  const failure = { retryable: true, retryAfterMs: -1, kind: "busy", message: "m", details: "[1]" };
  const begun = { position: 0, id: "i", step: { tag: "replay", val: { tag: "err", val: failure } } };
  const standIns = { "invocation.randomU32": () => -1, "durable-call.begin": () => begun };
  const thrown = invoke(standIns, (ctx) => {
    assert.equal(ctx.randomU32(), 0xffff_ffff);
    assert.throws(() => ctx.durable("f", 1, () => 2), { kind: "busy", retryAfterMs: 0xffff_ffff, details: [1] });
  });
  assert.equal(thrown, undefined);
});

test("a payload that can't be read is a failure that says so", () => {
  const event = { id: "e", kind: "input", payload: '{"n":[1,-1e400]}' };
  const { kind, message, retryable } = invoke({}, () => assert.fail("it is not run"), event);
  assert.deepEqual([kind, retryable], ["payload", false]);
  assert.match(message, /^the payload of this `input` event can't be read: the number -1e400 is too large/);
});

test("an absent value is undefined", () => {
  const none = () => null;
  const standIns = {
    "memory.get": none,
    "memory.fields": none,
    "invocation.header": none,
    "invocation.sourceTimestampMs": none,
    "config.get": none,
  };
  const thrown = invoke(standIns, (ctx) => {
    const seen = [ctx.memory.get("a"), ctx.memory.fields("a"), ctx.header("a"), ctx.sourceTimestampMs, ctx.config("a")];
    assert.deepEqual(seen, Array(5).fill(undefined));
  });
  assert.equal(thrown, undefined);
});

test("what memory refuses is a failure of its kind", () => {
  for (const tag of ["invalid-path", "type-mismatch", "other"]) {
    const thrown = invoke({ "memory.get": thrower({ tag, val: "why" }) }, (ctx) => ctx.memory.get("a"));
    assert.deepEqual([thrown.kind, thrown.message, thrown.retryable], [`memory/${tag}`, "why", false]);
  }
});

test("an outcome crosses as it is, and what was recorded instead is what counts", () => {
  const completed = [];
  const instead = { retryable: false, retryAfterMs: null, kind: "limit", message: "too large", details: null };
  const standIns = {
    "durable-call.begin": () => ({ position: 7, id: "i", step: { tag: "execute" } }),
    "durable-call.complete": (position, outcome) => {
      completed.push([position, outcome]);
      return completed.length === 1 ? null : instead;
    },
  };
  const thrown = invoke(standIns, (ctx) => {
    assert.deepEqual(
      ctx.durable("f", { a: 1 }, ({ id }) => [id]),
      ["i"],
    );
    ctx.durable("g", null, () => {
      throw new Failure("k", "m");
    });
  });
  const record = { retryable: false, retryAfterMs: null, kind: "k", message: "m", details: null };
  assert.deepEqual(completed, [
    [7, { tag: "ok", val: '["i"]' }],
    [7, { tag: "err", val: record }],
  ]);
  assert.deepEqual(thrown, instead);
});

test("a failure in a body is seen as it crossed, and not as it was thrown", () => {
  class Declined extends Failure {
    card = 7;
  }
  const standIns = {
    "durable-call.begin": () => ({ position: 0, id: "i", step: { tag: "execute" } }),
    "durable-call.complete": () => null,
    "http.sendAll": () => [{ tag: "ok", val: { status: 204, headers: [], body: { tag: "none" } } }],
  };
  const fails = () => {
    throw new Declined("declined", "no funds", { retryAfterMs: 5, details: [1n] });
  };
  const seen = [];
  const thrown = invoke(standIns, (ctx) => {
    try {
      ctx.durable("f", null, fails);
    } catch (failure) {
      seen.push(failure);
    }
    seen.push(ctx.durableAllSettled([{ name: "g", args: 1, request: "https://x/", read: fails }])[0].reason);
  });
  assert.equal(thrown, undefined);
  for (const failure of seen) {
    assert.deepEqual([failure.constructor, "card" in failure], [Failure, false]);
    const { kind, message, retryable, retryAfterMs, details } = failure;
    assert.deepEqual([kind, message, retryable, retryAfterMs, details], ["declined", "no funds", true, 5, [1]]);
  }
  assert.equal(seen.length, 2);
});

test("requests and responses cross as the contract has them", () => {
  const sent = [];
  const standIns = {
    "http.send": (request) => {
      sent.push(request);
      return { status: 200, headers: [["a", "b"]], body: { tag: "bytes", val: new Uint8Array([1]) } };
    },
    "http.sendAll": (requests) => [
      { tag: "ok", val: { status: 204, headers: [], body: { tag: "none" } } },
      { tag: "err", val: { tag: "timeout", val: undefined } },
      { tag: "ok", val: { status: 200, headers: [], body: { tag: "text", val: requests[2].body.val } } },
    ],
  };
  const thrown = invoke(standIns, (ctx) => {
    const response = ctx.fetch("https://x/", { timeoutMs: 0xffff_ffff, headers: { c: "d" } });
    assert.deepEqual([response.headers.get("A"), response.bytes()], ["b", new Uint8Array([1])]);
    ctx.put("https://x/", "é");
    ctx.fetch("https://x/", { method: "POST", body: new Uint8Array([0, 255]) });
    const [none, late, text] = ctx.fetchAllSettled(["https://1/", "https://2/", { url: "https://3/", body: "t" }]);
    assert.deepEqual([none.value.text(), late.reason.kind, text.value.text()], ["", "http/timeout", "t"]);
  });
  assert.equal(thrown, undefined);
  const json = [["Content-Type", "application/json"]];
  const common = { url: "https://x/", timeoutMs: null };
  assert.deepEqual(sent, [
    { ...common, method: "GET", headers: [["c", "d"]], body: { tag: "none" }, timeoutMs: -1 },
    { ...common, method: "PUT", headers: json, body: { tag: "text", val: '"é"' } },
    { ...common, method: "POST", headers: [], body: { tag: "bytes", val: new Uint8Array([0, 255]) } },
  ]);
});

test("no response is a failure", () => {
  const thrown = invoke({ "http.send": thrower({ tag: "denied", val: "not granted" }) }, (ctx) =>
    ctx.get("https://x/"),
  );
  assert.deepEqual([thrown.kind, thrown.message], ["http/denied", "https://x/: not granted"]);
});

test("misuse ends as a trap: an error that is no record, and whose places are in the log", () => {
  const lines = [];
  const standIns = {
    "durable-call.begin": () => ({ position: 0, id: "i", step: { tag: "execute" } }),
    "log.write": (level, message) => lines.push([level, message]),
  };
  const thrown = invoke(standIns, (ctx) => {
    try {
      ctx.durable("outer", null, () => ctx.durable("inner", null, () => 1));
    } catch {
      // swallowed
    }
  });
  assert.ok(thrown instanceof Error);
  assert.match(thrown.message, /^durable call `inner` in the body of another/);
  assert.equal(thrown.stack, "");
  assert.equal(lines.length, 1);
  assert.match(lines[0][1], /^Trap: durable call `inner`.*component\.test\.js/s);
});

test("the next invocation of an instance knows nothing of a trap before it", () => {
  const standIns = {
    "durable-call.begin": () => ({ position: 0, id: "i", step: { tag: "execute" } }),
    "log.write": () => {},
  };
  const body = (ctx) => ctx.durable("outer", null, () => ctx.durable("inner", null, () => 1));
  assert.ok(invoke(standIns, body) instanceof Error);
  assert.equal(
    invoke({ "events.emit": () => "id" }, (ctx) => assert.equal(ctx.output(1), "id")),
    undefined,
  );
});
