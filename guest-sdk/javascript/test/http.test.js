import assert from "node:assert/strict";
import test from "node:test";

import { Failure, on } from "../src/index.js";
import { TestKey } from "../src/testing/index.js";

const URL_ = "https://x.example/a?b=1";
const action = (body) => on("input", (payload, ctx) => body(ctx, payload));

/** What the body gives, and the requests it sent. */
function outputOf(respond, body) {
  const key = new TestKey("k");
  key.onRequest(respond);
  const [output] = key.run(
    action((ctx) => ctx.output(body(ctx) ?? null)),
    null,
  ).outputs;
  return { output, requests: key.requests, key };
}

test("a request is what it was said to be", () => {
  const { requests } = outputOf(
    () => 204,
    (ctx) => {
      ctx.fetch(URL_);
      ctx.fetch(URL_, {
        method: "PATCH",
        headers: { "X-A": "1", "Content-Type": "a/b" },
        json: { n: 2n ** 64n },
        timeoutMs: 9.5,
      });
      ctx.fetch(URL_, {
        body: "text",
        headers: [
          ["x-a", "1"],
          ["x-a", "2"],
        ],
      });
      ctx.fetch(URL_, { method: "PUT", body: new Uint8Array([0, 255, 1]).subarray(1) });
      ctx.post(URL_, [null]);
      ctx.put(URL_, "a");
      ctx.post(URL_);
      ctx.get(URL_, { headers: { a: "b" } });
      ctx.delete(URL_);
      ctx.patch("https://x.example/#f", 1, { query: { "a b": "ä&", n: 5, no: undefined, none: null } });
      ctx.get(URL_, { query: { c: true } });
    },
  );
  assert.deepEqual(
    requests.map(({ method, url, headers, timeoutMs }) => [method, url, headers.get("content-type"), timeoutMs]),
    [
      ["GET", URL_, null, undefined],
      ["PATCH", URL_, "a/b", 10],
      ["POST", URL_, null, undefined],
      ["PUT", URL_, null, undefined],
      ["POST", URL_, "application/json", undefined],
      ["PUT", URL_, "application/json", undefined],
      ["POST", URL_, null, undefined],
      ["GET", URL_, null, undefined],
      ["DELETE", URL_, null, undefined],
      ["PATCH", "https://x.example/?a%20b=%C3%A4%26&n=5#f", "application/json", undefined],
      ["GET", `${URL_}&c=true`, null, undefined],
    ],
  );
  assert.equal(requests[1].text(), '{"n":18446744073709551616}');
  assert.equal(requests[2].headers.get("X-A"), "1, 2");
  assert.deepEqual(requests[3].bytes(), new Uint8Array([255, 1]));
  assert.deepEqual([requests[4].json(), requests[5].json(), requests[6].text()], [[null], "a", ""]);
  assert.equal(requests[7].headers.get("a"), "b");
});

test("a response is what came", () => {
  const { output } = outputOf(
    () => ({ status: 201, headers: { "X-A": "1" }, json: { id: 9007199254740993n } }),
    (ctx) => {
      const response = ctx.fetch(URL_);
      return [
        response.status,
        response.ok,
        response.url,
        response.headers.get("x-A"),
        response.headers.get("y"),
        response.headers.has("x-a"),
        [...response.headers],
        response.json(),
        response.text(),
      ];
    },
  );
  const headers = [["x-a", "1"]];
  assert.deepEqual(output, [
    201,
    true,
    URL_,
    "1",
    null,
    true,
    headers,
    { id: 9007199254740993n },
    '{"id":9007199254740993}',
  ]);
});

test("bytes and text are each other where they can be", () => {
  const text = "é 😀 \u0800";
  const bytes = new TextEncoder().encode(text);
  const read = (response) => [response.text(), Array.from(response.bytes())];
  const { output } = outputOf(
    () => ({ bytes }),
    (ctx) => read(ctx.fetch(URL_)),
  );
  assert.deepEqual(output, [text, Array.from(bytes)]);
  assert.deepEqual(
    outputOf(
      () => ({ text }),
      (ctx) => read(ctx.fetch(URL_)),
    ).output,
    output,
  );
  assert.deepEqual(
    outputOf(
      () => 200,
      (ctx) => read(ctx.fetch(URL_)),
    ).output,
    ["", []],
  );
});

test("a body that is not as wanted is a fatal failure", () => {
  const broken = { bytes: new Uint8Array([0xc0, 0x80]) };
  for (const [answer, read] of [
    [broken, (r) => r.text()],
    [broken, (r) => r.json()],
    [{ text: "<p>" }, (r) => r.json()],
    [{ text: "[1e400]" }, (r) => r.json()],
    [200, (r) => r.json()],
  ]) {
    assert.throws(
      () =>
        outputOf(
          () => answer,
          (ctx) => read(ctx.fetch(URL_)),
        ),
      { kind: "http/body", retryable: false },
    );
  }
});

