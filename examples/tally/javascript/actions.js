import { actions, on } from "weir";

/** The tally that each language keeps, in its own branch of the key's memory. */
export default actions({
  "tally-javascript": on("input", ({ amount }, ctx) => {
    const count = ctx.memory.update("javascript.count", (count) => count + 1, 0);
    const total = ctx.memory.update("javascript.total", (total) => total + amount, 0);
    const doubled = ctx.durable("double", amount, () => amount * 2);
    ctx.output({ language: "javascript", count, total, doubled });
  }),
});
