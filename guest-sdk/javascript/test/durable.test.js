import assert from "node:assert/strict";
import test from "node:test";

import { Failure, on } from "../src/index.js";
import { TestKey } from "../src/testing/index.js";

const action = (body) => on("input", (payload, ctx) => body(ctx, payload));

test("a result is recorded, and given again without running the body", () => {
  let runs = 0;
  const key = new TestKey("k");
  const quotes = action((ctx, order) => {
    ctx.output(ctx.durable("quote", order, (call) => ({ run: ++runs, id: call.id, left: undefined, big: 2n ** 70n })));
  });
  const { outputs } = key.run(quotes, { n: 1 });
  assert.deepEqual(Object.keys(outputs[0]), ["run", "id", "big"]);
  assert.equal(outputs[0].big, 2n ** 70n);
  assert.deepEqual(key.again().outputs, outputs);
  assert.equal(runs, 1);
  assert.deepEqual(key.calls, [{ name: "quote", replayed: true, result: outputs[0] }]);
});

test("a body that gives nothing gives null, the first time too", () => {
  const key = new TestKey("k");
  const sends = action((ctx) => ctx.output([ctx.durable("send", [], () => {}), ctx.durable("send", [], () => null)]));
  assert.deepEqual(key.run(sends, null).outputs, [[null, null]]);
  assert.deepEqual(key.again().outputs, [[null, null]]);
});

test("a failure is recorded whole, caught by the action, and replayed", () => {
  let runs = 0;
  const key = new TestKey("k");
  const charges = action((ctx) => {
    try {
      ctx.durable("charge", null, () => {
        runs += 1;
        throw new Failure("declined", "no funds", { details: { cents: 5 } });
      });
    } catch (failure) {
      assert.ok(failure instanceof Failure);
      ctx.output([failure.kind, failure.message, failure.details]);
    }
  });
  const { outputs } = key.run(charges, null);
  assert.deepEqual(outputs, [["declined", "no funds", { cents: 5 }]]);
  assert.deepEqual(key.again().outputs, outputs);
  assert.equal(runs, 1);
});

test("an error in a body is its outcome, and a replay gives the same", () => {
  const key = new TestKey("k");
  const seen = [];
  const reads = action((ctx) => {
    try {
      ctx.durable("read", null, () => JSON.parse("{"));
    } catch (failure) {
      seen.push([failure.constructor, failure.kind, failure.message]);
    }
  });
  key.run(reads, null);
  assert.match(key.logs[0].message, /SyntaxError: .*durable\.test\.js/s);
  key.again();
  assert.deepEqual(key.logs, []);
  assert.deepEqual(seen[0].slice(0, 2), [Failure, "error"]);
  assert.deepEqual(seen[1], seen[0]);
});

test("a failure of a class of its own is seen as it is recorded, the first time too", () => {
  class Declined extends Failure {
    constructor(card) {
      super("declined", "no funds", { details: { card } });
      this.card = card;
      this.cause = new Error("by the bank");
    }
  }
  const own = ({ constructor, cause, card, kind, details }) => [constructor, cause, card, kind, details];
  const recorded = [Failure, undefined, undefined, "declined", { card: 7 }];
  const key = new TestKey("k");
  key.onRequest(() => ({ json: 1 }));
  const seen = [];
  const fails = () => {
    throw new Declined(7);
  };
  const charges = action((ctx) => {
    try {
      ctx.durable("charge", null, fails);
    } catch (failure) {
      seen.push(own(failure));
      failure.kind = "changed by the action";
    }
    const [settled] = ctx.durableAllSettled([{ name: "charge", args: 1, request: SHOPS[0], read: fails }]);
    seen.push(own(settled.reason));
  });
  key.run(charges, null);
  key.again();
  key.again();
  assert.deepEqual(seen, Array(6).fill(recorded));
  assert.deepEqual(
    key.calls.map(({ failure }) => own(failure)),
    [recorded, recorded],
  );
});

