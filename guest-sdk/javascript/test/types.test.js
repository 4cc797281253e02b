import assert from "node:assert/strict";
import test from "node:test";
import { fileURLToPath } from "node:url";

import ts from "typescript";

test("types take what they should, and refuse the rest", () => {
  const options = {
    strict: true,
    noEmit: true,
    target: ts.ScriptTarget.ES2023,
    lib: ["lib.es2023.d.ts"],
    types: [],
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
  };
  const program = ts.createProgram([fileURLToPath(new URL("types.ts", import.meta.url))], options);
  const messages = ts.getPreEmitDiagnostics(program).map(({ file, start, messageText }) => {
    const line = file === undefined ? 0 : file.getLineAndCharacterOfPosition(start).line + 1;
    return `${file?.fileName}:${line}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`;
  });
  assert.deepEqual(messages, []);
});
