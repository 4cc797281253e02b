import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

import { load as loadTool } from "./build.js";

const OWN = { weir: "../src/index.js", "weir/testing": "../src/testing/index.js" };

/** Called by node for each import: where nobody has installed this package, it is this. */
export async function resolve(specifier, context, nextResolve) {
  try {
    return await nextResolve(specifier, context);
  } catch (error) {
    if (!Object.hasOwn(OWN, specifier)) throw error;
    return nextResolve(new URL(OWN[specifier], import.meta.url).href, context);
  }
}

/** Called by node for each module. Types are left out, and lines stay where they are. */
export async function load(url, context, nextLoad) {
  if (!/^file:.*\.m?ts$/.test(url)) return nextLoad(url, context);
  const { transform } = await loadTool("esbuild", process.cwd());
  const path = fileURLToPath(url);
  const options = { loader: "ts", format: "esm", target: "es2023", sourcefile: path, sourcemap: "inline" };
  const { code } = await transform(await readFile(path, "utf8"), options);
  return { format: "module", source: code, shortCircuit: true };
}
