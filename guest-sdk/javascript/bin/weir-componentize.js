#!/usr/bin/env node
import { writeFileSync } from "node:fs";
import { basename, extname } from "node:path";
import { parseArgs } from "node:util";

import { buildComponent, BuildError } from "../build/build.js";

const USAGE = `weir-componentize SOURCE [-o COMPONENT]
Makes a component of the actions that SOURCE, JavaScript or TypeScript, exports by default.
  -o, --output COMPONENT   where it is put; default: SOURCE's name with .wasm, in the current folder`;

try {
  const options = { output: { type: "string", short: "o" }, help: { type: "boolean", short: "h" } };
  const { values, positionals } = parseArgs({ options, allowPositionals: true });
  if (values.help) {
    console.log(USAGE);
  } else {
    if (positionals.length !== 1) throw new BuildError(USAGE);
    const [source] = positionals;
    const output = values.output ?? `${basename(source, extname(source))}.wasm`;
    const { component, warnings } = await buildComponent(source);
    write(output, component);
    for (const warning of warnings) console.error(`warning: ${warning}`);
  }
} catch (error) {
  console.error(error instanceof BuildError || error.code?.startsWith("ERR_PARSE_ARGS") ? error.message : error);
  process.exitCode = error instanceof BuildError ? 1 : 2;
}

function write(path, component) {
  try {
    writeFileSync(path, component);
  } catch (error) {
    throw new BuildError(`write ${path}: ${error.message}`);
  }
}
