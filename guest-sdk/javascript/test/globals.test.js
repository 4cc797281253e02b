import assert from "node:assert/strict";
import test from "node:test";

import { installGlobals } from "../src/globals.js";
import { on } from "../src/index.js";
import { TestKey } from "../src/testing/index.js";

const draws = on("input", (_, ctx) => {
  ctx.output([
    Math.random(),
    crypto.randomUUID(),
    Array.from(crypto.getRandomValues(new Uint16Array(3))),
    ctx.randomU32(),
  ]);
});

test("randomness is the same again on replay, and another for each task", () => {
  const key = new TestKey("k");
  const first = key.run(draws, null).outputs[0];
  assert.deepEqual(key.again().outputs[0], first);
  const [number, uuid, values] = first;
  assert.ok(number >= 0 && number < 1);
  assert.match(uuid, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.ok(values.some((value) => value > 255));
  const other = key.run(draws, null).outputs[0];
  assert.notEqual(other[0], number);
  assert.notEqual(other[1], uuid);
});

test("draws in a skipped body change nothing after it", () => {
  const key = new TestKey("k");
  const around = on("input", (_, ctx) => {
    const inside = ctx.durable("draw", null, () => [Math.random(), Date.now(), Math.random()]);
    ctx.output([inside, Math.random(), Date.now()]);
  });
  const first = key.run(around, null).outputs;
  assert.deepEqual(key.again().outputs, first);
  assert.equal(key.calls[0].replayed, true);
});

test("the date is the key's", () => {
  const key = new TestKey("k");
  key.at(1_000_000_000_000);
  const reads = on("input", (_, ctx) => {
    assert.ok(new Date() instanceof Date);
    assert.match(Date(), /2001/);
    class Day extends Date {}
    assert.ok(new Day() instanceof Day);
    assert.equal(new Day().getTime(), 1_000_000_000_000);
    assert.equal(performance.now(), Date.now());
    ctx.output([
      Date.now(),
      new Date(),
      new Date(2020, 1, 1).getFullYear(),
      Date.UTC(2020),
      Date.parse("2020-01-01"),
      ctx.nowMs(),
    ]);
  });
  assert.deepEqual(key.run(reads, null).outputs[0], [
    1_000_000_000_000,
    "2001-09-09T01:46:40.000Z",
    2020,
    Date.UTC(2020),
    Date.parse("2020-01-01"),
    1_000_000_000_000,
  ]);
  assert.ok(Math.abs(Date.now() - performance.timeOrigin) < 3_600_000, "the test's own clock is back");
});

test("the console writes to the log", (t) => {
  for (const method of ["log", "debug", "warn", "error", "info"]) t.mock.method(console, method, () => {});
  const key = new TestKey("k");
  const says = on("input", () => {
    console.log("n is %d of %s, %j", 1, "two", { a: 1 }, 3n, undefined);
    console.debug({ n: 5n, f: says, s: new Set([1]), nested: new Map([["a", 1]]) });
    console.warn("100%", "half \ud800");
    console.assert(1 === 1, "never");
    console.assert(false, "no");
    console.error(new RangeError("deep"));
  });
  key.run(says, null);
  assert.deepEqual(key.logs.slice(0, 4), [
    { level: "info", message: 'n is 1 of two, {"a":1} 3n undefined' },
    {
      level: "debug",
      message: '{"n":"5n","f":{"listensTo":["input"],"run":"[function ]"},"s":[1],"nested":[["a",1]]}',
    },
    { level: "warn", message: "100% half \ufffd" },
    { level: "error", message: "Assertion failed: no" },
  ]);
  assert.match(key.logs[4].message, /^RangeError: deep\n.*globals\.test\.js/s);
});

test("what an action can't have says what to use", () => {
  for (const [name, advice] of [
    ["fetch", /ctx\.fetch/],
    ["setTimeout", /retryAfterMs/],
    ["setInterval", /emit/],
    ["setImmediate", /call/],
    ["queueMicrotask", /call/],
  ]) {
    const body = on("x", () => globalThis[name](() => {}, 1));
    assert.throws(() => new TestKey("k").run(body, null), { kind: "error", message: advice }, name);
  }
});

test("what would be baked into the component is refused while the module loads", () => {
  const putBack = installGlobals();
  const thrown = [() => Math.random(), () => crypto.randomUUID(), () => Date.now(), () => new Date()].map((draw) => {
    try {
      draw();
    } catch (error) {
      return error.message;
    }
  });
  const dated = new Date(0).toISOString();
  console.log("reaches nobody");
  putBack();
  for (const message of thrown) assert.match(message, /outside an action would be the same for ever/);
  assert.equal(dated, "1970-01-01T00:00:00.000Z");
});
