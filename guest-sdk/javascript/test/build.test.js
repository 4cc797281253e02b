import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { fileURLToPath } from "node:url";

const HERE = fileURLToPath(new URL("..", import.meta.url));

/** A project's folder with these files, gone with the test. */
function project(t, files) {
  const folder = mkdtempSync(join(tmpdir(), "weir-javascript-"));
  t.after(() => rmSync(folder, { recursive: true }));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(folder, name, ".."), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return folder;
}

function weirComponentize(folder, args, { bin = join(HERE, "bin/weir-componentize.js"), env = process.env } = {}) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [bin, ...args], {
    cwd: folder,
    env,
    encoding: "utf8",
  });
  return { status, stdout, stderr };
}

const ACTION =
  'import { actions, on } from "weir";\nexport default actions({ a: on("input", (n, ctx) => ctx.output(n)) });\n';

test("JavaScript and TypeScript become components by the same command", (t) => {
  const typed = ACTION.replace("(n, ctx)", "(n: number, ctx)");
  const folder = project(t, { "src/a.js": ACTION, "src/b.ts": `import type { Context } from "weir";\n${typed}` });
  assert.deepEqual(weirComponentize(folder, ["src/a.js", "-o", "out.wasm"]), { status: 0, stdout: "", stderr: "" });
  assert.deepEqual(weirComponentize(folder, ["src/b.ts"]), { status: 0, stdout: "", stderr: "" });
  for (const name of ["out.wasm", "b.wasm"]) {
    const component = readFileSync(join(folder, name));
    assert.deepEqual([...component.subarray(0, 8)], [0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0]);
    assert.ok(component.includes("weir:action/actions@0.1.0"));
  }
});

