import { runAction } from "../actions.js";
import { Failure } from "../failure.js";
import { installGlobals } from "../globals.js";
import { withHost } from "../host.js";
import { readJson, writeJson } from "../json.js";
import { Memory } from "../memory.js";
import { isTrap } from "../trap.js";
import { Attempt } from "./attempt.js";
import { Tree } from "./tree.js";

export class TestKey {
  config = {};
  headers = {};
  requests = [];
  calls = [];
  logs = [];
  #key;
  #startMs = 1_700_000_000_000;
  #sourceTimestampMs;
  #runs = 0;
  #trees = { sensory: new Tree(), "short-term": new Tree() };
  #task;
  #respond;
  #crashIn;

  constructor(key, { config = {}, headers = {} } = {}) {
    this.#key = key;
    this.config = { ...config };
    this.headers = { ...headers };
    this.memory = this.#memoryOf("short-term");
    this.sensory = this.#memoryOf("sensory");
  }

  run(action, payload) {
    this.#trees.sensory = new Tree();
    this.#runs += 1;
    return this.#start(action, payload, 0);
  }

  follow(action, payload) {
    if (this.#task === undefined) throw new Error("follow: a run begins with key.run");
    return this.#start(action, payload, this.#task.ordinal + 1);
  }

  again(action = this.#task?.action) {
    if (this.#task === undefined) throw new Error("again: what runs again was run before with key.run");
    this.#trees = clonesOf(this.#task.trees);
    return this.#attempt(action);
  }

  crashIn(name) {
    this.#crashIn = name;
  }

  onRequest(respond) {
    this.#respond = respond;
  }

  at(time) {
    this.#sourceTimestampMs = Number(time);
    this.#startMs = Number(time);
  }

  #start(action, payload, ordinal) {
    const text = writeJson(payload, "the payload");
    this.#task = { action, text, ordinal, trees: clonesOf(this.#trees), recorded: new Map() };
    return this.#attempt(action);
  }

  #attempt(action) {
    if (typeof action?.run !== "function") throw new TypeError("what runs on a TestKey is made by on(kind, function)");
    const task = this.#task;
    const event = {
      id: `${this.#key}/${this.#runs - 1}/${task.ordinal}`,
      kind: action.listensTo[0],
      payload: task.text,
    };
    const memory = clonesOf(this.#trees);
    const attempt = new Attempt({
      key: this.#key,
      sequenceNumber: this.#runs - 1,
      sourceTimestampMs: this.#sourceTimestampMs,
      startMs: this.#startMs,
      headers: this.headers,
      config: this.config,
      eventId: event.id,
      memory,
      recorded: task.recorded,
      respond: this.#respond,
      crashIn: this.#crashIn,
    });
    this.#crashIn = undefined;
    const failure = failureOfAttempt(attempt, () => runAction(action, event));
    task.recorded = attempt.calls.recorded;
    this.calls = attempt.calls.seen.map(shownCall);
    this.logs = attempt.logs;
    this.requests.push(...attempt.requests);
    if (failure !== undefined) throw failure;
    this.#trees = memory;
    return completedOf(attempt.events);
  }

  /** The key's memory for a test to look at and to arrange, as an action has it. */
  #memoryOf(scope) {
    const tree = () => this.#trees[scope];
    return new Memory(scope, () => ({
      memoryGet: (_, path) => tree().get(path),
      memoryExists: (_, path) => tree().exists(path),
      memoryFields: (_, path) => tree().fields(path),
      memorySet: (_, path, text) => tree().set(path, text),
      memoryNewObject: (_, path) => tree().newObject(path),
      memoryRemove: (_, path) => tree().remove(path),
    }));
  }
}

function clonesOf(trees) {
  return { sensory: trees.sensory.clone(), "short-term": trees["short-term"].clone() };
}

/** Runs an attempt, and gives why it failed; undefined if it completed. */
function failureOfAttempt(attempt, run) {
  const putBack = installGlobals({ echo: console });
  try {
    withHost(attempt, run);
    return attempt.calls.mistake();
  } catch (thrown) {
    return isTrap(thrown) ? new Failure("trap", thrown.message) : thrown;
  } finally {
    putBack();
  }
}

function completedOf(events) {
  const read = events.map(({ kind, text }) => ({ kind, payload: readJson(text) }));
  return {
    events: read.filter(({ kind }) => kind !== "output"),
    outputs: read.filter(({ kind }) => kind === "output").map(({ payload }) => payload),
  };
}

function shownCall({ name, replayed, outcome: { ok, failure } }) {
  return failure === undefined ? { name, replayed, result: readJson(ok) } : { name, replayed, failure };
}
