// What the model may do: look an order up, and give money back.

import type { Context } from "weir";

/** The tools as the model is told of them. */
export const TOOLS = [
  tool("find_order", "What is known of an order.", { order: { type: "string" } }),
  tool("refund", "Gives money back to the customer.", { order: { type: "string" }, cents: { type: "integer" } }),
];

function tool(name: string, description: string, properties: Record<string, { type: string }>) {
  const parameters = { type: "object", properties, required: Object.keys(properties) };
  return { type: "function", function: { name, description, parameters } };
}

/** What a tool tells the model. */
export function useTool(name: string, given: Record<string, unknown>, ctx: Context): unknown {
  const world = ctx.requiredConfig("world");
  console.log(name, given);
  switch (name) {
    case "find_order": {
      const found = ctx.get(`${world}/orders/${given.order}`, { anyStatus: true });
      return found.ok ? found.json() : { error: "there is no such order" };
    }
    case "refund":
      // An effect: it carries an Idempotency-Key, and its answer is recorded.
      return ctx.post(`${world}/refunds`, { ...given, customer: ctx.key }).json();
    default:
      return { error: `there is no tool ${name}` };
  }
}
