/**
 * @file The functions of the host, as the rest of the SDK sees them: in a component the contract's imports
 * (`component.js`), in a test those of its TestKey (`testing/attempt.js`).
 *
 * JSON crosses as text. What refuses throws a Failure. `complete` takes and gives `{ ok: text }` or `{ failure }`.
 */

let current;

/** The host of the running action. */
export function host() {
  if (current === undefined) {
    throw new Error("there is no host here: use it in an action, and in a test run the action on a TestKey");
  }
  return current;
}

/** Whether an action is running. */
export function isRunning() {
  return current !== undefined;
}

/** Runs `body` with this host. */
export function withHost(newHost, body) {
  const before = current;
  current = newHost;
  try {
    return body();
  } finally {
    current = before;
  }
}

/** Text that crosses to the host as it is: what is not can't be written as UTF-8. */
export function crossing(text, what) {
  if (typeof text !== "string") throw new TypeError(`${what} is ${described(text)}: give a string`);
  if (!text.isWellFormed()) throw new TypeError(`${what} ${JSON.stringify(text)} holds half of a surrogate pair`);
  return text;
}

function described(value) {
  return value === null || value === undefined ? String(value) : `a ${typeof value}`;
}
