import { Context } from "./context.js";
import { Failure, failureOf } from "./failure.js";
import { readJson } from "./json.js";
import { logError } from "./log.js";
import { forgetTrap, isTrapped, rethrowTrap, trapped } from "./trap.js";
import { VERSION } from "./version.js";

/** An action: the kinds it listens to, and what it does. */
class Action {
  constructor(listensTo, run) {
    this.listensTo = listensTo;
    this.run = run;
    Object.freeze(this);
  }

  get takesText() {
    return false;
  }
}

/** An action that takes its payload as text. */
class TextAction extends Action {
  get takesText() {
    return true;
  }
}

export function on(kinds, run) {
  return new Action(kindsOf("on", kinds, run), run);
}

export function onText(kinds, run) {
  return new TextAction(kindsOf("onText", kinds, run), run);
}

/** What an action that `by` makes listens to. */
function kindsOf(by, kinds, run) {
  const listensTo = Object.freeze([kinds].flat());
  if (listensTo.length === 0 || listensTo.some((kind) => typeof kind !== "string" || kind === "")) {
    throw new TypeError(`${by}: ${JSON.stringify(kinds)} is no event kind: give a text, or a list of texts`);
  }
  if (typeof run !== "function") throw new TypeError(`${by}(${JSON.stringify(kinds)}): an action is a function`);
  return listensTo;
}

export function actions(definitions) {
  for (const [name, action] of Object.entries(definitions)) {
    if (!(action instanceof Action)) throw new TypeError(`action \`${name}\` is not made by on(kind, function)`);
    // They would come before all others, whatever the order in which they are written; and the order counts.
    if (/^\d+$/.test(name))
      throw new TypeError(`action \`${name}\`: a name of digits only loses its place; add a letter`);
    const type = Object.getPrototypeOf(action.run).constructor?.name;
    if (type === "AsyncFunction") throw new TypeError(`action \`${name}\` is async: ${PLAIN}`);
    if (type?.endsWith("GeneratorFunction")) throw new TypeError(`action \`${name}\` is a generator: ${PLAIN}`);
  }
  const listed = Object.freeze({ ...definitions });
  MADE.add(listed);
  for (const [name, action] of Object.entries(listed)) NAMES.set(action, name);
  return listed;
}

const MADE = new WeakSet();
const NAMES = new WeakMap();

/** The name under which `actions` lists it. */
export function nameOf(action) {
  return NAMES.get(action);
}

/** Whether `actions` made it: what else a module may export by default is no list of actions. */
export function areActions(value) {
  return MADE.has(value);
}

const PLAIN = "make it a plain function; the functions of ctx block, and the host lets other keys go on meanwhile";

/** What the component answers to `describe`. */
export function describe(definitions) {
  const listed = Object.entries(definitions).map(([name, { listensTo }]) => ({ name, listens_to: listensTo }));
  return JSON.stringify({ sdk: `javascript ${VERSION}`, actions: listed });
}

/** Runs the action of this name, and gives why it failed, if it did. Throws what is to end as a trap. */
export function failureOfInvoke(definitions, name, event) {
  if (!Object.hasOwn(definitions, name))
    return new Failure("unknown-action", `this component has no action \`${name}\``);
  try {
    runAction(definitions[name], event);
  } catch (thrown) {
    if (!isTrapped(thrown)) return thrown;
    thrown.stack = ""; // Its places are in the log already; the host would repeat the engine's own.
    throw thrown;
  }
  return undefined;
}

function payloadOf({ takesText }, { kind, payload }) {
  if (takesText) return payload;
  try {
    return readJson(payload);
  } catch (error) {
    throw new Failure("payload", `the payload of this \`${kind}\` event can't be read: ${error.message}`);
  }
}

/** Runs an action for an event, `{ id, kind, payload }`. Throws a Failure, or a trap. */
export function runAction(action, event) {
  forgetTrap();
  try {
    const returned = action.run(payloadOf(action, event), new Context(event));
    rethrowTrap();
    if (typeof returned?.then === "function") {
      throw new Failure(
        "async",
        `action \`${nameOf(action)}\` returned a promise, and what it waits for never comes: ${PLAIN}`,
      );
    }
  } catch (thrown) {
    const cause = trapped() ?? thrown;
    if (cause instanceof Failure) throw cause;
    logError(cause);
    if (isTrapped(cause)) throw cause;
    throw Object.assign(failureOf(cause), { cause }); // For who tests: the host takes no cause.
  }
}
