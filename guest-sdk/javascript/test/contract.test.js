import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import test from "node:test";

import { VERSION } from "../src/version.js";

const read = (path) => readFileSync(new URL(path, import.meta.url), "utf8");

test("the copy of the contract equals the project's, byte by byte", () => {
  const names = (folder) =>
    readdirSync(new URL(folder, import.meta.url))
      .filter((name) => name.endsWith(".wit"))
      .sort();
  assert.deepEqual(names("../wit/"), names("../../../wit/"), "copy the files of wit/ to guest-sdk/javascript/wit/");
  for (const name of names("../wit/")) {
    assert.equal(read(`../wit/${name}`), read(`../../../wit/${name}`), `copy wit/${name} to guest-sdk/javascript/wit/`);
  }
});

test("the version is the package's", () => {
  assert.equal(VERSION, JSON.parse(read("../package.json")).version);
});

test("the tools are pinned alike for users and for the tests here", () => {
  const { peerDependencies, devDependencies } = JSON.parse(read("../package.json"));
  for (const [name, version] of Object.entries(peerDependencies)) assert.equal(devDependencies[name], version, name);
});
