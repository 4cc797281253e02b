import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { delimiter } from "node:path";
import test from "node:test";
import { fileURLToPath } from "node:url";

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));

test("types take what they should, and refuse the rest", () => {
  const env = { ...process.env, PATH: path("../node_modules/.bin") + delimiter + process.env.PATH };
  const { error, stdout, stderr } = spawnSync("tsc", ["-p", path("tsconfig.json")], { env, encoding: "utf8" });
  assert.equal(error, undefined, "tsc is missing: npm install here, or put it on the PATH");
  assert.equal(stdout + stderr, "");
});