test("a reconciler's failure of a class of its own is seen as it is recorded", () => {
  class Refused extends Failure {}
  const seen = [];
  const key = new TestKey("k");
  const fails = () => {
    throw new Refused("refused", "by the bank");
  };
  const charges = action((ctx) => {
    try {
      ctx.durable("charge", null, () => 1, { reconcile: fails });
    } catch (failure) {
      if (failure.kind === "crash") throw failure;
      seen.push(failure.constructor);
    }
  });
  key.crashIn("charge");
  assert.throws(() => key.run(charges, null), { kind: "crash" });
  key.again();
  key.again();
  assert.deepEqual(seen, [Failure, Failure]);
  assert.equal(key.calls[0].failure.constructor, Failure);
});

test("a retryable failure that ends the attempt is not recorded, one that the action passes is", () => {
  let runs = 0;
  const busy = () => {
    runs += 1;
    throw Failure.retryable("busy", "come back");
  };
  const key = new TestKey("k");
  assert.throws(
    () =>
      key.run(
        action((ctx) => ctx.durable("ask", 1, busy)),
        null,
      ),
    { kind: "busy", retryable: true },
  );
  assert.throws(() => key.again(), { kind: "busy" });
  assert.equal(runs, 2);
  const passes = action((ctx) => {
    assert.throws(() => ctx.durable("ask", 1, busy), { kind: "busy" });
    ctx.durable("then", 2, () => "went on");
  });
  key.run(passes, null);
  key.again();
  assert.equal(runs, 3);
  assert.deepEqual(
    key.calls.map(({ name, replayed }) => [name, replayed]),
    [
      ["ask", true],
      ["then", true],
    ],
  );
});

test("a call that is tried again in a loop keeps its id, another has its own", () => {
  const ids = [];
  const asks = action((ctx) => {
    for (let tries = 0; tries < 3; tries++) {
      try {
        ctx.durable("ask", 1, (call) => {
          ids.push(call.id);
          if (tries < 2) throw Failure.retryable("busy", "come back");
        });
      } catch {
        // again
      }
    }
    ctx.durable("ask", 1, (call) => ids.push(call.id));
  });
  new TestKey("k").run(asks, null);
  assert.equal(ids[0], ids[1]);
  assert.equal(ids[0], ids[2]);
  assert.notEqual(ids[0], ids[3]);
});

test("an action that asks for other calls than were recorded fails as a divergence", () => {
  const key = new TestKey("k");
  key.run(
    action((ctx) => ctx.durable("a", { x: 1, y: [2] }, () => 1)),
    null,
  );
  assert.deepEqual(key.again(action((ctx) => ctx.output(ctx.durable("a", { y: [2], x: 1 }, () => 2)))).outputs, [1]);
  for (const other of [
    (ctx) => ctx.durable("b", { x: 1, y: [2] }, () => 1),
    (ctx) => ctx.durable("a", { x: 1, y: [3] }, () => 1),
    () => {},
  ]) {
    assert.throws(() => key.again(action(other)), { kind: "divergence", retryable: false });
  }
});

test("what a replay would skip is refused in a body, whatever the action catches", () => {
  for (const [change, message] of [
    [(ctx) => ctx.memory.set("a", 1), /memory\.set while the durable call `outer` is open/],
    [(ctx) => ctx.memory.delete("a"), /memory\.delete/],
    [(ctx) => ctx.sensory.newObject("a"), /memory\.newObject/],
    [(ctx) => ctx.emit("a", 1), /emit/],
    [(ctx) => ctx.durable("inner", null, () => 1), /durable call `inner` in the body of another/],
    [
      (ctx) => ctx.durableAll([{ name: "inner", args: null, request: "https://x/" }]),
      /durable call `inner` in the body/,
    ],
  ]) {
    const key = new TestKey("k");
    const tries = action((ctx) => {
      try {
        ctx.durable("outer", null, () => {
          try {
            change(ctx);
          } catch {
            // swallowed
          }
        });
      } catch {
        // swallowed
      }
    });
    assert.throws(() => key.run(tries, null), { kind: "trap", message });
    assert.deepEqual(key.calls, []);
    const looks = action((ctx) => ctx.durable("outer", null, () => ctx.memory.get("a") ?? "not there"));
    key.again(looks);
    assert.equal(key.calls[0].result, "not there");
  }
});

