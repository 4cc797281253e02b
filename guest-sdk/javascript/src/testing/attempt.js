import { createHash } from "node:crypto";

import { Failure } from "../failure.js";
import { endWith, rethrowTrap } from "../trap.js";
import { RecordedCalls, refuseLength } from "./calls.js";
import { answerOfOutcome, exchange, outcomeOfAnswer } from "./exchange.js";
import { TestRequest } from "./request.js";

/** The host of one attempt of an action in a test, as `host.js` has it. */
export class Attempt {
  events = [];
  logs = [];
  requests = [];
  #clockUs = 0;
  /** Random numbers drawn since so many calls had begun; those of bodies apart, for a replay skips them. */
  #drawn = { own: { begun: 0, draws: 0 }, body: { begun: 0, draws: 0 } };

  /** @param setting what the test says of its key, the event, the memories, the calls recorded so far */
  constructor(setting) {
    this.setting = setting;
    this.calls = new RecordedCalls(setting.key, setting.recorded);
  }

  key() {
    return this.setting.key;
  }

  keyIsText() {
    return true;
  }

  sequenceNumber() {
    return this.setting.sequenceNumber;
  }

  sourceTimestampMs() {
    return this.setting.sourceTimestampMs ?? null;
  }

  header(name) {
    return lookUp(this.setting.headers, name);
  }

  config(name) {
    return lookUp(this.setting.config, name);
  }

  nowMs() {
    if (!this.calls.hasOpen()) this.#clockUs += 1; // A body's readings move nothing, for a replay skips them.
    return this.setting.startMs + Math.floor(this.#clockUs / 1000);
  }

  randomU32() {
    const isInBody = this.calls.hasOpen();
    const stream = this.#drawn[isInBody ? "body" : "own"];
    const begun = this.calls.begun();
    stream.draws = stream.begun === begun ? stream.draws + 1 : 1;
    stream.begun = begun;
    const seed = JSON.stringify([this.setting.eventId, begun, isInBody, stream.draws]);
    return createHash("sha256").update(seed).digest().readUInt32LE();
  }

  log(level, message) {
    this.logs.push({ level, message });
  }

  emit(kind, payload) {
    this.#refuseWhileOpen("emit");
    refuseLength("emit an event: its kind", kind, 128);
    this.events.push({ kind, text: payload });
    return `${this.setting.eventId}/${this.events.length - 1}`;
  }

  memoryGet(scope, path) {
    return this.setting.memory[scope].get(path);
  }

  memoryExists(scope, path) {
    return this.setting.memory[scope].exists(path);
  }

  memoryFields(scope, path) {
    return this.setting.memory[scope].fields(path);
  }

  memorySet(scope, path, text) {
    this.#refuseWhileOpen("memory.set");
    this.setting.memory[scope].set(path, text);
  }

  memoryNewObject(scope, path) {
    this.#refuseWhileOpen("memory.newObject");
    this.setting.memory[scope].newObject(path);
  }

  memoryRemove(scope, path) {
    this.#refuseWhileOpen("memory.delete");
    return this.setting.memory[scope].remove(path);
  }

  begin(name, args) {
    return this.calls.begin(name, args, { isReconcilable: false });
  }

  beginReconcilable(name, args) {
    return this.calls.begin(name, args, { isReconcilable: true });
  }

  complete(position, outcome) {
    rethrowTrap();
    if (this.calls.nameAt(position) === this.setting.crashIn) {
      const why = `the process died before the outcome of \`${this.setting.crashIn}\` was recorded`;
      endWith(Failure.retryable("crash", why));
    }
    return this.calls.complete(position, outcome);
  }

  send(request) {
    return this.sendAll([request])[0];
  }

  /** Sends requests that belong to an open call, or else makes a durable call of each. */
  sendAll(requests) {
    rethrowTrap();
    if (this.calls.hasOpen()) return requests.map((request) => this.#exchange(request));
    const batchFrom = this.calls.begun();
    const begun = requests.map((request) => this.calls.begin(...callOf(request), { isReconcilable: false, batchFrom }));
    return begun.map(({ position, id, step }, i) => {
      if (step.tag === "replay") return answerOfOutcome(step.outcome);
      const answer = this.#exchange(withIdempotencyKey(requests[i], id));
      this.complete(position, outcomeOfAnswer(answer));
      return answer;
    });
  }

  #exchange(request) {
    const seen = new TestRequest(request);
    this.requests.push(seen);
    return exchange(seen, this.setting.respond);
  }

  #refuseWhileOpen(what) {
    const open = this.calls.openName();
    if (open === undefined) return;
    endWith(new Failure("trap", `${what} while the durable call \`${open}\` is open: a replay would skip it`));
  }
}

function lookUp(object, name) {
  return Object.hasOwn(object, name) ? String(object[name]) : null;
}

function callOf({ method, url, body }) {
  const bytes = body.bytes === undefined ? undefined : Array.from(body.bytes);
  return [`${method} ${url.split(/[?#]/, 1)[0]}`, JSON.stringify({ method, url, text: body.text, bytes })];
}

function withIdempotencyKey(request, id) {
  if (request.headers.some(([name]) => name.toLowerCase() === "idempotency-key")) return request;
  return { ...request, headers: [...request.headers, ["Idempotency-Key", id]] };
}
