/** @file Memory of a test: the same rules as the host's. */

import { Failure } from "../failure.js";

/** A tree of objects whose leaves are JSON texts. */
export class Tree {
  #root;

  constructor(root = new Map()) {
    this.#root = root;
  }

  clone() {
    return new Tree(cloned(this.#root));
  }

  get(path) {
    const node = this.#find(namesOf(path));
    return node === undefined ? null : textOf(node);
  }

  exists(path) {
    return this.#find(namesOf(path)) !== undefined;
  }

  fields(path) {
    const node = this.#find(namesOf(path));
    return node instanceof Map ? sorted(node).map(([name]) => name) : null;
  }

  set(path, text) {
    const names = namesOf(path);
    if (this.#toBeChanged(names, path) instanceof Map) {
      throw mismatch(`set ${JSON.stringify(path)}: an object stands there; remove it first`);
    }
    this.#parentOf(names).set(names.at(-1), text);
  }

  newObject(path) {
    const names = namesOf(path);
    const node = this.#toBeChanged(names, path);
    if (node instanceof Map) return;
    if (node !== undefined)
      throw mismatch(`make object ${JSON.stringify(path)}: a value stands there; remove it first`);
    this.#parentOf(names).set(names.at(-1), new Map());
  }

  remove(path) {
    const names = namesOf(path);
    if (names.length === 0) {
      const had = this.#root.size > 0;
      this.#root.clear();
      return had;
    }
    if (this.#find(names) === undefined) return false;
    return this.#parentOf(names).delete(names.at(-1)); // The parent stays, though it may be empty now.
  }

  /** What stands at the end of the names. A read finds nothing below a value. */
  #find(names) {
    let node = this.#root;
    for (const name of names) {
      if (!(node instanceof Map)) return undefined;
      node = node.get(name);
    }
    return node;
  }

  /** What stands at a path to be changed, which must not go through a value. */
  #toBeChanged(names, path) {
    let node = this.#root;
    for (const [i, name] of names.entries()) {
      if (typeof node === "string") {
        const at = JSON.stringify(names[i - 1]);
        throw mismatch(`change ${JSON.stringify(path)}: a value stands at ${at}; paths do not reach into values`);
      }
      node = node?.get(name);
    }
    return node;
  }

  /** The object that holds the last name, made where it is missing. */
  #parentOf(names) {
    let node = this.#root;
    for (const name of names.slice(0, -1)) {
      if (!node.has(name)) node.set(name, new Map());
      node = node.get(name);
    }
    return node;
  }
}

function textOf(node) {
  if (typeof node === "string") return node;
  return `{${sorted(node)
    .map(([name, below]) => `${JSON.stringify(name)}:${textOf(below)}`)
    .join()}}`;
}

function cloned(node) {
  return typeof node === "string" ? node : new Map(Array.from(node, ([name, below]) => [name, cloned(below)]));
}

/** In the order of the names' UTF-8 bytes, which is that of their code points. */
function sorted(node) {
  return Array.from(node).sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}

/** The names of a path: split at dots, `\.` and `\\` being a dot and a backslash in a name. */
function namesOf(path) {
  if (path === "") return [];
  const names = [""];
  for (let i = 0; i < path.length; i++) {
    if (path[i] === ".") {
      names.push("");
      continue;
    }
    if (path[i] === "\\") {
      i += 1;
      if (path[i] !== "." && path[i] !== "\\") {
        throw invalidPath(path, "has a backslash before neither a dot nor a backslash");
      }
    }
    names[names.length - 1] += path[i];
  }
  if (names.includes("")) throw invalidPath(path, "has an empty name; write `\\.` for a dot in a name");
  return names;
}

function invalidPath(path, why) {
  return new Failure("memory/invalid-path", `path ${JSON.stringify(path)} ${why}`);
}

function mismatch(why) {
  return new Failure("memory/type-mismatch", why);
}