test("a body or a reconciler that is async is refused before anything is recorded", () => {
  const key = new TestKey("k");
  const async = action((ctx) => ctx.durable("a", null, async () => 1));
  assert.throws(() => key.run(async, null), {
    kind: "error",
    message: /durable call `a`: its body is an async function/,
  });
  const reconciler = action((ctx) => ctx.durable("a", null, () => 1, { reconcile: async () => 1 }));
  assert.throws(() => key.run(reconciler, null), { kind: "error", message: /its reconciler is an async/ });
  const promises = action((ctx) => ctx.durable("a", null, () => Promise.resolve(1)));
  assert.throws(() => key.run(promises, null), { kind: "trap", message: /durable call `a` gave a promise/ });
  assert.throws(
    () =>
      key.run(
        action((ctx) => ctx.durable("a", null)),
        null,
      ),
    { kind: "error", message: /its body is no function/ },
  );
  assert.throws(
    () =>
      key.run(
        action((ctx) => ctx.durable("a", undefined, () => 1)),
        null,
      ),
    { kind: "json", message: /arguments of durable call `a`/ },
  );
  assert.deepEqual(key.calls, []);
});

test("a result that is no JSON is a failed outcome", () => {
  const key = new TestKey("k");
  assert.throws(
    () =>
      key.run(
        action((ctx) => ctx.durable("a", null, () => new Map())),
        null,
      ),
    {
      kind: "json",
      message: /^the result of durable call `a` is a Map/,
    },
  );
  assert.equal(key.calls[0].failure.kind, "json");
});

/** Dies in the charge, then runs again with this reconciler; gives what the action put out, and how often it charged. */
function afterCrash(reconcile) {
  const key = new TestKey("k");
  let charges = 0;
  const charge = action((ctx) => {
    const body = (call) => ({ id: call.id, charges: ++charges });
    ctx.output(ctx.durable("charge", { cents: 5 }, body, { reconcile }));
  });
  key.crashIn("charge");
  assert.throws(() => key.run(charge, null), { kind: "crash", retryable: true });
  assert.equal(charges, 1);
  return { key, again: () => key.again().outputs[0], charges: () => charges };
}

test("a reconciler that finds the result gives it", () => {
  let id;
  const { again, charges } = afterCrash((call) => ({ found: (id = call.id) }));
  assert.deepEqual(again(), { found: id });
  assert.equal(charges(), 1);
  assert.deepEqual(again(), { found: id });
});

test("a call that never happened is executed, with the same id", () => {
  for (const never of [null, undefined]) {
    let asked;
    const { again, charges } = afterCrash((call) => {
      asked = call.id;
      return never;
    });
    assert.deepEqual(again(), { id: asked, charges: 2 });
    assert.equal(charges(), 2);
  }
});

test("a reconciler that can't tell is asked again, one that fails for good is the outcome", () => {
  let answer = Failure.retryable("unknown", "ask again");
  const { key, again, charges } = afterCrash(() => {
    throw answer;
  });
  assert.throws(again, { kind: "unknown", retryable: true });
  answer = new Failure("refused", "by the bank");
  assert.throws(again, { kind: "refused" });
  answer = new Failure("other", "is not asked");
  assert.throws(again, { kind: "refused" });
  assert.deepEqual([key.calls[0].replayed, charges()], [true, 1]);
});

test("a call that happened and gave null is not executed again", () => {
  const { again, charges } = afterCrash((call) => call.happened(null));
  assert.equal(again(), null);
  assert.equal(charges(), 1);
});

test("a reconciler with a mistake ends the attempt, and is asked again", () => {
  let isMended = false;
  const { again, charges } = afterCrash((call) => (isMended ? { found: call.id.length } : call.there.is.none));
  assert.throws(again, { kind: "error", retryable: false });
  isMended = true;
  assert.deepEqual(again(), { found: 32 });
  assert.equal(charges(), 1);
});

