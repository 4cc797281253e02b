/**
 * @file Misuse of the contract that no outcome may hide: it ends the attempt, and nothing of it is recorded. An
 * exception is the only way to end, so one that the action catches is thrown again at the SDK's next step.
 */

class Trap extends Error {
  get name() {
    return "Trap";
  }
}

let trap;

export function endAsTrap(message) {
  endWith(new Trap(message));
}

export function isTrap(thrown) {
  return thrown instanceof Trap;
}

/** Ends the attempt with this error. */
export function endWith(error) {
  trap ??= error;
  throw trap;
}

/** What ended the attempt, though the action may have caught it; undefined if nothing did. */
export function trapped() {
  return trap;
}

/** Whether this is what ended the attempt. Undefined can be thrown too, and is not. */
export function isTrapped(thrown) {
  return trap !== undefined && thrown === trap;
}

export function rethrowTrap() {
  if (trap !== undefined) throw trap;
}

/** Before the next attempt: an instance may serve several. */
export function forgetTrap() {
  trap = undefined;
}
