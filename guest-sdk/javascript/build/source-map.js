import { basename, relative, resolve, sep } from "node:path";

import { BASE64, decodeVlq, SDK_SOURCE_PREFIX } from "../src/place.js";

/**
 * A bundle's source map as the component keeps it: without the SDK's own sources, of packages the lines only, and each
 * line decodable by itself, so that an error costs no more in a large bundle.
 *
 * @param {{ sources: string[], mappings: string }} map of version 3
 * @param {string} folder what sources are named relative to
 * @param {string} sdk the folder of the SDK's sources
 */
export function compactMap({ sources, mappings }, folder, sdk) {
  const names = sources.map((source) => sourceName(source, folder, sdk));
  const isKept = names.map((name) => !name.startsWith(SDK_SOURCE_PREFIX));
  const isPackages = names.map((name) => name.includes("node_modules/"));
  let [source, row, column] = [0, 0, 0];
  const lines = mappings.split(";").map((line) => {
    let generated = 0;
    let last = [0, 0, 0, 0];
    let kept = "";
    for (const segment of line === "" ? [] : line.split(",")) {
      const fields = decodeVlq(segment);
      generated += fields[0];
      if (fields.length < 4) continue;
      source += fields[1];
      row += fields[2];
      column += fields[3];
      const isMore = kept !== "" && last[1] === source && isPackages[source];
      if (!isKept[source] || isMore) continue;
      const place = [generated, source, row, column];
      kept += `${kept === "" ? "" : ","}${place.map((number, i) => encodeVlq(number - last[i])).join("")}`;
      last = place;
    }
    return kept;
  });
  return { sources: names, lines: lines.join(";") };
}

function sourceName(source, folder, sdk) {
  if (source.startsWith(SDK_SOURCE_PREFIX)) return source;
  const path = resolve(folder, source);
  return path.startsWith(sdk + sep) ? SDK_SOURCE_PREFIX + basename(path) : relative(folder, path).replaceAll(sep, "/");
}

function encodeVlq(number) {
  let rest = number < 0 ? (-number << 1) | 1 : number << 1;
  let digits = "";
  do {
    const more = rest > 31 ? 32 : 0;
    digits += BASE64[(rest & 31) | more];
    rest >>>= 5;
  } while (rest > 0);
  return digits;
}
