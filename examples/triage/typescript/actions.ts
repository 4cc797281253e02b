// An agent that triages tickets: it asks a model, uses the tools that the model calls, until the model has a verdict.
//
// Each request is recorded as its answer comes. Killed in mid-conversation, the action is run again from the start, is
// given what was recorded, and goes on where it was: no turn of the model is paid for twice, and no refund is made twice.

import { actions, type Context, Failure, on } from "weir";

import { TOOLS, useTool } from "./tools.ts";

export interface Ticket {
  customer: string;
  ticket: string;
  text: string;
}

/** One entry of a conversation, as chat-completion services have it. */
type Message =
  { role: "system" | "user"; content: string } | { role: "tool"; tool_call_id: string; content: string } | Reply;

interface Reply {
  role: "assistant";
  content: string | null;
  tool_calls?: { id: string; type: "function"; function: { name: string; arguments: string } }[];
}

interface Verdict {
  category: string;
  urgency: string;
  answer: string;
}

const TURNS_MAX = 8;
const MESSAGES_KEPT = 20;
const SYSTEM: Message = {
  role: "system",
  content:
    "You triage tickets of a shop. Use the tools for what you do not know. " +
    'When you are done, answer with JSON alone: {"category", "urgency", "answer"}.',
};

export default actions({
  "triage-typescript": on("input", ({ ticket, text }: Ticket, ctx) => {
    // What was said with this customer before: the key is the customer.
    const before = ctx.memory.get<Message[]>("typescript.conversation") ?? [];
    const conversation: Message[] = [...before, { role: "user", content: text }];
    const reply = converse(conversation, ctx);
    const verdict: Verdict = JSON.parse(reply.content ?? "");
    ctx.memory.set("typescript.conversation", conversation.slice(-MESSAGES_KEPT));
    ctx.memory.update("typescript.tickets", (tickets) => tickets + 1, 0);
    ctx.output({ language: "typescript", ticket, ...verdict });
  }),
});

/** Lets the model and its tools talk until the model calls none. */
function converse(conversation: Message[], ctx: Context): Reply {
  for (let turn = 1; turn <= TURNS_MAX; turn++) {
    const reply = askModel(conversation, ctx);
    conversation.push(reply);
    if (!reply.tool_calls?.length) return reply;
    for (const { id, function: called } of reply.tool_calls) {
      const result = useTool(called.name, JSON.parse(called.arguments), ctx);
      conversation.push({ role: "tool", tool_call_id: id, content: JSON.stringify(result) });
    }
  }
  throw new Failure("too-many-turns", `the model came to no verdict in ${TURNS_MAX} turns`);
}

function askModel(conversation: Message[], ctx: Context): Reply {
  const url = `${ctx.requiredConfig("world")}/v1/chat/completions`;
  const request = {
    model: "scripted",
    user: `${ctx.key}/typescript`,
    messages: [SYSTEM, ...conversation],
    tools: TOOLS,
  };
  return ctx.post(url, request, { timeoutMs: 20_000 }).json().choices[0].message;
}
