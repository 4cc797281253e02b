// An agent that triages support tickets: a model is asked, over HTTP, what to do next, until it has an answer for the
// customer. Each of its answers is recorded, so that no crash makes the agent ask, or assign a ticket, twice.

import { actions, type Context, Failure, on } from "weir";

import { runTool, TOOLS } from "./tools.ts";

/** A message of a customer on a ticket, which is the event's key. */
export interface Message {
  ticket: string;
  from: string;
  text: string;
}

/** One entry of the conversation, as the model's interface has it. */
type Turn =
  | { role: "user"; content: string }
  | { role: "assistant"; content: string | null; tool_calls?: ToolCall[] }
  | { role: "tool"; tool_call_id: string; content: string };

export interface ToolCall {
  id: string;
  name: string;
  arguments: Record<string, unknown>;
}

const SYSTEM =
  "You triage support tickets. Look up what you need, assign the ticket to a team with a priority, " +
  "then answer the customer in one or two sentences.";

const TURNS_MAX = 8;

export default actions({
  triage: on("input", (message: Message, ctx) => {
    const conversation = ctx.memory.get<Turn[]>("conversation") ?? [];
    conversation.push({ role: "user", content: message.text });
    const { reply, turns } = converse(conversation, message, ctx);
    ctx.memory.set("conversation", conversation);
    const { team = null, priority = null } = ctx.memory.get("assigned") ?? {};
    ctx.output({ ticket: message.ticket, team, priority, reply, turns });
  }),
});

/** Has the model go on, with the tools it calls, until it answers the customer. */
function converse(conversation: Turn[], message: Message, ctx: Context): { reply: string | null; turns: number } {
  const model = `${ctx.requiredConfig("model")}/chat`;
  for (let turns = 1; turns <= TURNS_MAX; turns++) {
    const messages = [{ role: "system", content: SYSTEM }, ...conversation];
    const answer: Turn & { role: "assistant" } = ctx.post(model, { messages, tools: TOOLS }).json();
    conversation.push(answer);
    if (!answer.tool_calls?.length) return { reply: answer.content, turns };
    for (const call of answer.tool_calls) {
      const content = JSON.stringify(runTool(call, message, ctx));
      conversation.push({ role: "tool", tool_call_id: call.id, content });
    }
  }
  throw new Failure("too-many-turns", `the model had no answer for ${message.ticket} in ${TURNS_MAX} turns`);
}
