import assert from "node:assert/strict";
import test from "node:test";

import { actions, on } from "../src/index.js";
import { TestKey } from "../src/testing/index.js";

/** Runs a body as an action on the key. */
function run(key, body) {
  return key.run(
    on("input", (payload, ctx) => body(ctx)),
    null,
  );
}

/** What the body gives, as the action's output. */
function outputOf(body, key = new TestKey("k")) {
  return run(key, (ctx) => ctx.output(body(ctx))).outputs[0];
}

test("an action reads what it set, others what it left", () => {
  const key = new TestKey("k");
  run(key, ({ memory }) => {
    memory.set("order.items", [{ count: 3 }]);
    assert.deepEqual(memory.get("order"), { items: [{ count: 3 }] });
    assert.equal(
      memory.update("order.total", (n) => n + 5, 0),
      5,
    );
    assert.equal(
      memory.update("order.total", (n) => n + 5, 0),
      10,
    );
  });
  assert.deepEqual(key.memory.get(""), { order: { items: [{ count: 3 }], total: 10 } });
  assert.deepEqual(
    outputOf(({ memory }) => memory.fields("order"), key),
    ["items", "total"],
  );
});

test("nothing is undefined, null is a value", () => {
  const key = new TestKey("k");
  run(key, ({ memory }) => {
    assert.equal(memory.get("count"), undefined);
    assert.equal(memory.get("count") ?? 0, 0);
    assert.equal(memory.fields("count"), undefined);
    memory.set("nothing", null);
    assert.equal(memory.get("nothing"), null);
    assert.equal(memory.has("nothing"), true);
    assert.equal(
      memory.update("nothing", (value) => value, 5),
      null,
    );
    assert.equal(memory.delete("nothing"), true);
    assert.equal(memory.delete("nothing"), false);
  });
});

test("a failed action leaves memory as it was", () => {
  const key = new TestKey("k");
  key.memory.set("count", 1);
  const fails = on("input", (_, { memory, sensory }) => {
    memory.set("count", 2);
    sensory.set("step", 1);
    throw new Error("no");
  });
  assert.throws(() => key.run(fails, null), { kind: "error", message: "no" });
  assert.equal(key.memory.get("count"), 1);
  assert.equal(key.sensory.has("step"), false);
});

test("sensory memory lasts for the run", () => {
  const { first, next } = actions({
    first: on("input", (_, { sensory }) => sensory.set("step", 1)),
    next: on("next", (_, ctx) => ctx.output(ctx.sensory.get("step") ?? "none")),
  });
  const key = new TestKey("k");
  key.run(first, null);
  assert.deepEqual(key.follow(next, null).outputs, [1]);
  assert.deepEqual(key.run(next, null).outputs, ["none"]);
});

test("names of a list need no escaping", () => {
  const key = new TestKey("k");
  run(key, ({ memory }) => memory.set(["seen", "a.b\\c", 7], true));
  assert.deepEqual(key.memory.get(""), { seen: { "a.b\\c": { 7: true } } });
  assert.equal(key.memory.get("seen.a\\.b\\\\c.7"), true);
  assert.equal(key.memory.get([])?.seen !== undefined, true);
});

test("a path that is none is a failure, and the action may catch it", () => {
  for (const path of ["a..b", ".", "a.", "a\\b", ["a", ""], [""], undefined, 5, "\ud800"]) {
    assert.throws(
      () => run(new TestKey("k"), ({ memory }) => memory.get(path)),
      { kind: "memory/invalid-path" },
      String(path),
    );
  }
  const caught = outputOf(({ memory }) => {
    try {
      return memory.get("a..b");
    } catch (failure) {
      return failure.kind;
    }
  });
  assert.equal(caught, "memory/invalid-path");
});

test("a value goes neither over an object nor below a value", () => {
  const key = new TestKey("k");
  key.memory.set("a.b", 1);
  for (const path of ["a", "", "a.b.c"]) {
    const kind = "memory/type-mismatch";
    assert.throws(() => run(key, ({ memory }) => memory.set(path, 2)), { kind }, path);
  }
  assert.throws(() => run(key, ({ memory }) => memory.newObject("a.b")), { kind: "memory/type-mismatch" });
  assert.equal(key.memory.get("a.b.c"), undefined);
});

test("fields come in the order of their bytes, and an emptied object stays", () => {
  const key = new TestKey("k");
  run(key, ({ memory }) => {
    for (const name of ["é", "z", "Z", "\u{1F600}", "\uffff"]) memory.set(["o", name], 1);
    memory.newObject("empty");
    memory.set("left.one", 1);
    memory.delete("left.one");
  });
  assert.deepEqual(key.memory.fields("o"), ["Z", "z", "é", "\uffff", "\u{1F600}"]);
  assert.deepEqual(key.memory.fields(), ["empty", "left", "o"]);
  assert.deepEqual(key.memory.get("left"), {});
});

test("text is kept as it is", () => {
  const key = new TestKey("k");
  run(key, ({ memory }) => memory.setText("rate", "1.10"));
  assert.equal(key.memory.getText("rate"), "1.10");
  assert.equal(key.memory.get("rate"), 1.1);
  assert.throws(() => run(key, ({ memory }) => memory.setText("rate", "1,1")), { kind: "json" });
  run(key, ({ memory }) => memory.setText("rate", "1e400"));
  assert.equal(key.memory.getText("rate"), "1e400");
  assert.throws(() => run(key, ({ memory }) => memory.get("rate")), { kind: "json", message: /^the number 1e400 is/ });
});
