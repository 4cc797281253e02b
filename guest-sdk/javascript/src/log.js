import { isRunning, host } from "./host.js";
import { stackOf } from "./place.js";

/** Writes a line to the host's log. While the module loads, at build time, there is none. */
export function log(level, message) {
  if (isRunning()) host().log(level, message.toWellFormed());
}

/** An error that the host will know only by its message: with its places. */
export function logError(thrown) {
  log("error", shown(thrown));
}

/** What console.log and its like make of their arguments: `%s` and its like are filled in, the rest follows. */
export function formatted(values) {
  const rest = [...values];
  let text = "";
  if (typeof rest[0] === "string" && rest.length > 1) {
    text = rest.shift().replace(/%[sdifjoO%]/g, (directive) => {
      if (directive === "%%") return "%";
      if (rest.length === 0) return directive;
      const value = rest.shift();
      if (directive === "%d" || directive === "%f") return String(Number(value));
      if (directive === "%i") return String(Math.trunc(Number(value)));
      return shown(value);
    });
    if (rest.length > 0) text += " ";
  }
  return text + rest.map(shown).join(" ");
}

/** A value for people. What throws while it is read is said to. */
export function shown(value) {
  try {
    return shownIfReadable(value);
  } catch {
    return `[${value instanceof Error ? "an error" : "an object"} that can't be shown]`;
  }
}

function shownIfReadable(value) {
  if (typeof value === "string") return value;
  if (value instanceof Error) return stackOf(value);
  if (value instanceof Date) return String(value.toJSON());
  if (typeof value !== "object") return String(member("", value));
  try {
    return JSON.stringify(value, member);
  } catch {
    return String(value); // It holds itself.
  }
}

function member(_, value) {
  switch (typeof value) {
    case "bigint":
      return `${value}n`;
    case "undefined":
      return "undefined";
    case "function":
      return `[function ${value.name}]`;
    case "symbol":
      return String(value);
    default:
      if (value instanceof Error) return stackOf(value);
      if (value instanceof Map) return Array.from(value);
      return value instanceof Set ? Array.from(value) : value;
  }
}
