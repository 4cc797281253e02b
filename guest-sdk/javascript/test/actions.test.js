import assert from "node:assert/strict";
import test from "node:test";

import { describe, failureOfInvoke } from "../src/actions.js";
import { actions, Failure, on, onText } from "../src/index.js";
import { TestKey } from "../src/testing/index.js";

const nothing = () => {};

test("describe lists actions in their order, with their kinds", () => {
  const { sdk, actions: listed } = JSON.parse(
    describe(actions({ b: on(["x", "y"], nothing), a: on("input", nothing) })),
  );
  assert.match(sdk, /^javascript \d/);
  assert.deepEqual(listed, [
    { name: "b", listens_to: ["x", "y"] },
    { name: "a", listens_to: ["input"] },
  ]);
});

test("an action that takes its payload as text gets it as it is", () => {
  const payload = '{"n": 1.0, "m": 1E400}';
  const seen = [];
  const definitions = actions({ a: onText(["x", "y"], (text, ctx) => seen.push(text, ctx.eventText)) });
  assert.deepEqual(JSON.parse(describe(definitions)).actions, [{ name: "a", listens_to: ["x", "y"] }]);
  assert.equal(failureOfInvoke(definitions, "a", { id: "e", kind: "x", payload }), undefined);
  assert.deepEqual(seen, [payload, payload]);
  new TestKey("k").run(definitions.a, { n: 1n });
  assert.equal(seen[2], '{"n":1}');
  assert.throws(() => actions({ a: onText("x", async () => {}) }), /^TypeError: action `a` is async/);
  assert.throws(() => onText("x"), /^TypeError: onText\("x"\): an action is a function/);
  assert.throws(() => onText("", nothing), /^TypeError: onText: "" is no event kind/);
});

test("an unknown action is a failure that names it", () => {
  const event = { id: "e", kind: "x", payload: "1" };
  for (const name of ["c", "toString"]) {
    const { kind, message, retryable } = failureOfInvoke(actions({ a: on("x", nothing) }), name, event);
    assert.deepEqual([kind, message, retryable], ["unknown-action", `this component has no action \`${name}\``, false]);
  }
});

test("what is no action is refused by name", () => {
  const message = (definitions) => {
    try {
      actions(definitions);
    } catch (error) {
      return error.message;
    }
  };
  assert.match(message({ page: on("x", async () => {}) }), /^action `page` is async: make it a plain function/);
  assert.match(message({ page: on("x", function* () {}) }), /^action `page` is a generator/);
  assert.match(message({ page: on("x", async function* () {}) }), /^action `page` is a generator/);
  assert.match(message({ page: nothing }), /^action `page` is not made by on/);
  assert.match(message({ 1: on("x", nothing) }), /^action `1`: a name of digits only/);
  assert.throws(() => on([], nothing), /no event kind/);
  assert.throws(() => on("", nothing), /no event kind/);
  assert.throws(() => on("x"), /an action is a function/);
});

test("a promise that an action returns is a failure", () => {
  const key = new TestKey("k");
  const { waits } = actions({
    waits: on("x", (_, ctx) => {
      ctx.memory.set("a", 1);
      return Promise.resolve(1);
    }),
  });
  const message = /^action `waits` returned a promise/;
  assert.throws(() => key.run(waits, null), { kind: "async", retryable: false, message });
  assert.equal(key.memory.has("a"), false);
});

test("an error is a fatal failure, and its places are in the log", () => {
  const key = new TestKey("k");
  const failing = on("x", () => {
    null.member;
  });
  assert.throws(() => key.run(failing, null), { kind: "error", retryable: false, message: /^TypeError: .*null/ });
  assert.throws(
    () => key.run(failing, null),
    ({ cause }) => cause instanceof TypeError,
  );
  assert.equal(key.logs.length, 1);
  assert.equal(key.logs[0].level, "error");
  assert.match(key.logs[0].message, /TypeError: .*\n.*actions\.test\.js:\d+/s);
  const cause = on("x", () => {
    throw new Error("no receipt", { cause: new RangeError("too long") });
  });
  assert.throws(() => key.run(cause, null), { kind: "error", message: "no receipt: RangeError: too long" });
  assert.throws(
    () =>
      key.run(
        on("x", () => {
          throw "a text";
        }),
        null,
      ),
    { kind: "error", message: "a text" },
  );
  assert.throws(
    () =>
      key.run(
        on("x", () => {
          throw { code: 5 };
        }),
        null,
      ),
    { kind: "error", message: '{"code":5}' },
  );
});

