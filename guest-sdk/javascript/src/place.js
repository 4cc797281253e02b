/** @file Places in the user's source: `weir-componentize` leaves the bundle's source map in the component. */

/** The engine names the bundle so. */
const FRAME = /^\s*at (?:(.*) \()?(?:componentize-qjs:)?user\.js:(\d+):(\d+)\)?$/;

/** What `weir-componentize` calls the SDK's own sources, which tell a user nothing. */
export const SDK_SOURCE_PREFIX = "weir/";

/**
 * Where the map is kept: `sources`, and `lines` as the mappings of a source map, each line counted from its own start.
 */
export const SOURCE_MAP_NAME = "__weir_source_map";

/** The error with its class and places, in the user's source where that is known. */
export function stackOf(error, map = globalThis[SOURCE_MAP_NAME]) {
  const head = `${error.name}: ${error.message}`;
  const stack = String(error.stack ?? "");
  if (map === undefined) return stack.includes(head) ? stack : `${head}\n${stack}`.trimEnd();
  return [head, ...mappedFrames(stack, map)].join("\n");
}

/** The frames of a stack that stand in the user's source, as lines. */
export function mappedFrames(stack, map) {
  return placesOf(stack, map).map(({ name, source, row, column }) => {
    const at = `${source}:${row + 1}:${column + 1}`;
    return name === undefined || name === "<anonymous>" ? `    at ${at}` : `    at ${name} (${at})`;
  });
}

/** Whether whoever called the SDK is a package that the user's module imports. */
export function isCalledByPackage(map = globalThis[SOURCE_MAP_NAME]) {
  const places = map === undefined ? [] : placesOf(new Error().stack, map);
  return places.length > 0 && places[0].source.includes("node_modules/");
}

function placesOf(stack, { sources, lines }) {
  const map = { sources, lines: lines.split(";") };
  const places = [];
  for (const line of stack.split("\n")) {
    const [, name, row, column] = FRAME.exec(line) ?? [];
    const place = row === undefined ? undefined : placeOf(map, Number(row) - 1, Number(column) - 1);
    if (place !== undefined && !place.source.startsWith(SDK_SOURCE_PREFIX)) places.push({ name, ...place });
  }
  return places;
}

/** The source place of the last segment at or before the column, or of the first. */
function placeOf(map, generatedRow, generatedColumn) {
  let [at, source, row, column] = [0, 0, 0, 0];
  let found;
  for (const segment of map.lines[generatedRow]?.split(",") ?? []) {
    if (segment === "") continue;
    const fields = decodeVlq(segment);
    at += fields[0];
    if (at > generatedColumn && found !== undefined) break;
    source += fields[1];
    row += fields[2];
    column += fields[3];
    found = { source: map.sources[source], row, column };
  }
  return found;
}

export const BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** The numbers of a segment: base 64, five bits a digit, the least first, the sign in the lowest bit. */
export function decodeVlq(segment) {
  const numbers = [];
  let [value, shift] = [0, 0];
  for (const digit of segment) {
    const bits = BASE64.indexOf(digit);
    value |= (bits & 31) << shift;
    shift += 5;
    if (bits & 32) continue;
    numbers.push(value & 1 ? -(value >> 1) : value >> 1);
    [value, shift] = [0, 0];
  }
  return numbers;
}
