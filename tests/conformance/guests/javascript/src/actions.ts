// What a guest of the conformance suite is: see tests/conformance/README.md.

import { actions, on, onText } from "weir";

import { crash } from "./crash.ts";
import { runSteps } from "./script.ts";

export default actions({
  echo: on(["input", "echo"], (payload, ctx) => {
    ctx.output(payload);
  }),
  raw: onText("raw", (text, ctx) => {
    ctx.emitText("output", text);
  }),
  script: on(["script", "next"], ({ steps }, ctx) => {
    ctx.output(runSteps(steps, ctx));
  }),
  crash: on("crash", ({ how }, ctx) => crash(how, ctx)),
});