test("a status from 400 on is a failure, retryable where that may help", () => {
  for (const [status, retryable] of [
    [400, false],
    [404, false],
    [408, true],
    [425, true],
    [429, true],
    [500, true],
    [599, true],
  ]) {
    assert.throws(
      () =>
        outputOf(
          () => ({ status, text: "é".repeat(2000) }),
          (ctx) => ctx.get(URL_),
        ),
      (failure) => {
        assert.deepEqual(
          [failure.kind, failure.retryable, failure.retryAfterMs],
          ["http/status", retryable, undefined],
        );
        assert.deepEqual(failure.details, { status, text: "é".repeat(1000) });
        return true;
      },
    );
  }
  const later = { status: 429, headers: { "Retry-After": "7" } };
  assert.throws(
    () =>
      outputOf(
        () => later,
        (ctx) => ctx.get(URL_),
      ),
    { retryable: true, retryAfterMs: 7000 },
  );
  assert.equal(
    outputOf(
      () => 399,
      (ctx) => ctx.get(URL_).ok,
    ).output,
    false,
  );
  assert.equal(
    outputOf(
      () => 503,
      (ctx) => ctx.get(URL_, { anyStatus: true }).status,
    ).output,
    503,
  );
});

test("no response is a failure of its kind", () => {
  for (const [error, retryable] of [
    ["timeout", true],
    ["connection", true],
    ["other", true],
    ["denied", false],
    ["invalid-request", false],
    ["too-large", false],
  ]) {
    const wanted = {
      kind: `http/${error}`,
      retryable,
      message: error === "timeout" ? /in time/ : /x\.example\/a\?b=1: why/,
    };
    assert.throws(
      () =>
        outputOf(
          () => ({ error, message: "why" }),
          (ctx) => ctx.get(URL_),
        ),
      wanted,
    );
  }
});

test("a request that can't be is refused before it is sent", () => {
  for (const [url, options] of [
    [5],
    [URL_, { timeout: 5 }],
    [URL_, { timeoutMs: "5" }],
    [URL_, { json: 1, body: "1" }],
    [URL_, { body: { a: 1 } }],
    ["https://x/\ud800"],
    [URL_, { headers: { a: "\ud800" } }],
    [URL_, { method: 5 }],
    [URL_, { query: { a: "\ud800" } }],
    [URL_, { query: { "\udfff": 1 } }],
    [URL_, { body: "a\ud800b" }],
  ]) {
    assert.throws(
      () =>
        outputOf(
          () => 200,
          (ctx) => ctx.fetch(url, options),
        ),
      { kind: "http/invalid-request", retryable: false },
    );
  }
  assert.throws(
    () =>
      outputOf(
        () => 200,
        (ctx) => ctx.post(URL_, NaN),
      ),
    { kind: "json" },
  );
});

test("half of a surrogate pair is named where it stands, and nothing is sent", () => {
  const key = new TestKey("k");
  key.onRequest(() => 200);
  for (const [options, message] of [
    [{ query: { of: "a\ud800" } }, `${URL_}: "a\\ud800" in its query holds half of a surrogate pair`],
    [{ query: { "\ud800": 1 } }, `${URL_}: "\\ud800" in its query holds half of a surrogate pair`],
    [
      { body: "\ud800".padEnd(1000, "a") },
      `${URL_}: its \`body\` holds half of a surrogate pair: give text of whole characters, or bytes`,
    ],
  ]) {
    const sends = action((ctx) => ctx.fetch(URL_, options));
    assert.throws(() => key.run(sends, null), { kind: "http/invalid-request", message });
    const all = action((ctx) => ctx.durableAll([{ name: "a", args: 1, request: { url: URL_, ...options } }]));
    assert.throws(() => key.run(all, null), { kind: "http/invalid-request", message });
  }
  assert.deepEqual([key.requests, key.calls], [[], []]);
});

test("whole pairs, and halves in JSON, are sent as they are", () => {
  const { requests } = outputOf(
    () => 200,
    (ctx) => {
      ctx.post(URL_, "\ud800");
      ctx.fetch(URL_, { body: "😀", query: { a: "😀" } });
    },
  );
  assert.deepEqual(
    requests.map((request) => [request.url, request.text()]),
    [
      [URL_, '"\\ud800"'],
      [`${URL_}&a=%F0%9F%98%80`, "😀"],
    ],
  );
});

test("a response is recorded, and given again", () => {
  let asked = 0;
  const { key } = outputOf(
    () => ({ status: 404, headers: { a: "b" }, bytes: new Uint8Array([asked++]) }),
    (ctx) => {
      const response = ctx.fetch(URL_, { anyStatus: true });
      return [response.status, response.headers.get("a"), Array.from(response.bytes())];
    },
  );
  assert.deepEqual(key.again().outputs, [[404, "b", [0]]]);
  assert.equal(asked, 1);
  assert.equal(key.calls[0].name, "GET https://x.example/a");
});

