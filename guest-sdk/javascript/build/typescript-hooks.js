import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

import { load as loadTool } from "./build.js";

/** Called by node for each module. Types are left out, and lines stay where they are. */
export async function load(url, context, nextLoad) {
  if (!/^file:.*\.m?ts$/.test(url)) return nextLoad(url, context);
  const { transform } = await loadTool("esbuild", process.cwd());
  const path = fileURLToPath(url);
  const options = { loader: "ts", format: "esm", target: "es2023", sourcefile: path, sourcemap: "inline" };
  const { code } = await transform(await readFile(path, "utf8"), options);
  return { format: "module", source: code, shortCircuit: true };
}
