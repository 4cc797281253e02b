// The agent against a model that a test scripts: no host, no network.

import assert from "node:assert/strict";
import test from "node:test";

import { TestKey, type TestRequest, type TestResponse } from "weir/testing";

import tickets from "./actions.ts";

const triage = tickets["triage-typescript"];
const TICKET = { customer: "ann", ticket: "T-1", text: "I was charged twice for order 1042." };
const VERDICT = { category: "billing", urgency: "high", answer: "Done." };

/** A turn of the model that calls these tools, or else has its verdict. */
function says(tools: Record<string, object> = {}): TestResponse {
  const calls = Object.entries(tools).map(([name, given]) => {
    return { id: name, type: "function", function: { name, arguments: JSON.stringify(given) } };
  });
  const message = { role: "assistant", content: calls.length > 0 ? null : JSON.stringify(VERDICT), tool_calls: calls };
  return { json: { choices: [{ message }] } };
}

/** The agent for Ann, and a world that answers turns by the script, and pays once for each idempotency key. */
function agent(...script: TestResponse[]) {
  const key = new TestKey("ann", { config: { world: "http://world.example" } });
  const asked: { role: string; content: string }[][] = [];
  const refunds = new Set<string | null>();
  key.onRequest((request: TestRequest) => {
    if (request.url.endsWith("/chat/completions")) {
      asked.push(request.json().messages);
      return script.shift()!;
    }
    if (request.url.endsWith("/refunds")) {
      refunds.add(request.headers.get("Idempotency-Key"));
      return { json: { refund: "R-1" } };
    }
    return request.url.endsWith("/1042") ? { json: { order: "1042", payments: 2 } } : 404;
  });
  return { key, asked, refunds };
}

test("tools are used until there is a verdict", () => {
  const { key, asked } = agent(
    says({ find_order: { order: "1042" } }),
    says({ refund: { order: "1042", cents: 5 } }),
    says(),
  );
  assert.deepEqual(key.run(triage, TICKET).outputs, [{ language: "typescript", ticket: "T-1", ...VERDICT }]);
  assert.deepEqual(
    asked.map(({ length }) => length),
    [2, 4, 6],
  );
  assert.equal(asked[2]!.at(-1)!.content, '{"refund":"R-1"}');
});

test("a crash after a refund repeats neither turn nor refund", () => {
  const { key, asked, refunds } = agent(says({ refund: { order: "1042", cents: 5 } }), says());
  key.crashIn("POST http://world.example/refunds");
  assert.throws(() => key.run(triage, TICKET), { kind: "crash" });
  key.again();
  key.again();
  assert.deepEqual([asked.length, refunds.size], [2, 1]);
});

test("the conversation is remembered", () => {
  const { key, asked } = agent(says(), says());
  key.run(triage, TICKET);
  key.run(triage, { ...TICKET, ticket: "T-4", text: "I still don't see the money." });
  assert.deepEqual(
    asked[1]!.map(({ role }) => role),
    ["system", "user", "assistant", "user"],
  );
  assert.equal(key.memory.get("typescript.tickets"), 2);
});

test("the model is told what is not there", () => {
  const { key, asked } = agent(says({ find_order: { order: "9999" }, dance: {} }), says());
  key.run(triage, TICKET);
  const errors = asked[1]!.slice(-2).map(({ content }) => JSON.parse(content).error);
  assert.deepEqual(errors, ["there is no such order", "there is no tool dance"]);
});

test("a model that never comes to an end is given up", () => {
  const { key } = agent(...Array.from({ length: 99 }, () => says({ find_order: { order: "1042" } })));
  assert.throws(() => key.run(triage, TICKET), { kind: "too-many-turns", retryable: false });
  assert.equal(key.memory.has("typescript"), false);
});

test("a busy model is asked again later", () => {
  const { key } = agent({ status: 429, headers: { "Retry-After": "2" } }, says());
  assert.throws(() => key.run(triage, TICKET), { retryable: true, retryAfterMs: 2000 });
  assert.equal(key.again().outputs.length, 1);
});
