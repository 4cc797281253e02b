import { Failure } from "./failure.js";
import { crossing, host } from "./host.js";
import { readJson, writeJson } from "./json.js";

export class Memory {
  #scope;
  #host;

  constructor(scope, hostOf = host) {
    this.#scope = scope;
    this.#host = hostOf;
  }

  get(path) {
    const text = this.getText(path);
    return text === undefined ? undefined : readJson(text);
  }

  set(path, value) {
    const text = writeJson(value, `the value for memory path \`${shown(path)}\``);
    this.#host().memorySet(this.#scope, pathText(path), text);
  }

  update(path, change, initial) {
    const present = this.get(path);
    const value = change(present === undefined ? initial : present);
    this.set(path, value);
    return value;
  }

  delete(path) {
    return this.#host().memoryRemove(this.#scope, pathText(path));
  }

  has(path) {
    return this.#host().memoryExists(this.#scope, pathText(path));
  }

  fields(path = "") {
    return this.#host().memoryFields(this.#scope, pathText(path)) ?? undefined;
  }

  newObject(path) {
    this.#host().memoryNewObject(this.#scope, pathText(path));
  }

  getText(path) {
    return this.#host().memoryGet(this.#scope, pathText(path)) ?? undefined;
  }

  setText(path, json) {
    this.#host().memorySet(this.#scope, pathText(path), jsonText(json, `memory path \`${shown(path)}\``));
  }
}

/** Text that the caller gives as JSON: the host would end the attempt if it were none. */
export function jsonText(text, what) {
  try {
    JSON.parse(crossing(text, what));
  } catch (error) {
    throw new Failure("json", `the text for ${what} is no JSON: ${error.message}`);
  }
  return text;
}

function shown(path) {
  return Array.isArray(path) ? path.join(".") : String(path);
}

/** A path as the contract has it: the names of a list are escaped. */
function pathText(path) {
  const text = Array.isArray(path) ? path.map(escaped).join(".") : path;
  if (typeof text !== "string" || !text.isWellFormed()) {
    throw new Failure(
      "memory/invalid-path",
      `a memory path is ${JSON.stringify(path)}: give a text or a list of names`,
    );
  }
  return text;
}

function escaped(name) {
  if (name === "") throw new Failure("memory/invalid-path", "a list of names for memory holds an empty one");
  return String(name).replaceAll("\\", "\\\\").replaceAll(".", "\\.");
}
