import { readJson, writeJson } from "../json.js";

/** JSON text as the host compares it: fields sorted. */
export function canonical(text) {
  return writeJson(sorted(readJson(text)), "the value");
}

function sorted(value) {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const members = Object.entries(value).map(([name, member]) => [name, sorted(member)]);
  return Object.fromEntries(members.sort(([a], [b]) => (a < b ? -1 : 1)));
}
