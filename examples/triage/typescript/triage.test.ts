import assert from "node:assert/strict";
import test from "node:test";

import { TestKey, type TestRequest, type TestResponse } from "weir/testing";

import tickets from "./actions.ts";

const MESSAGE = { ticket: "T-1", from: "ann@example.com", text: "I was charged twice." };

/** A ticket whose model gives these answers in turn, and whose desk gives those. */
function ticket(answers: unknown[], desk: (request: TestRequest) => TestResponse = () => ({ json: { ok: true } })) {
  const key = new TestKey("T-1", { config: { model: "http://model", desk: "http://desk" } });
  const left = [...answers];
  key.onRequest((request) => (request.url === "http://model/chat" ? { json: left.shift() } : desk(request)));
  return key;
}

const calls = (...list: [string, object][]) => ({
  role: "assistant",
  content: null,
  tool_calls: list.map(([name, given], i) => ({ id: `call-${i}`, name, arguments: given })),
});
const says = (content: string) => ({ role: "assistant", content });

test("the model looks things up, assigns the ticket, and answers", () => {
  const key = ticket([
    calls(["find_customer", { email: "ann+1@example.com" }], ["search_articles", { query: "refund" }]),
    calls(["assign", { team: "billing", priority: "high" }]),
    says("We are sorry."),
  ]);
  const { outputs } = key.run(tickets.triage, MESSAGE);
  assert.deepEqual(outputs, [{ ticket: "T-1", team: "billing", priority: "high", reply: "We are sorry.", turns: 3 }]);
  assert.deepEqual(key.requests.map(({ method, url }) => `${method} ${url}`), [
    "POST http://model/chat",
    "GET http://desk/customers?email=ann%2B1%40example.com",
    "GET http://desk/articles?query=refund",
    "POST http://model/chat",
    "POST http://desk/assignments",
    "POST http://model/chat",
  ]);
  const { messages, tools } = key.requests[5]!.json();
  assert.deepEqual(messages.map(({ role }: { role: string }) => role), ["system", "user", "assistant", "tool", "tool", "assistant", "tool"]);
  assert.equal(tools.length, 3);
});

test("the conversation goes on with the customer's next message", () => {
  const key = ticket([says("Which order?"), says("Thank you.")]);
  key.run(tickets.triage, MESSAGE);
  const { outputs } = key.run(tickets.triage, { ...MESSAGE, text: "Order 7." });
  assert.deepEqual(outputs, [{ ticket: "T-1", team: null, priority: null, reply: "Thank you.", turns: 1 }]);
  const said = key.requests[1]!.json().messages.slice(1).map(({ content }: { content: string }) => content);
  assert.deepEqual(said, ["I was charged twice.", "Which order?", "Order 7."]);
});

test("after a crash no recorded answer is asked for again", () => {
  const answers = [calls(["assign", { team: "billing", priority: "low" }]), says("Done.")];
  const key = ticket(answers);
  key.crashIn("POST http://desk/assignments");
  assert.throws(() => key.run(tickets.triage, MESSAGE), { kind: "crash" });
  assert.equal(key.again().outputs[0].reply, "Done.");
  const urls = key.requests.map(({ url }) => url);
  assert.deepEqual(urls, ["http://model/chat", "http://desk/assignments", "http://desk/assignments", "http://model/chat"]);
  const [first, second] = key.requests.slice(1, 3).map(({ headers }) => headers.get("idempotency-key"));
  assert.equal(first, second);
});

test("the model is told what failed for good, and the attempt ends with what may pass", () => {
  const answers = [calls(["find_customer", { email: "x" }], ["dance", {}]), says("Sorry.")];
  const key = ticket(answers, () => 404);
  key.run(tickets.triage, MESSAGE);
  const results = key.requests[2]!.json().messages.slice(3).map(({ content }: { content: string }) => JSON.parse(content).error);
  assert.deepEqual(results, ["http://desk/customers?email=x answered 404", "there is no tool dance"]);
  const busy = ticket(answers, () => 503);
  assert.throws(() => busy.run(tickets.triage, MESSAGE), { kind: "http/status", retryable: true });
});

test("a model without end is stopped", () => {
  const key = ticket(Array.from({ length: 9 }, () => calls(["dance", {}])));
  assert.throws(() => key.run(tickets.triage, MESSAGE), { kind: "too-many-turns", retryable: false });
  assert.equal(key.requests.length, 8);
});
