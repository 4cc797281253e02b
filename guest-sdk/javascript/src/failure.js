import { readJson, writeJson } from "./json.js";
import { shown } from "./log.js";

/** The longest wait that the contract can say. */
const WAIT_MS_MAX = 0xffff_ffff;

const OPTIONS = ["retryable", "retryAfterMs", "details"];

export class Failure extends Error {
  constructor(kind, message, options = {}) {
    super(String(message).toWellFormed());
    const unknown = Object.keys(options).find((name) => !OPTIONS.includes(name));
    if (unknown !== undefined) throw new TypeError(`a Failure has no option \`${unknown}\`, but ${OPTIONS.join(", ")}`);
    this.kind = String(kind).toWellFormed();
    this.retryAfterMs = waitMs(options.retryAfterMs);
    this.retryable = options.retryable ?? this.retryAfterMs !== undefined;
    // As text from the start, so that details which are no JSON show where the failure is made.
    hide(this, "detailsText", options.details === undefined ? null : writeJson(options.details, "details"));
  }

  static retryable(kind, message, options = {}) {
    return new Failure(kind, message, { ...options, retryable: true });
  }

  static fatal(kind, message, options = {}) {
    return new Failure(kind, message, { ...options, retryable: false });
  }

  get name() {
    return "Failure";
  }

  get details() {
    return this.detailsText === null ? undefined : readJson(this.detailsText);
  }
}

/** The contract's record as a failure. */
export function failureOfRecord({ retryable, retryAfterMs, kind, message, details }) {
  const failure = new Failure(kind, message, { retryable, retryAfterMs: retryAfterMs ?? undefined });
  hide(failure, "detailsText", details ?? null);
  return failure;
}

/** A failure as the contract's record. */
export function recordOfFailure({ retryable, retryAfterMs, kind, message, detailsText }) {
  return { retryable, retryAfterMs: retryAfterMs ?? null, kind, message, details: detailsText };
}

/** Whatever was thrown, as a failure: an error that is none is a fatal one of kind `error`. */
export function failureOf(thrown) {
  if (thrown instanceof Failure) return thrown;
  return new Failure("error", messageOfThrown(thrown));
}

function messageOfThrown(thrown) {
  if (thrown === undefined || thrown === null) return `${thrown} was thrown`;
  if (!(thrown instanceof Error)) return shown(thrown);
  try {
    return messageOf(thrown);
  } catch {
    return "an error was thrown whose name and message can't be read";
  }
}

/** The error's own message, and its class where that says more. */
function messageOf(error) {
  const causes = error.cause instanceof Error ? `: ${messageOf(error.cause)}` : "";
  const own = error.name === "Error" ? error.message : `${error.name}: ${error.message}`;
  return own + causes;
}

function hide(failure, name, value) {
  Object.defineProperty(failure, name, { value, enumerable: false, configurable: true });
}

function waitMs(ms) {
  if (ms === undefined) return undefined;
  if (typeof ms !== "number" || !(ms >= 0)) throw new TypeError(`retryAfterMs is ${String(ms)}: give milliseconds`);
  return Math.min(Math.ceil(ms), WAIT_MS_MAX);
}
