/** @file Values as JSON text and back, without what JSON.stringify and JSON.parse lose in silence. */

import { Failure } from "./failure.js";

/** The depth from which a value is looked at more closely: it may hold itself, for the host takes none so deep. */
const DEPTH_PLAIN_MAX = 256;

/**
 * A value as JSON text. A BigInt is written as a whole number, and -0 as such; what is no JSON is refused by its place.
 * Like JSON.stringify it leaves out members that are undefined, and asks `toJSON`.
 *
 * @param {unknown} value
 * @param {string} what names the value in a message
 */
export function writeJson(value, what) {
  return isPlain(value, 0) ? JSON.stringify(value) : write(value, { what, path: "", within: new Set() });
}

/**
 * JSON text as a value. A whole number that a number can't hold comes as a BigInt, so that it is written again as it
 * was; a number over all doubles is refused.
 *
 * @param {string} text
 */
export function readJson(text) {
  const value = JSON.parse(text);
  return mayBeRounded(value) ? read(text) : value;
}

/** Whether JSON.stringify writes the value as it is. */
function isPlain(value, depth) {
  switch (typeof value) {
    case "string":
    case "boolean":
      return true;
    case "number":
      return Number.isFinite(value) && (value !== 0 || !Object.is(value, -0));
    case "object":
      break;
    default:
      return false;
  }
  if (value === null) return true;
  if (depth > DEPTH_PLAIN_MAX) return false;
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) if (!isPlain(value[i], depth + 1)) return false;
    return true;
  }
  const prototype = Object.getPrototypeOf(value);
  if ((prototype !== Object.prototype && prototype !== null) || value.toJSON !== undefined) return false;
  for (const name in value) {
    const member = value[name];
    if (member !== undefined && !isPlain(member, depth + 1)) return false;
  }
  return true;
}

function write(value, place) {
  switch (typeof value) {
    case "string":
    case "boolean":
      return JSON.stringify(value);
    case "bigint":
      return value.toString();
    case "number":
      if (!Number.isFinite(value)) throw notJson(place, `${value}`);
      return Object.is(value, -0) ? "-0" : JSON.stringify(value);
    case "object":
      return value === null ? "null" : writeObject(value, place);
    case "undefined":
      throw notJson(place, "undefined", "give null if there is none");
    default:
      throw notJson(place, `a ${typeof value}`);
  }
}

function writeObject(value, place) {
  if (place.within.has(value)) throw notJson(place, "within itself");
  const within = new Set(place.within).add(value);
  const at = (name) => ({ what: place.what, path: place.path + name, within });
  if (typeof value.toJSON === "function") return write(value.toJSON(), at(""));
  if (Array.isArray(value)) return `[${Array.from(value, (item, i) => write(item, at(`[${i}]`))).join()}]`;
  if (value instanceof Number || value instanceof String || value instanceof Boolean)
    return write(value.valueOf(), place);
  refuseObject(value, place);
  const members = Object.keys(value).filter((name) => value[name] !== undefined);
  return `{${members.map((name) => `${JSON.stringify(name)}:${write(value[name], at(`.${name}`))}`).join()}}`;
}

/** Objects that JSON.stringify would write as `{}` or the like, losing what they hold. */
function refuseObject(value, place) {
  if (typeof value.then === "function") throw notJson(place, "a promise", "actions are not async");
  if (value instanceof Map) throw notJson(place, "a Map", "use Object.fromEntries or an array");
  if (value instanceof Set) throw notJson(place, "a Set", "use an array");
  if (ArrayBuffer.isView(value)) throw notJson(place, "a typed array", "use Array.from, or a text");
  for (const type of [ArrayBuffer, RegExp, Error, WeakMap, WeakSet]) {
    if (value instanceof type) throw notJson(place, `${/^[AE]/.test(type.name) ? "an" : "a"} ${type.name}`);
  }
}

function notJson({ what, path }, is, advice) {
  return new Failure("json", `${what}${path} is ${is}, which is no JSON${advice === undefined ? "" : `: ${advice}`}`);
}

/** Whether a number in the value is so large that its text may have said another. */
function mayBeRounded(value) {
  if (typeof value === "number") return value > Number.MAX_SAFE_INTEGER || value < Number.MIN_SAFE_INTEGER;
  if (typeof value !== "object" || value === null) return false;
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) if (mayBeRounded(value[i])) return true; // `some` takes more of the stack.
    return false;
  }
  for (const name in value) if (mayBeRounded(value[name])) return true;
  return false;
}

const TOKEN = /[\s,:]*("(?:[^"\\]|\\.)*"|[[\]{}]|[^\s,:[\]{}"]+)/gy;

/** Reads text that is known to be JSON, whole numbers as they are written. */
function read(text) {
  const tokens = Array.from(text.matchAll(TOKEN), (match) => match[1]).values();
  const next = () => tokens.next().value;
  const value = (token) => {
    if (token === "[") return array();
    if (token === "{") return object();
    return /^-?\d/.test(token) ? number(token) : JSON.parse(token);
  };
  const array = () => {
    const items = [];
    for (let token = next(); token !== "]"; token = next()) items.push(value(token));
    return items;
  };
  const object = () => {
    const members = {};
    for (let token = next(); token !== "}"; token = next()) {
      const descriptor = { value: value(next()), writable: true, enumerable: true, configurable: true };
      Object.defineProperty(members, JSON.parse(token), descriptor); // `__proto__` is a name like others here.
    }
    return members;
  };
  return value(next());
}

/** A fraction keeps 53 bits, however many digits it is written with; but infinite it is not. */
function number(text) {
  if (/^-?\d+$/.test(text)) return wholeNumber(text);
  const value = Number(text);
  if (Number.isFinite(value)) return value;
  const shown = text.slice(0, 40);
  throw new Failure("json", `the number ${shown} is too large for JavaScript: take the text (onText, getText, text())`);
}

/** A number if it is written again as it was; 2^64 would be written as 18446744073709552000. */
function wholeNumber(text) {
  const number = Number(text);
  return String(number) === text || Object.is(number, -0) ? number : BigInt(text);
}
