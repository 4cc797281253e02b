"""An agent that triages tickets: it asks a model, uses the tools that the model calls, until the model has a verdict.

Each request is recorded as its answer comes. Killed in mid-conversation, the action is run again from the start, is
given what was recorded, and goes on where it was: no turn of the model is paid for twice, and no refund is made twice.
"""

import json
import logging

from weir import Failure, action

TURNS_MAX = 8
MESSAGES_KEPT = 20
SYSTEM = {
    "role": "system",
    "content": "You triage tickets of a shop. Use the tools for what you do not know. "
    'When you are done, answer with JSON alone: {"category", "urgency", "answer"}.',
}
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "find_order",
            "description": "What is known of an order.",
            "parameters": {"type": "object", "properties": {"order": {"type": "string"}}, "required": ["order"]},
        },
    },
    {
        "type": "function",
        "function": {
            "name": "refund",
            "description": "Gives money back to the customer.",
            "parameters": {
                "type": "object",
                "properties": {"order": {"type": "string"}, "cents": {"type": "integer"}},
                "required": ["order", "cents"],
            },
        },
    },
]


@action("input", name="triage-python")
def triage(ticket, ctx):
    # What was said with this customer before: the key is the customer.
    before = ctx.memory.get("python.conversation", [])
    conversation = [*before, {"role": "user", "content": ticket["text"]}]
    reply = converse(conversation, ctx)
    verdict = json.loads(reply["content"])
    ctx.memory["python.conversation"] = conversation[-MESSAGES_KEPT:]
    ctx.memory.update("python.tickets", lambda tickets: tickets + 1, 0)
    ctx.output({"language": "python", "ticket": ticket["ticket"], **verdict})


def converse(conversation, ctx):
    """Lets the model and its tools talk until the model calls none."""
    for _ in range(TURNS_MAX):
        reply = ask_model(conversation, ctx)
        conversation.append(reply)
        if not reply.get("tool_calls"):
            return reply
        for call in reply["tool_calls"]:
            result = use_tool(call["function"]["name"], json.loads(call["function"]["arguments"]), ctx)
            conversation.append({"role": "tool", "tool_call_id": call["id"], "content": json.dumps(result)})
    raise Failure("too-many-turns", f"the model came to no verdict in {TURNS_MAX} turns")


def ask_model(conversation, ctx):
    request = {"model": "scripted", "user": f"{ctx.key}/python", "messages": [SYSTEM, *conversation], "tools": TOOLS}
    answer = ctx.post(f"{ctx.config['world']}/v1/chat/completions", json=request, timeout=20).json()
    return answer["choices"][0]["message"]


def use_tool(name, arguments, ctx):
    world = ctx.config["world"]
    logging.info("%s %s", name, arguments)
    if name == "find_order":
        found = ctx.get(f"{world}/orders/{arguments['order']}", raise_for_status=False)
        return found.json() if found.ok else {"error": "there is no such order"}
    if name == "refund":
        # An effect: it carries an Idempotency-Key, and its answer is recorded.
        return ctx.post(f"{world}/refunds", json={**arguments, "customer": ctx.key}).json()
    return {"error": f"there is no tool {name}"}
