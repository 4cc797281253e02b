/**
 * @file What JavaScript has from its surroundings, served by the host: the clock, randomness, the console. A component
 * is a snapshot of the loaded module, so whatever is drawn while it loads would be the same in every instance for ever.
 */

import { host, isRunning } from "./host.js";
import { formatted, log } from "./log.js";
import { isCalledByPackage } from "./place.js";
import { decodeUtf8, decodeUtf8Lossy, encodeUtf8 } from "./utf8.js";

const NativeDate = Date;

/** Puts the host's into their place, and gives a function that puts back what was there. */
export function installGlobals({ echo } = {}) {
  const undo = [
    replace(globalThis, "Date", HostDate),
    replace(globalThis, "performance", Object.freeze({ timeOrigin: 0, now: () => nowMs("performance.now()") })),
    replace(globalThis, "crypto", Object.freeze({ getRandomValues, randomUUID })),
    replace(globalThis, "console", consoleOf(echo)),
    replace(Math, "random", random),
    ...Object.entries(ABSENT).map(([name, advice]) => replace(globalThis, name, absent(name, advice))),
  ];
  if (globalThis.TextEncoder === undefined) replace(globalThis, "TextEncoder", Utf8Encoder);
  if (globalThis.TextDecoder === undefined) replace(globalThis, "TextDecoder", Utf8Decoder);
  return () => undo.forEach((putBack) => putBack());
}

/** Functions that an action can't have, and what it has instead. */
const ABSENT = {
  fetch: "use ctx.fetch, which blocks and whose response is recorded",
  setTimeout: "an action does not wait; throw Failure.retryable(kind, message, { retryAfterMs }) to be run again later",
  setInterval: "an action does not wait; emit an event for what comes next",
  setImmediate: "an action is not async; call the function",
  queueMicrotask: "an action is not async; call the function",
};

function absent(name, advice) {
  return () => {
    throw new Error(`an action has no ${name}: ${advice}`);
  };
}

function replace(object, name, value) {
  const before = Object.getOwnPropertyDescriptor(object, name);
  Object.defineProperty(object, name, {
    value,
    writable: true,
    enumerable: before?.enumerable ?? false,
    configurable: true,
  });
  return () => (before === undefined ? delete object[name] : Object.defineProperty(object, name, before));
}

function nowMs(what) {
  if (isRunning()) return host().nowMs();
  refuseWhileLoading(what);
  return 0;
}

function randomU32(what) {
  if (isRunning()) return host().randomU32();
  refuseWhileLoading(what);
  loadRandom = (Math.imul(loadRandom, 1_664_525) + 1_013_904_223) >>> 0;
  return loadRandom;
}

/** What packages draw while they load, the same in every build: they mix maps or name things by it, hardly more. */
let loadRandom = 1;

/** A package may look at the clock or draw while it loads; whoever writes actions would wonder. */
function refuseWhileLoading(what) {
  if (!what.startsWith("crypto") && isCalledByPackage()) return;
  throw new Error(`${what} outside an action would be the same for ever: the module is loaded once, when it is built`);
}

function HostDate(...parts) {
  const now = () => nowMs("the time of day");
  if (new.target === undefined) return new NativeDate(now()).toString();
  return Reflect.construct(NativeDate, parts.length === 0 ? [now()] : parts, new.target);
}
HostDate.prototype = NativeDate.prototype;
HostDate.now = () => nowMs("Date.now()");
Object.defineProperty(HostDate, "name", { value: "Date" });
Object.setPrototypeOf(HostDate, NativeDate); // Date.parse, Date.UTC

/** As many random bits as a number between 0 and 1 has. */
function random() {
  const high = randomU32("Math.random()") >>> 5;
  const low = randomU32("Math.random()") >>> 6;
  return (high * 2 ** 26 + low) / 2 ** 53;
}

function getRandomValues(array) {
  if (!ArrayBuffer.isView(array) || array instanceof DataView || /^Float/.test(array.constructor.name)) {
    throw new TypeError("crypto.getRandomValues fills a typed array of whole numbers");
  }
  const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  for (let at = 0; at < bytes.length; at += 4) {
    const drawn = randomU32("crypto.getRandomValues()");
    for (let i = 0; i < 4 && at + i < bytes.length; i++) bytes[at + i] = drawn >>> (8 * i);
  }
  return array;
}

/** A UUID of version 4. */
function randomUUID() {
  const bytes = getRandomValues(new Uint8Array(16));
  bytes[6] = 0x40 | (bytes[6] & 0x0f);
  bytes[8] = 0x80 | (bytes[8] & 0x3f);
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/** A console whose lines go to the host's log, and to `echo` too: in a test, to whoever runs it. */
function consoleOf(echo) {
  const to =
    (level, method) =>
    (...values) => {
      echo?.[method](...values);
      log(level, formatted(values));
    };
  return {
    trace: to("trace", "debug"),
    debug: to("debug", "debug"),
    log: to("info", "log"),
    info: to("info", "info"),
    dir: to("info", "log"),
    warn: to("warn", "warn"),
    error: to("error", "error"),
    assert: (isTrue, ...values) => isTrue || to("error", "error")("Assertion failed:", ...values),
  };
}

class Utf8Encoder {
  encoding = "utf-8";

  encode(text = "") {
    return encodeUtf8(String(text));
  }
}

class Utf8Decoder {
  encoding = "utf-8";
  #fatal;

  constructor(encoding = "utf-8", { fatal = false } = {}) {
    if (!/^utf-?8$/i.test(encoding)) throw new RangeError(`TextDecoder knows utf-8 only, not ${encoding}`);
    this.#fatal = fatal;
  }

  decode(bytes = new Uint8Array()) {
    const view = ArrayBuffer.isView(bytes)
      ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      : new Uint8Array(bytes);
    const text = this.#fatal ? decodeUtf8(view) : decodeUtf8Lossy(view);
    if (text === undefined) throw new TypeError("the bytes are not UTF-8");
    return text.replace(/^\ufeff/, "");
  }
}
