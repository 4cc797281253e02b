/**
 * @file Misuse of the contract that no outcome may hide: it ends the attempt, and nothing of it is recorded. An exception
 * is the only way to end, so one that the action catches is thrown again at the SDK's next step.
 */

class Trap extends Error {
  get name() {
    return "Trap";
  }
}

let trap;

export function endAsTrap(message) {
  trap = new Trap(message);
  throw trap;
}

/** The trap of this invocation, which the action may have caught. */
export function trapped() {
  return trap;
}

export function rethrowTrap() {
  if (trap !== undefined) throw trap;
}

/** Before the next invocation: an instance may serve several. */
export function forgetTrap() {
  trap = undefined;
}
