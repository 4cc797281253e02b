// What the model may do: look things up at the desk, and assign the ticket.

import { type Context, Failure } from "weir";

import type { Message, ToolCall } from "./actions.ts";

const text = { type: "string" };

/** The tools as the model is told of them. */
export const TOOLS = [
  {
    name: "find_customer",
    description: "Finds a customer by email.",
    parameters: { type: "object", properties: { email: text }, required: ["email"] },
  },
  {
    name: "search_articles",
    description: "Searches the help articles.",
    parameters: { type: "object", properties: { query: text }, required: ["query"] },
  },
  {
    name: "assign",
    description: "Assigns the ticket to a team (billing, shipping, technical) with a priority (low, normal, high).",
    parameters: { type: "object", properties: { team: text, priority: text }, required: ["team", "priority"] },
  },
];

/** What a tool gives to the model: its result, or why there is none. A failure that may pass ends the attempt instead. */
export function runTool(call: ToolCall, message: Message, ctx: Context): unknown {
  try {
    return resultOf(call, message, ctx);
  } catch (failure) {
    if (!(failure instanceof Failure) || failure.retryable) throw failure;
    return { error: failure.message };
  }
}

function resultOf({ name, arguments: given }: ToolCall, { ticket }: Message, ctx: Context): unknown {
  const desk = ctx.requiredConfig("desk");
  switch (name) {
    case "find_customer":
      return ctx.get(`${desk}/customers?email=${encodeURIComponent(String(given.email))}`).json();
    case "search_articles":
      return ctx.get(`${desk}/articles?query=${encodeURIComponent(String(given.query))}`).json();
    case "assign": {
      const assigned = { team: given.team, priority: given.priority };
      const result = ctx.post(`${desk}/assignments`, { ticket, ...assigned }).json();
      ctx.memory.set("assigned", assigned);
      return result;
    }
    default:
      throw new Failure("unknown-tool", `there is no tool ${name}`);
  }
}
