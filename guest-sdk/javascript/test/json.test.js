import assert from "node:assert/strict";
import test from "node:test";

import { Failure } from "../src/index.js";
import { readJson, writeJson } from "../src/json.js";

const again = (text) => writeJson(readJson(text), "it");

test("what JSON holds is read and written as it was", () => {
  for (const text of ["null", "true", '""', '"\\u0000"', '"\\ud800"', '"😀"', "[]", "{}", "-0", "1e+308", "5e-324"]) {
    assert.equal(again(text), text);
  }
  const nested = '{"a":[1,{"b":null}],"__proto__":{"x":1},"":"","a.b":-1.5}';
  assert.equal(again(nested), nested);
});

test("whole numbers are never rounded", () => {
  for (const text of [
    "9007199254740991",
    "9007199254740992",
    "9007199254740993",
    "-9007199254740993",
    "18446744073709551615",
    "18446744073709551616",
    "123456789012345678901234567890",
    "100000000000000000",
    "123456789012345680000",
  ]) {
    assert.equal(again(text), text);
    const within = `{"__proto__":[${text},"9007199254740993 \\" [",{"n":-0}],"m":1.5e3}`;
    assert.equal(again(within), within.replace("1.5e3", "1500"));
  }
  assert.equal(readJson("9007199254740992"), 9007199254740992);
  assert.equal(readJson("9007199254740993"), 9007199254740993n);
  assert.equal(readJson("[1e17, 100000000000000000]")[1], 1e17);
  // JavaScript writes this number so, though it stands for another; it is a number again.
  assert.equal(readJson(JSON.stringify(1.2345678901234568e20)), 1.2345678901234568e20);
});

test("fractions are numbers of 53 bits", () => {
  assert.equal(again("0.1234567890123456789"), "0.12345678901234568");
  assert.equal(again("9007199254740993.5"), "9007199254740994");
});

test("a number over all doubles is refused when it is read", () => {
  for (const number of ["1e400", "-1E+400", "1.8e308", `1${"0".repeat(400)}.0`]) {
    for (const text of [number, `{"a":[{"b": ${number} }]}`]) {
      assert.throws(
        () => readJson(text),
        (failure) => {
          assert.ok(failure instanceof Failure);
          assert.equal(failure.kind, "json");
          assert.ok(failure.message.startsWith(`the number ${number.slice(0, 40)}`), failure.message);
          assert.ok(failure.message.length < 200);
          return true;
        },
      );
    }
  }
  assert.equal(readJson("1.7976931348623157e308"), Number.MAX_VALUE);
  assert.equal(readJson(`1${"0".repeat(400)}`), 10n ** 400n);
  assert.equal(readJson('"1e400"'), "1e400");
});

test("a number that is infinite is refused when it is written", () => {
  assert.throws(() => writeJson(Infinity, "it"), { kind: "json", message: "it is Infinity, which is no JSON" });
});

test("what is no JSON is refused by its place", () => {
  const cyclic = { a: [] };
  cyclic.a.push(cyclic);
  for (const [value, message] of [
    [undefined, "it is undefined, which is no JSON: give null if there is none"],
    [{ a: [1, undefined] }, "it.a[1] is undefined"],
    [{ a: { b: NaN } }, "it.a.b is NaN"],
    [() => 1, "it is a function"],
    [[Symbol("x")], "it[0] is a symbol"],
    [{ m: new Map([["a", 1]]) }, "it.m is a Map"],
    [new Set([1]), "it is a Set"],
    [{ bytes: new Uint8Array(2) }, "it.bytes is a typed array"],
    [Promise.resolve(1), "it is a promise, which is no JSON: actions are not async"],
    [new Error("x"), "it is an Error"],
    [cyclic, "it.a[0] is within itself"],
  ]) {
    assert.throws(
      () => writeJson(value, "it"),
      (failure) => {
        assert.equal(failure.kind, "json");
        assert.ok(failure.message.startsWith(message), failure.message);
        return true;
      },
    );
  }
});

test("members that are undefined are left out, toJSON is asked, objects of classes are written", () => {
  class Money {
    cents = 5n;
    currency = new String("EUR");
    #secret = 1;
    static none = 0;
  }
  assert.equal(
    writeJson({ a: undefined, b: new Date(0), c: new Money() }, "it"),
    '{"b":"1970-01-01T00:00:00.000Z","c":{"cents":5,"currency":"EUR"}}',
  );
});

test("a deep value is no mistake", () => {
  const text = "[".repeat(500) + "-0" + "]".repeat(500);
  assert.equal(again(text), text);
});