test("whatever is thrown is a failure, in a body too: undefined, and what can't be read", () => {
  const unreadable = (name) => {
    const get = () => assert.fail("a getter throws");
    return Object.defineProperty(new Error("m"), name, { get });
  };
  const loop = Object.create(null);
  loop.self = loop;
  const cases = [
    [undefined, "undefined was thrown"],
    [null, "null was thrown"],
    [0, "0"],
    [unreadable("message"), "an error was thrown whose name and message can't be read"],
    [unreadable("name"), "an error was thrown whose name and message can't be read"],
    [unreadable("stack"), "m"],
    [Object.assign(new Error("m"), { message: Symbol("s") }), "an error was thrown whose name and message can't be read"],
    [loop, "[an object that can't be shown]"],
  ];
  for (const [thrown, message] of cases) {
    const fail = () => {
      throw thrown;
    };
    for (const body of [fail, (_, ctx) => ctx.durable("d", null, fail)]) {
      const key = new TestKey("k");
      const definitions = actions({ a: on("x", body) });
      assert.throws(() => key.run(definitions.a, null), { kind: "error", message, retryable: false });
      assert.deepEqual(
        key.logs.map(({ level }) => level),
        ["error"],
      );
    }
    const failure = failureOfInvoke(actions({ a: on("x", fail) }), "a", { id: "e", kind: "x", payload: "1" });
    assert.deepEqual([failure.kind, failure.message, failure.retryable], ["error", message, false]);
  }
});

test("a failure says all of itself", () => {
  const key = new TestKey("k");
  const failure = new Failure("busy", "come back", { retryAfterMs: 4999.5, details: { n: 12345678901234567890n } });
  assert.deepEqual(
    [failure.retryable, failure.retryAfterMs, failure.details],
    [true, 5000, { n: 12345678901234567890n }],
  );
  assert.ok(failure instanceof Error);
  assert.equal(String(failure), "Failure: come back");
  assert.throws(
    () =>
      key.run(
        on("x", () => {
          throw failure;
        }),
        null,
      ),
    failure,
  );
  assert.deepEqual(key.logs, []);
  assert.equal(Failure.fatal("k", "m").retryable, false);
  assert.equal(new Failure("k", "m").retryable, false);
  assert.equal(Failure.retryable("k", "m").retryable, true);
  assert.throws(() => new Failure("k", "m", { retry_after: 5 }), /no option `retry_after`/);
  assert.throws(() => new Failure("k", "m", { retryAfterMs: -1 }), /give milliseconds/);
  assert.throws(() => new Failure("k", "m", { details: NaN }), { kind: "json" });
});

test("events and outputs leave in order, with ids that a replay gives again", () => {
  const key = new TestKey("k");
  const ids = [];
  const emits = on("input", (order, ctx) => {
    ids.push(ctx.emit("a", order), ctx.emit("b", { at: undefined }), ctx.output([order]));
    ids.push(ctx.emitText("c", "1.0"));
  });
  const { events, outputs } = key.run(emits, { n: 2n ** 64n });
  assert.deepEqual(
    events.map(({ kind }) => kind),
    ["a", "b", "c"],
  );
  assert.deepEqual(events[0].payload, { n: 2n ** 64n });
  assert.deepEqual(outputs, [[{ n: 2n ** 64n }]]);
  assert.equal(new Set(ids).size, 4);
  key.again();
  assert.deepEqual(ids.slice(4), ids.slice(0, 4));
  assert.throws(
    () =>
      key.run(
        on("x", (_, ctx) => ctx.output()),
        null,
      ),
    { kind: "json", message: /^the output is undefined/ },
  );
  assert.throws(
    () =>
      key.run(
        on("x", (_, ctx) => ctx.emitText("c", "{")),
        null,
      ),
    { kind: "json" },
  );
  assert.throws(
    () =>
      key.run(
        on("x", (_, ctx) => ctx.emit("\udc00", 1)),
        null,
      ),
    { kind: "error", message: /surrogate/ },
  );
});

test("an action sees where it stands", () => {
  const key = new TestKey("Taiwan", { config: { limit: "10" }, headers: { tenant: "t" } });
  key.at(new Date("2026-01-02T03:04:05Z"));
  const where = on(["swarm", "input"], (_, ctx) => {
    ctx.output([ctx.key, ctx.keyIsText, ctx.sequenceNumber, ctx.eventKind, ctx.eventText, ctx.sourceTimestampMs]);
    ctx.output([ctx.header("tenant"), ctx.header("other") ?? null, ctx.config("limit"), ctx.requiredConfig("limit")]);
  });
  key.run(where, { n: 1 });
  assert.deepEqual(key.run(where, { n: 1 }).outputs, [
    ["Taiwan", true, 1, "swarm", '{"n":1}', Date.UTC(2026, 0, 2, 3, 4, 5)],
    ["t", null, "10", "10"],
  ]);
  const wants = on("x", (_, ctx) => ctx.requiredConfig("url"));
  assert.throws(() => key.run(wants, null), { kind: "config", message: /config\.url/ });
});