test("a reconciler's answer that is no JSON ends the attempt, and it is asked again", () => {
  const holds = [];
  holds.push(holds);
  for (const [answer, is] of [
    [() => new Map(), "a Map"],
    [({ happened }) => happened({ n: NaN }), "NaN"],
    [() => holds, "within itself"],
    [() => new Failure("declined", "given, not thrown"), "an Error"],
    [() => Failure.retryable("busy", "given, not thrown"), "an Error"],
  ]) {
    let isMended = false;
    const { key, again, charges } = afterCrash((call) => (isMended ? { found: call.id.length } : answer(call)));
    const message = new RegExp(`^the reconciler's answer for durable call \`charge\`.* is ${is}, which is no JSON`);
    assert.throws(again, { kind: "json", retryable: false, message });
    assert.deepEqual(key.calls, []);
    isMended = true;
    assert.deepEqual(again(), { found: 32 });
    assert.equal(charges(), 1);
  }
});

test("a call that happened and gave nothing gave null", () => {
  const { again, charges } = afterCrash((call) => call.happened(undefined));
  assert.equal(again(), null);
  assert.equal(charges(), 1);
});

test("a plain call that was cut off is executed again with the same id", () => {
  const key = new TestKey("k");
  const ids = [];
  key.crashIn("send");
  const sends = action((ctx) => ctx.durable("send", null, (call) => ids.push(call.id)));
  assert.throws(() => key.run(sends, null), { kind: "crash" });
  key.again();
  assert.equal(ids.length, 2);
  assert.equal(ids[0], ids[1]);
});

const SHOPS = ["https://a.example/", "https://b.example/"];

const compares = action((ctx, order) => {
  const calls = SHOPS.map((shop) => ({ name: "quote", args: [shop, order], request: { url: shop, json: order } }));
  ctx.output(Math.min(...ctx.durableAll(calls)));
});

test("parallel calls are made by their requests, and each recorded", () => {
  const key = new TestKey("k");
  key.onRequest(({ url }) => ({ json: url === SHOPS[0] ? 7 : 5 }));
  assert.deepEqual(key.run(compares, { n: 1 }).outputs, [5]);
  const keys = key.requests.map(({ headers }) => headers.get("Idempotency-Key"));
  assert.equal(new Set(keys).size, 2);
  assert.deepEqual(
    key.requests.map((request) => [request.method, request.json()]),
    [
      ["POST", { n: 1 }],
      ["POST", { n: 1 }],
    ],
  );
  key.again();
  assert.equal(key.requests.length, 2);
});

test("one of several that fails leaves the others recorded", () => {
  const key = new TestKey("k");
  key.onRequest(({ url }) => (url === SHOPS[0] ? 503 : { json: 5 }));
  assert.throws(() => key.run(compares, null), { kind: "http/status", retryable: true });
  key.onRequest(({ url }) => (assert.equal(url, SHOPS[0]), { json: 7 }));
  assert.deepEqual(key.again().outputs, [5]);
  assert.equal(key.requests[0].headers.get("idempotency-key"), key.requests[2].headers.get("idempotency-key"));
});

test("settled results say what came of each, as the reader has it", () => {
  const key = new TestKey("k");
  key.onRequest(({ url }) => (url === SHOPS[0] ? 404 : { text: "five" }));
  const reads = action((ctx) => {
    const call = (url) => ({ name: "read", args: url, request: url, read: (response) => response.text().length });
    const [a, b] = ctx.durableAllSettled([call(SHOPS[0]), call(SHOPS[1])]);
    ctx.output([a.status, a.reason.kind, b.status, b.value]);
  });
  assert.deepEqual(key.run(reads, null).outputs, [["rejected", "http/status", "fulfilled", 4]]);
});

test("a parallel call that was cut off is reconciled, the rest sent", () => {
  const key = new TestKey("k");
  key.onRequest(({ url }) => ({ json: `sent ${url}` }));
  const both = action((ctx) => {
    const call = (url) => ({ name: url, args: null, request: url, reconcile: ({ id }) => `found ${id.length}` });
    ctx.output(ctx.durableAll(SHOPS.map(call)));
  });
  key.crashIn(SHOPS[1]);
  assert.throws(() => key.run(both, null), { kind: "crash" });
  assert.deepEqual(key.again().outputs, [[`sent ${SHOPS[0]}`, "found 32"]]);
  assert.equal(key.requests.length, 2);
});

