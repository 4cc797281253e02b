import assert from "node:assert/strict";
import test from "node:test";

import { TestKey } from "weir/testing";

import tally from "./actions.js";

test("amounts are counted, added up and doubled, once each", () => {
  const key = new TestKey("a");
  const action = tally["tally-javascript"];
  key.run(action, { key: "a", amount: 5 });
  const second = { language: "javascript", count: 2, total: 12, doubled: 14 };
  assert.deepEqual(key.run(action, { key: "a", amount: 7 }).outputs, [second]);
  assert.deepEqual(key.again().outputs, [second]);
  assert.equal(key.calls[0].replayed, true);
  assert.deepEqual(key.memory.get(""), { javascript: { count: 2, total: 12 } });
});
