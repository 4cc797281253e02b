import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { fileURLToPath } from "node:url";

import { on } from "../src/index.js";
import { TestKey } from "../src/testing/index.js";

const HERE = fileURLToPath(new URL("..", import.meta.url));
const README = readFileSync(join(HERE, "README.md"), "utf8");

/** The text of the README's first block of JavaScript that holds these words. */
function block(words) {
  const blocks = Array.from(README.matchAll(/^```js\n(.*?)^```$/gms), (match) => match[1]);
  const found = blocks.find((text) => text.includes(words));
  assert.ok(found, `the README has no block with ${words}`);
  return found;
}

test("the guide's first action passes the guide's tests", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "weir-guide-"));
  t.after(() => rmSync(folder, { recursive: true }));
  for (const name of ["src", "test", "node_modules"]) mkdirSync(join(folder, name));
  symlinkSync(HERE, join(folder, "node_modules/weir"));
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  writeFileSync(join(folder, "src/actions.js"), block("export default actions"));
  writeFileSync(join(folder, "test/actions.test.js"), block("ten quakes make no swarm"));
  const env = { ...process.env };
  delete env.NODE_TEST_CONTEXT;
  const { status, stdout } = spawnSync(process.execPath, ["--test", "test/actions.test.js"], {
    cwd: folder,
    env,
    encoding: "utf8",
  });
  assert.equal(status, 0, stdout);
  assert.match(stdout, /pass 2$/m);
});

/** Runs a block of the guide in an action, with these names around it. */
function runBlock(key, words, names = {}) {
  const body = new Function("ctx", ...Object.keys(names), block(words));
  return key.run(
    on("input", (_, ctx) => void body(ctx, ...Object.values(names))),
    null,
  );
}

test("the guide's lines on memory do what they say", () => {
  const key = new TestKey("k");
  runBlock(key, 'sensory.set("step", 1)');
  assert.deepEqual(key.memory.get(""), { order: { total: 5 }, seen: { "a.b": true } });
  assert.equal(key.sensory.get("step"), 1);
});

test("the guide's lines on HTTP do what they say", (t) => {
  t.mock.method(console, "warn", () => {});
  const key = new TestKey("k");
  key.onRequest(({ method }) => (method === "DELETE" ? { status: 404, text: "none" } : { json: 1 }));
  runBlock(key, "rates.example/", { order: { n: 1 } });
  assert.deepEqual(
    key.requests.map(({ method, url }) => [method, url]),
    [
      ["GET", "https://rates.example/?of=eur"],
      ["POST", "https://stock.example/"],
      ["POST", "https://fraud.example/"],
      ["DELETE", "https://stock.example/1"],
    ],
  );
  assert.deepEqual(key.logs, [{ level: "warn", message: "was gone: none" }]);
});

test("the guide's charge is found again after a crash", () => {
  const source = block("reconcile: (call) => findCharge")
    .replace(/^charge: on\("order", /, "")
    .replace(/\),\s*$/, "");
  const charge = new Function("feeFor", "newCharge", "findCharge", `return ${source}`);
  const run = charge(
    ({ cents }) => cents / 10,
    (_, id) => ({ id, made: "new" }),
    (_, id) => ({ id, made: "found" }),
  );
  const key = new TestKey("k");
  key.crashIn("charge");
  assert.throws(() => key.run(on("order", run), { cents: 50 }), { kind: "crash" });
  assert.equal(key.again().outputs[0].made, "found");
  assert.deepEqual(
    key.calls.map(({ name, replayed }) => [name, replayed]),
    [
      ["fee", true],
      ["charge", false],
    ],
  );
});