test("what is wrong with a source is said by its place", (t) => {
  const refusal = (text, name = "a.ts") => {
    const { status, stderr } = weirComponentize(project(t, { "a.ts": text }), [name]);
    assert.equal(status, 1, stderr);
    return stderr.trimEnd();
  };
  const WEIR = 'import { actions, on } from "weir";\n';
  assert.match(
    refusal(`${WEIR}export default actions({\n  page: on("x", async () => {}),\n});`),
    /^a\.ts can't be loaded: action `page` is async: make it a plain function.*\n    at a\.ts:3:\d+$/,
  );
  assert.match(
    refusal(`${WEIR}type A = 1;\nexport default actions({`),
    /^a\.ts:3:\d+: Expected identifier but found end of file$/,
  );
  assert.match(refusal("import './b.ts';"), /^a\.ts:1:8: Could not resolve "\.\/b\.ts"$/m);
  assert.match(refusal("export const a = 1;"), /^a\.ts has no default export: end it with `export default actions/);
  assert.match(refusal("export default { a: 1 };"), /its default export is not made by actions/);
  assert.match(
    refusal('import { TestKey } from "weir/testing";\nexport default TestKey;'),
    /weir\/testing is for tests/,
  );
  assert.match(
    refusal(`${WEIR}const id = Math.random();\nexport default actions({ a: on("x", () => id) });`),
    /Math\.random\(\) outside an action.*\n    at a\.ts:2:\d+$/s,
  );
  assert.equal(refusal("", "nowhere.ts"), "nowhere.ts does not exist");

  const unresolved = (name) => refusal(`import it from "${name}";\nexport default it;`);
  assert.equal(unresolved("left-pad"), 'a.ts:1:16: Could not resolve "left-pad": npm install left-pad');
  assert.equal(unresolved("@a/b/c"), 'a.ts:1:16: Could not resolve "@a/b/c": npm install @a/b');
  for (const name of ["node:fs", "fs"]) {
    assert.equal(unresolved(name), `a.ts:1:16: Could not resolve "${name}": an action has nothing of Node.js`);
  }

  const thrown = (statement) => refusal(`${WEIR}${statement}\nexport default actions({ a: on("x", () => 1) });`);
  assert.equal(thrown("(null as any).member;"), "a.ts can't be loaded: cannot read property 'member' of null\n    at a.ts:2:2");
  assert.match(thrown("const { a } = null as any;"), /^a\.ts can't be loaded: .*\n    at a place that the engine does not/);
  assert.match(thrown("for (const a of 5 as any);"), /not iterable\n    at a place that the engine does not tell/);
  assert.match(thrown('throw new Error("two\\nlines");'), /can't be loaded: two\nlines\n    at a\.ts:2:\d+$/);
  assert.equal(thrown('throw "text";'), 'a.ts can\'t be loaded: "text" was thrown');
  assert.equal(thrown("throw undefined;"), "a.ts can't be loaded: what was thrown is no Error");
});

test("a package may look at the clock while it loads", (t) => {
  const folder = project(t, {
    "node_modules/drawing/index.js": "export const drawn = [Date.now(), Math.random()];",
    "node_modules/drawing/package.json": '{ "name": "drawing", "type": "module", "main": "index.js" }',
    "a.js": `import { drawn } from "drawing";\n${ACTION.replace("output(n)", "output(drawn)")}`,
  });
  assert.deepEqual(weirComponentize(folder, ["a.js"]), { status: 0, stdout: "", stderr: "" });
  writeFileSync(join(folder, "node_modules/drawing/index.js"), "export const drawn = crypto.randomUUID();");
  assert.match(
    weirComponentize(folder, ["a.js"]).stderr,
    /crypto\.\w+\(\) outside an action .*\n    at node_modules\/drawing\/index\.js:1/,
  );
});

test("an async function among the sources is warned of", (t) => {
  const helper = "export function* all() {}\nexport const wait = async () => { await 1; }; // async\n";
  const folder = project(t, {
    "a.js": `import { wait } from "./helper.ts";\n${ACTION.replace("=> ctx", "=> wait() && ctx")}`,
    "helper.ts": helper,
  });
  const { status, stderr } = weirComponentize(folder, ["a.js"]);
  assert.equal(status, 0, stderr);
  assert.match(stderr, /^warning: helper\.ts:2:21: an async function: .* never runs\n$/);
});

test("a component that can't be written is said", (t) => {
  const { status, stderr } = weirComponentize(project(t, { "a.js": ACTION }), ["a.js", "-o", "no/where.wasm"]);
  assert.equal(status, 1);
  assert.match(stderr, /^write no\/where\.wasm: ENOENT/);
});

test("a missing tool is said, with what installs it", (t) => {
  const folder = project(t, { "a.js": ACTION });
  for (const name of ["bin", "build", "src", "wit", "package.json"]) {
    cpSync(join(HERE, name), join(folder, "weir", name), { recursive: true });
  }
  const bin = join(folder, "weir/bin/weir-componentize.js");
  const { status, stderr } = weirComponentize(folder, ["a.js"], { bin, env: { ...process.env, PATH: "" } });
  assert.deepEqual([status, stderr], [1, "esbuild is missing: npm install --save-dev esbuild@0.28.2\n"]);
});

test("tests in TypeScript run", (t) => {
  const test = `import { TestKey } from "weir/testing";
import list from "./a.ts";
const payload: number = 5;
console.log(new TestKey("k").run(list.a, payload).outputs);
throw new Error("at line 5" as string);
`;
  const folder = project(t, {
    "a.ts": ACTION.replace("(n, ctx)", "(n: number, ctx)"),
    "package.json": '{ "type": "module" }',
  });
  writeFileSync(join(folder, "a.test.ts"), test);
  const args = ["--enable-source-maps", "--import", join(HERE, "build/typescript.js"), "a.test.ts"];
  const { stdout, stderr } = spawnSync(process.execPath, args, { cwd: folder, encoding: "utf8" });
  assert.match(stdout, /^\[ 5 \]/);
  assert.match(stderr, /a\.test\.ts:5:/);
});