test("an answer that may be another later is asked for again, with the same key", () => {
  const key = new TestKey("k");
  const pays = action((ctx, order) => ctx.output(ctx.post(URL_, order).json()));
  for (const answer of [503, { error: "timeout" }, { error: "connection", message: "refused" }]) {
    key.onRequest(() => answer);
    assert.throws(() => (key.requests.length === 0 ? key.run(pays, { n: 1 }) : key.again()), { retryable: true });
  }
  key.onRequest(() => ({ json: "paid" }));
  assert.deepEqual(key.again().outputs, ["paid"]);
  assert.equal(new Set(key.requests.map(({ headers }) => headers.get("idempotency-key"))).size, 1);
  assert.equal(key.requests.length, 4);
});

test("an answer that the action passes is recorded, whatever it was", () => {
  const key = new TestKey("k");
  let asked = 0;
  key.onRequest(() => [503, { error: "timeout" }, { json: 1 }][asked++]);
  const goesOn = action((ctx) => {
    const seen = [ctx.fetch(URL_, { anyStatus: true }).status];
    try {
      ctx.fetch(URL_);
    } catch (failure) {
      seen.push(failure.kind);
    }
    ctx.output([...seen, ctx.fetch("https://x.example/c").json()]);
  });
  const { outputs } = key.run(goesOn, null);
  assert.deepEqual(outputs, [[503, "http/timeout", 1]]);
  assert.deepEqual(key.again().outputs, outputs);
  assert.equal(asked, 3);
});

test("several requests answer in their order, and the first failure counts", () => {
  const respond = ({ url }) => (url.endsWith("bad") ? 404 : { json: url });
  const requests = ["https://x/1", { url: "https://x/2", json: 5 }, { url: "https://x/bad", anyStatus: true }];
  const { output, requests: sent } = outputOf(respond, (ctx) => ctx.fetchAll(requests).map(({ status }) => status));
  assert.deepEqual(output, [200, 200, 404]);
  assert.equal(new Set(sent.map(({ headers }) => headers.get("idempotency-key"))).size, 3);
  assert.throws(() => outputOf(respond, (ctx) => ctx.fetchAll(["https://x/1", "https://x/bad"])), {
    kind: "http/status",
  });
  const settled = outputOf(respond, (ctx) => {
    return ctx
      .fetchAllSettled(["https://x/bad", "https://x/1"])
      .map(({ reason, value }) => reason?.kind ?? value.json());
  });
  assert.deepEqual(settled.output, ["http/status", "https://x/1"]);
});

test("a recorded answer never changes: who polls asks in a body, with the call's id as key", () => {
  const poll = (ctx, headers = {}) => {
    const answer = ctx.get("https://reports.example/1", { headers }).json();
    if (answer === "not yet") throw Failure.retryable("not-yet", "come back");
    return answer;
  };
  const direct = on("input", (_, ctx) => ctx.output(poll(ctx)));
  const inBody = on("input", (_, ctx) =>
    ctx.output(ctx.durable("report", 1, (call) => poll(ctx, { "Idempotency-Key": call.id }))),
  );
  const answers = (action) => {
    const key = new TestKey("k");
    key.onRequest(() => ({ json: "not yet" }));
    assert.throws(() => key.run(action, null), { kind: "not-yet" });
    key.onRequest(() => ({ json: "ready" }));
    return [key, () => key.again().outputs];
  };
  assert.throws(answers(direct)[1], { kind: "not-yet" });
  const [key, again] = answers(inBody);
  assert.deepEqual(again(), ["ready"]);
  const ids = key.requests.map(({ headers }) => headers.get("idempotency-key"));
  assert.ok(ids[0] !== null && ids[0] === ids[1]);
});

test("a request in a body belongs to the call", () => {
  const { requests, key } = outputOf(
    () => ({ json: 1 }),
    (ctx) => ctx.durable("pay", 1, () => ctx.post(URL_, 1).json()),
  );
  assert.equal(requests[0].headers.get("idempotency-key"), null);
  assert.deepEqual(
    key.calls.map(({ name }) => name),
    ["pay"],
  );
});

test("a test that answers wrongly is told so", () => {
  const asks = (respond) => outputOf(respond, (ctx) => ctx.get(URL_));
  assert.throws(() => asks(() => ({ body: 1 })), /the answer to GET .* has a field `body`/);
  assert.throws(() => asks(() => ({ error: "late" })), /has error `late`/);
  assert.throws(() => asks(() => undefined), /is neither a status nor an object/);
  assert.throws(() => asks(() => assert.equal(1, 2)), { code: "ERR_ASSERTION" });
  assert.throws(
    () =>
      new TestKey("k").run(
        action((ctx) => ctx.get(URL_)),
        null,
      ),
    /nobody answers: call key\.onRequest/,
  );
});
