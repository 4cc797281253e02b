import { createHash } from "node:crypto";

import { Failure, failureOfRecord, recordOfFailure } from "../failure.js";
import { endWith } from "../trap.js";
import { canonical } from "./canonical.js";

/** The durable calls of one attempt, by position, against those that earlier attempts recorded. */
export class RecordedCalls {
  /** What outlives the attempt: position to `{ name, args, outcome }`, the outcome undefined while it is pending. */
  recorded;
  /** What a test sees, in the order in which the outcomes came. */
  seen = [];
  #key;
  #asked = [];
  /** Retryable outcomes: recorded only if the action goes on to another call. */
  #unrecorded = new Map();

  constructor(key, recorded) {
    this.#key = key;
    this.recorded = new Map(recorded);
  }

  begun() {
    return this.#asked.length;
  }

  hasOpen() {
    return this.#asked.some((call) => call.isOpen);
  }

  openName() {
    return this.#asked.find((call) => call.isOpen)?.name;
  }

  nameAt(position) {
    return this.#asked[position]?.name;
  }

  /** Those from `batchFrom` on are begun together. */
  begin(name, argsText, { isReconcilable, batchFrom = Infinity }) {
    if (batchFrom === Infinity) refuseLength("begin a durable call: its function id", name, 1024);
    const args = canonical(argsText);
    if (batchFrom === Infinity && this.#asked.some((call) => call.isOpen && call.name === name && call.args === args)) {
      endWith(new Failure("trap", `begin durable call ${JSON.stringify(name)}: one with the same arguments is open; complete it first`));
    }
    for (const [position, result] of this.#unrecorded) this.recorded.set(position, result);
    this.#unrecorded.clear();
    const position = this.#asked.length;
    const ordinal = this.#freeOrdinal(name, args, batchFrom);
    const step = this.#stepOf(position, name, args, isReconcilable);
    if (isReconcilable && step.tag === "execute") this.recorded.set(position, { name, args, outcome: undefined });
    const isReplayed = step.tag === "replay";
    if (isReplayed) this.#show(name, true, step.outcome);
    const mayRepeat = isReplayed && isRetryable(step.outcome);
    this.#asked.push({ name, args, isReconcilable, isOpen: !isReplayed, ordinal, mayRepeat });
    const id = createHash("sha256")
      .update(JSON.stringify([this.#key, name, args, ordinal]))
      .digest("hex")
      .slice(0, 32);
    return { position, id, step };
  }

  complete(position, given) {
    const call = this.#asked[position];
    if (!call?.isOpen) endWith(new Failure("trap", `no call is open at position ${position}`));
    const outcome = recordedOf(given);
    call.isOpen = false;
    call.mayRepeat = isRetryable(outcome);
    const result = { name: call.name, args: call.args, outcome };
    (call.mayRepeat ? this.#unrecorded : this.recorded).set(position, result);
    this.#show(call.name, false, outcome);
    return outcome;
  }

  /** Why the attempt can't complete, though the action returned. */
  mistake() {
    const open = this.#asked.find((call) => call.isOpen);
    if (open !== undefined) {
      const kind = open.isReconcilable ? "reconcilable durable" : "durable";
      return new Failure("trap", `the action returned while the ${kind} call \`${open.name}\` is open`);
    }
    const unasked = [...this.recorded].find(([position]) => position >= this.#asked.length);
    if (unasked === undefined) return undefined;
    const [position, { name }] = unasked;
    return new Failure("divergence", `call ${position} was \`${name}\`, and the action completed without it`);
  }

  #stepOf(position, name, args, isReconcilable) {
    const recorded = this.recorded.get(position);
    if (recorded === undefined) return { tag: "execute" };
    if (recorded.name !== name || recorded.args !== args) {
      const was = `\`${recorded.name}\` ${recorded.args}`;
      endWith(new Failure("divergence", `call ${position} was ${was}, now it is \`${name}\` ${args}`));
    }
    if (recorded.outcome !== undefined) return { tag: "replay", outcome: recorded.outcome };
    if (!isReconcilable) {
      endWith(new Failure("divergence", `call ${position} is pending, and has no reconciler any more`));
    }
    return { tag: "reconcile" };
  }

  /**
   * The lowest ordinal that no call of this name and these arguments holds. One whose outcome was a retryable failure
   * gives its ordinal back, but not to those that began together with it.
   */
  #freeOrdinal(name, args, batchFrom) {
    const holds = (call, position) =>
      call.name === name && call.args === args && (!call.mayRepeat || position >= batchFrom);
    const held = new Set(this.#asked.filter(holds).map((call) => call.ordinal));
    let ordinal = 0;
    while (held.has(ordinal)) ordinal += 1;
    return ordinal;
  }

  #show(name, replayed, outcome) {
    this.seen.push({ name, replayed, outcome });
  }
}

/** Traps, as the host does, on a name that is empty or longer than it takes. */
export function refuseLength(what, name, bytesMax) {
  const length = Buffer.byteLength(name);
  if (length >= 1 && length <= bytesMax) return;
  endWith(new Failure("trap", `${what} must be 1 to ${bytesMax} bytes, not ${length}`));
}

/** An outcome as the log holds it: of a failure its record, and nothing that whoever threw it holds on to. */
function recordedOf({ failure, ...outcome }) {
  return failure === undefined ? outcome : { ...outcome, failure: failureOfRecord(recordOfFailure(failure)) };
}

function isRetryable({ failure }) {
  return failure?.retryable === true;
}