test("a parallel call whose reconciler's answer is no JSON is left open, and asked again", () => {
  const key = new TestKey("k");
  key.onRequest(({ url }) => ({ json: `sent ${url}` }));
  let found = new Set();
  const both = action((ctx) => {
    const call = (url) => ({ name: url, args: null, request: url, reconcile: () => found });
    ctx.output(ctx.durableAll(SHOPS.map(call)));
  });
  key.crashIn(SHOPS[1]);
  assert.throws(() => key.run(both, null), { kind: "crash" });
  assert.throws(() => key.again(), { kind: "json", message: /^the reconciler's answer for durable call `https:/ });
  found = "found";
  assert.deepEqual(key.again().outputs, [[`sent ${SHOPS[0]}`, "found"]]);
  assert.equal(key.requests.length, 2);
});

test("a name that the host does not take ends the attempt, whatever the action catches", () => {
  const quiet = (step) =>
    action((ctx, name) => {
      try {
        step(ctx, name);
      } catch {
        // swallowed
      }
    });
  let runs = 0;
  const calls = quiet((ctx, name) => ctx.durable(name, null, () => ++runs));
  const asks = quiet((ctx, name) => ctx.durableAll([{ name, args: null, request: SHOPS[0] }]));
  const emits = quiet((ctx, kind) => ctx.emit(kind, 1));
  for (const [steps, name, message] of [
    [calls, "", /^begin a durable call: its function id must be 1 to 1024 bytes, not 0$/],
    [calls, "n".repeat(1025), /function id must be 1 to 1024 bytes, not 1025$/],
    [calls, "é".repeat(513), /function id must be 1 to 1024 bytes, not 1026$/],
    [asks, "", /function id must be 1 to 1024 bytes, not 0$/],
    [emits, "", /^emit an event: its kind must be 1 to 128 bytes, not 0$/],
    [emits, "k".repeat(129), /kind must be 1 to 128 bytes, not 129$/],
  ]) {
    const key = new TestKey("k");
    key.onRequest(() => ({ json: 1 }));
    assert.throws(() => key.run(steps, name), { kind: "trap", retryable: false, message });
    assert.deepEqual([key.calls, key.requests, runs], [[], [], 0]);
  }
  const key = new TestKey("k");
  for (const name of ["n", "n".repeat(1024)]) key.run(calls, name);
  for (const kind of ["k", "k".repeat(128)]) assert.equal(key.run(emits, kind).events[0].kind, kind);
  assert.equal(runs, 2);
});

test("two parallel calls with the same name and arguments are refused, whatever the action catches", () => {
  const key = new TestKey("k");
  key.onRequest(() => ({ json: 1 }));
  const call = (args, reconcile) => ({ name: "quote", args, request: SHOPS[0], reconcile });
  const message = /begin durable call "quote": one with the same arguments is open; complete it first/;
  for (const calls of [
    [call({ a: 1, b: 2 }), call({ b: 2, a: 1 })],
    [call(1, () => null), call(1)],
  ]) {
    const quotes = action((ctx) => {
      try {
        ctx.durableAllSettled(calls);
      } catch {
        // swallowed
      }
    });
    assert.throws(() => key.run(quotes, null), { kind: "trap", retryable: false, message });
  }
  assert.deepEqual([key.calls, key.requests], [[], []]);
  key.run(
    action((ctx) => ctx.durableAll([call(1), call(2)])),
    null,
  );
  assert.equal(key.requests.length, 2);
});

test("nothing is begun if one of several can't be made", () => {
  const key = new TestKey("k");
  const wrong = action((ctx) => {
    ctx.durableAll([
      { name: "a", args: 1, request: "https://a.example/" },
      { name: "b", args: 2, request: { url: "https://b.example/", json: NaN } },
    ]);
  });
  assert.throws(() => key.run(wrong, null), { kind: "json" });
  assert.deepEqual([key.calls, key.requests], [[], []]);
});
